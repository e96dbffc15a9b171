"""Deletion from a saved model: by ids alone, in one atomic step, with a receipt."""

from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor

from unbench.deployment.saved import MEMORY, Receipt, SavedModel, faults_as
from unbench.errors import SpecError
from unbench.experiment.provenance import now
from unbench.models.memory import Memory
from unbench.store.json_files import write_json
from unbench.store.tensors import content_hash


def forget(model_dir: Path | str, ids: Iterable[int], strict: bool = False) -> Receipt:
    """Delete the entries of `ids` from a saved model with a memory, and return the receipt.

    Only the file of weights is read, no data, labels or encoder, and it is replaced in one step: a crash leaves the
    old model or the new one. The receipts are in the same file, and as JSON in MODEL_DIR/receipts; if a crash comes
    between the two, the next call writes the missing ones. Ids that are not stored are listed in the receipt and
    change nothing, so a request can be repeated.

    Args:
        model_dir: folder written by `unbench train`.
        ids: of training images, as in the data set's published order.
        strict: whether to refuse the whole request if one of the ids is not stored.

    Raises:
        StoreError: there is no model, or it is damaged or cannot be written; nothing was changed.
        SpecError: the model has no memory, or `strict` and an id is not stored; nothing was changed.
    """
    saved = SavedModel(Path(model_dir))
    record = saved.read_record()
    with saved.locked():
        for leftover in saved.folder.glob(f".{saved.weights.name}.*.part"):
            leftover.unlink(missing_ok=True)  # left by a crash: we hold the lock, so nobody is writing it
        state, receipts = saved.read_state()
        _write_receipts(saved, receipts)
        memory = _memory(state, saved)
        wanted = torch.tensor(sorted(set(ids)), dtype=torch.int64)
        absent = memory.missing(wanted).tolist()
        if strict and absent:
            raise SpecError(f"{len(absent)} of the ids are not in the model, such as {absent[0]}; nothing was deleted")
        before = content_hash(state)
        memory.forget(wanted)
        after = {**state, **{MEMORY + name: tensor for name, tensor in memory.state_dict().items()}}
        receipt = Receipt(
            receipt=len(receipts) + 1,
            method=record.method,
            dataset=record.dataset,
            deleted=sorted(set(wanted.tolist()) - set(absent)),
            not_stored=absent,
            entries_left=len(memory),
            deleted_at=now(),
            model_before=before,
            model_after=content_hash(after),
            unbench_version=version("unbench"),
        )
        saved.write_state(after, [*receipts, receipt])
        _write_receipts(saved, [*receipts, receipt])
    return receipt


def read_ids(text: str, source: str) -> list[int]:
    """Return the ids in a file's text, one on each line; empty lines and what follows a # are ignored.

    Raises:
        SpecError: a line is not an id (the message names `source` and the line), or there are no ids.
    """
    ids = []
    for number, line in enumerate(text.splitlines(), 1):
        word = line.partition("#")[0].strip()
        if not word:
            continue
        if not (word.isascii() and word.isdigit() and len(word) < 19):
            raise SpecError(
                f"{source}, line {number}: '{word[:40]}' is not an id; each line must hold one whole number"
            )
        ids.append(int(word))
    if not ids:
        raise SpecError(f"{source} has no ids")
    return ids


def _memory(state: dict[str, Tensor], saved: SavedModel) -> Memory:
    parts = {name.removeprefix(MEMORY): tensor for name, tensor in state.items() if name.startswith(MEMORY)}
    if not {"ids", "keys", "tokens"} <= parts.keys():
        raise SpecError(f"the model in {saved.folder} has no memory, so nothing can be deleted from it")
    memory = Memory(
        torch.empty(0, dtype=torch.int64), torch.empty(0, parts["keys"].shape[-1]), parts["tokens"].shape[-1]
    )
    with faults_as(f"the memory in {saved.weights} is damaged"):
        memory.load_state_dict(parts)
    return memory


def _write_receipts(saved: SavedModel, receipts: list[Receipt]) -> None:
    for receipt in receipts:
        path = saved.folder / "receipts" / f"{receipt['receipt']:04d}.json"
        if not path.exists():
            write_json(path, receipt, checksum=False)
