"""Deletion from a saved model: by ids alone, in one atomic step, with a receipt."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from unbench.deployment.saved import MEMORY, SavedModel
from unbench.errors import SpecError, StoreError
from unbench.experiment.provenance import now
from unbench.models.memory import Memory
from unbench.store.json_files import write_json
from unbench.store.tensors import content_hash


def forget(model_dir: Path | str, ids: Iterable[int], strict: bool = False) -> dict[str, Any]:
    """Delete the entries of `ids` from a saved model with a memory, and return the receipt.

    Neither data nor labels nor the network are loaded: only the file of weights, which is replaced in one step. A
    crash leaves the old model or the new one. The receipts are in the same file, and as JSON in MODEL_DIR/receipts;
    where a crash came between the two, the next call writes what is missing. Deleting what is not stored changes
    nothing and is stated in the receipt, so a request can be repeated.

    Args:
        model_dir: folder written by `unbench train`.
        ids: of training images, as in the data set's published order.
        strict: refuse the whole request if one of the ids is not stored.

    Returns:
        receipt: its number; deleted and not_stored (lists of ids); entries_left; deleted_at (UTC); model_before and
        model_after, SHA-256 over the tensors (unbench.store.tensors.content_hash).

    Raises:
        StoreError: there is no model, it is damaged, or it cannot be written; nothing was changed.
        SpecError: the model has no memory, or `strict` and an id is not stored; nothing was changed.
    """
    saved = SavedModel(Path(model_dir))
    record = saved.read_record()
    with saved.locked():
        for leftover in saved.folder.glob(f".{saved.weights.name}.*.part"):
            leftover.unlink(missing_ok=True)  # of a crash: we hold the lock, so nobody is writing it
        state, receipts = saved.read_state()
        _write_receipts(saved, receipts)
        memory = _memory(state, saved)
        wanted = torch.tensor(sorted(set(ids)), dtype=torch.int64)
        absent = memory.missing(wanted).tolist()
        if strict and absent:
            raise SpecError(f"{len(absent)} of the ids are not in the model, such as {absent[0]}; nothing was deleted")
        before = content_hash(state)
        deleted = sorted(set(wanted.tolist()) - set(absent))
        memory.forget(wanted)
        after = {**state, **{MEMORY + name: tensor for name, tensor in memory.state_dict().items()}}
        receipt = {
            "receipt": len(receipts) + 1,
            "method": record.method,
            "dataset": record.dataset,
            "deleted": deleted,
            "not_stored": absent,
            "entries_left": len(memory),
            "deleted_at": now(),
            "model_before": before,
            "model_after": content_hash(after),
            "unbench_version": version("unbench"),
        }
        saved.write_state(after, [*receipts, receipt])
        _write_receipts(saved, [*receipts, receipt])
    return receipt


def read_ids(text: str, source: str) -> list[int]:
    """Ids from a file's text, one a line; empty lines and what follows a # are passed over.

    Raises:
        SpecError: a line is no id, naming `source` and the line; or there is none at all.
    """
    ids = []
    for number, line in enumerate(text.splitlines(), 1):
        word = line.partition("#")[0].strip()
        if not word:
            continue
        if not (word.isascii() and word.isdigit() and len(word) < 19):
            raise SpecError(f"{source}, line {number}: '{word[:40]}' is no id; one whole number a line is expected")
        ids.append(int(word))
    if not ids:
        raise SpecError(f"{source} has no ids in it")
    return ids


def _memory(state: dict[str, Tensor], saved: SavedModel) -> Memory:
    parts = {name.removeprefix(MEMORY): tensor for name, tensor in state.items() if name.startswith(MEMORY)}
    if not {"ids", "keys", "tokens"} <= parts.keys():
        raise SpecError(f"the model in {saved.folder} has no memory, so nothing can be deleted from it")
    memory = Memory(
        torch.empty(0, dtype=torch.int64), torch.empty(0, parts["keys"].shape[-1]), parts["tokens"].shape[-1]
    )
    try:
        memory.load_state_dict(parts)
    except (RuntimeError, ValueError) as error:
        raise StoreError(f"the memory in {saved.weights} is damaged: {error}") from error
    return memory


def _write_receipts(saved: SavedModel, receipts: list[dict[str, Any]]) -> None:
    for receipt in receipts:
        path = saved.receipts / f"{receipt['receipt']:04d}.json"
        if not path.exists():
            write_json(path, receipt, checksum=False)
