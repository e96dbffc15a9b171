"""The frozen index file: which images are retained, forgotten, validated on and tested on.

Drawn once per (data set, scenario, seed), hashed, and read by every step: an original and an unlearner that draw
their own splits train on each other's forget set, which has happened in published code.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from unbench.config.seeds import digest
from unbench.data.images import Dataset, Images, Ints
from unbench.errors import DamagedError, StoreError
from unbench.scenarios import Scenario, draw_forget_set
from unbench.store.json_files import read_json, write_json
from unbench.store.results import Store


@dataclass(frozen=True)
class FrozenSplit:
    """Rows of the training set, and the hash of the index file that froze them.

    Attributes:
        retain, forget: positions in `Dataset.train`, sorted, disjoint, together all of it.
        forget_class: label of the forgotten class, or None.
        hash: of the index file's content.
    """

    retain: Ints
    forget: Ints
    forget_class: int | None
    hash: str

    def retained(self, data: Dataset) -> Images:
        """Return the retain set."""
        return data.train.take(self.retain)

    def forgotten(self, data: Dataset) -> Images:
        """Return the forget set."""
        return data.train.take(self.forget)


def freeze_split(store: Store, data: Dataset, scenario: Scenario, seed: int) -> FrozenSplit:
    """Read the index file of this split, or draw and write it; one that was changed or damaged is set aside first.

    Raises:
        SpecError: the scenario is impossible on these data.
        StoreError: the file cannot be read or written, or does not fit the data.
    """
    drawn = draw_forget_set(scenario, data.train.labels, len(data.classes), seed)
    index: dict[str, Any] = {
        "dataset": data.name,
        "dataset_version": data.version,
        "data_fingerprint": data.fingerprint,
        "scenario": scenario.name,
        "forget_class": drawn.forget_class,
        "seed": seed,
        "retain": data.train.ids[drawn.retain].tolist(),
        "forget": data.train.ids[drawn.forget].tolist(),
        "val": data.val.ids.tolist(),
        "test": data.test.ids.tolist(),
    }
    name = f"{data.name}-{scenario.name}-seed{seed}-{data.fingerprint}.json"
    path = store.splits / name
    # One at a time, so that none sets aside what another has just written.
    with store.lock(f"split-{path.stem}"):
        stored = store.recover(path, _read_index)
        if stored is None:
            write_json(path, {**index, "hash": digest(index)})
        else:
            index = stored
    rows = {int(example): row for row, example in enumerate(data.train.ids)}
    try:
        retain, forget = (np.array([rows[i] for i in index[part]], dtype=np.int64) for part in ("retain", "forget"))
    except KeyError as error:
        raise StoreError(f"the index file {path} names example {error}, which is not in the data") from error
    if len(retain) + len(forget) != len(data.train) or len(np.union1d(retain, forget)) != len(data.train):
        raise StoreError(f"the index file {path} does not divide the training set; move it away")
    return FrozenSplit(retain, forget, index["forget_class"], digest(index))


def _read_index(path: Path) -> dict[str, Any]:
    # Published index files have no checksum; their own hash is as good.
    index = read_json(path, may_lack_checksum=True)
    stored = index.pop("hash", None)
    if digest(index) != stored:
        raise DamagedError(path, "it does not match its own hash")
    return index
