"""Pools on disk: the outputs of shadow models as trained, and after each method made them forget.

    RESULTS/shadows/<pool>/pool.json               what they were trained on and how
    RESULTS/shadows/<pool>/examples.safetensors    ids and labels of every image, per split
    RESULTS/shadows/<pool>/0007.safetensors        one model: its half, and its logits per split
    RESULTS/shadows/<pool>/<cell>/cell.json        a method, its hyper-parameters, a scenario
    RESULTS/shadows/<pool>/<cell>/0007.safetensors the same model after that: what it forgot, and its logits

The models themselves are stages. A pool can be published and evaluated without them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from unbench.seeds import digest
from unbench.store.arrays import Arrays, load_arrays, save_arrays
from unbench.store.json_files import read_json, write_json
from unbench.store.results import Store


class Models:
    """Outputs of numbered models in a folder, and what they have in common."""

    ABOUT: ClassVar[str]
    MASK: ClassVar[str]

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def about(self) -> dict[str, Any]:
        """What the models have in common; raises StoreError if the file is damaged."""
        return _read_about(self.folder / self.ABOUT)

    def numbers(self) -> list[int]:
        """Of the models that are there."""
        return sorted(int(path.stem) for path in self.folder.glob("[0-9]*.safetensors"))

    def has(self, number: int, store: Store) -> bool:
        """Whether a model is there and whole; a damaged one is set aside in the results folder it is in."""
        return store.recover(self._path(number), load_arrays) is not None

    def write(self, number: int, mask: NDArray[np.bool_], logits: Mapping[str, NDArray[np.float32]]) -> None:
        """Store a model's mask over the training images (N,), and its logits per split (N, K)."""
        save_arrays(self._path(number), {self.MASK: mask, **logits})

    def read(self, number: int) -> Arrays:
        """The mask, under its name, and the logits of each split; raises StoreError if the file is damaged."""
        return load_arrays(self._path(number))[0]

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:04}.safetensors"


class Cell(Models):
    """The models of a pool after one method made them forget in one scenario; `forgotten` says what."""

    ABOUT = "cell.json"
    MASK = "forgotten"


class Pool(Models):
    """The shadow models of one data set, preset and way of training; `half` says what each was trained on."""

    ABOUT = "pool.json"
    MASK = "half"

    @classmethod
    def open(cls, store: Store, about: Mapping[str, Any], examples: Arrays) -> Pool:
        """The pool of this meaning in a results folder; what is not there, or damaged, is made."""
        pool = cls(store.shadows / digest(about))
        with store.lock(f"pool-{pool.folder.name}"):
            if store.recover(pool._examples, load_arrays) is None:
                save_arrays(pool._examples, examples)
            if store.recover(pool.folder / cls.ABOUT, _read_about) is None:
                write_json(pool.folder / cls.ABOUT, about)
        return pool

    def examples(self) -> Arrays:
        """`ids/<split>` and `labels/<split>`, int64 (N,)."""
        return load_arrays(self._examples)[0]

    def cell(self, store: Store, about: Mapping[str, Any]) -> Cell:
        """What a method left of these models; what is not there, or damaged, is made."""
        cell = Cell(self.folder / digest(about))
        with store.lock(f"pool-{self.folder.name}"):
            if store.recover(cell.folder / cell.ABOUT, _read_about) is None:
                write_json(cell.folder / cell.ABOUT, about)
        return cell

    @property
    def _examples(self) -> Path:
        return self.folder / "examples.safetensors"

    def cells(self) -> list[Cell]:
        """Every method that was applied to these models."""
        return [Cell(path.parent) for path in sorted(self.folder.glob(f"*/{Cell.ABOUT}"))]


def pools(shadows: Path) -> list[Pool]:
    """Every pool in a folder."""
    return [Pool(path.parent) for path in sorted(shadows.glob(f"*/{Pool.ABOUT}"))]


def _read_about(path: Path) -> dict[str, Any]:
    return read_json(path, "'unbench shadow'")
