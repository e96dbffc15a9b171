"""Pools on disk: the outputs of shadow models as trained, and after each method made them forget.

    RESULTS/shadows/<pool>/pool.json               what they were trained on and how
    RESULTS/shadows/<pool>/examples.safetensors    ids and labels of every image, per split
    RESULTS/shadows/<pool>/0007.safetensors        one model: its half, and its logits per split
    RESULTS/shadows/<pool>/<cell>/cell.json        a method, its hyper-parameters, a scenario
    RESULTS/shadows/<pool>/<cell>/0007.safetensors the same model after that: what it forgot, and its logits

The models themselves are stages. A pool can be published and evaluated without them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from unbench.arrays import Arrays, load_arrays, save_arrays
from unbench.errors import StoreError
from unbench.seeds import digest
from unbench.store import write_json

ORACLE = "retrain"
"""Method name of the cell of models that were retrained without their forget sets, in every pool."""


class Models:
    """Outputs of numbered models in a folder, and what they have in common."""

    ABOUT: ClassVar[str]
    MASK: ClassVar[str]

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def about(self) -> dict[str, Any]:
        """What the models have in common; raises StoreError if the file is damaged."""
        return _read_json(self.folder / self.ABOUT)

    def numbers(self) -> list[int]:
        """Of the models that are there."""
        return sorted(int(path.stem) for path in self.folder.glob("[0-9]*.safetensors"))

    def has(self, number: int) -> bool:
        """Whether a model is there."""
        return self._path(number).exists()

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
    def open(cls, shadows: Path, about: Mapping[str, Any], examples: Arrays) -> Pool:
        """The pool of this meaning in the folder `shadows`, made if it is not there."""
        pool = cls(shadows / digest(about))
        if not (pool.folder / cls.ABOUT).exists():
            save_arrays(pool.folder / "examples.safetensors", examples)
            write_json(pool.folder / cls.ABOUT, dict(about))
        return pool

    def examples(self) -> Arrays:
        """`ids/<split>` and `labels/<split>`, int64 (N,)."""
        return load_arrays(self.folder / "examples.safetensors")[0]

    def cell(self, about: Mapping[str, Any]) -> Cell:
        """What a method left of these models; the folder is made if it is not there."""
        cell = Cell(self.folder / digest(about))
        if not (cell.folder / cell.ABOUT).exists():
            write_json(cell.folder / cell.ABOUT, dict(about))
        return cell

    def cells(self) -> list[Cell]:
        """Every method that was applied to these models."""
        return [Cell(path.parent) for path in sorted(self.folder.glob(f"*/{Cell.ABOUT}"))]


def pools(shadows: Path) -> list[Pool]:
    """Every pool in a folder."""
    return [Pool(path.parent) for path in sorted(shadows.glob(f"*/{Pool.ABOUT}"))]


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError) as error:
        raise StoreError(f"{path} is damaged ({error}); remove its folder") from error
