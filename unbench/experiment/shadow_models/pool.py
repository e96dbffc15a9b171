"""Pools on disk: the outputs of shadow models as trained, and after each method made them forget.

    RESULTS/shadows/<pool>/pool.json               what they were trained on and how
    RESULTS/shadows/<pool>/examples.safetensors    ids and labels of every image, per split
    RESULTS/shadows/<pool>/0007.safetensors        one model: its half, and its logits per split
    RESULTS/shadows/<pool>/<cell>/cell.json        a method, its hyper-parameters, a scenario
    RESULTS/shadows/<pool>/<cell>/0007.safetensors the same model after that: what it forgot, and its logits

The models themselves are stored with the reference models. A pool can be published and evaluated without them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from unbench.config.seeds import digest
from unbench.errors import SpecError
from unbench.store.arrays import Arrays, load_arrays, save_arrays
from unbench.store.json_files import read_json, write_json
from unbench.store.results import Store

if TYPE_CHECKING:
    from torch import Tensor

LEAST = 4
"""Models below which no attack has two that saw an image and two that did not."""


def check_count(count: int) -> None:
    """Raise SpecError unless the models come in pairs, with complementary halves of the training set, and suffice."""
    if count < LEAST or count % 2:
        raise SpecError(f"the number of shadow models must be even and at least {LEAST}, not {count}")


class NumberedOutputs:
    """Outputs of numbered models in a folder, and what they have in common."""

    ABOUT: ClassVar[str]
    MASK: ClassVar[str]

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def about(self) -> dict[str, Any]:
        """What the models have in common; raises StoreError if the file is damaged."""
        return _read_about(self.folder / self.ABOUT)

    def write_about(self, store: Store, about: Mapping[str, Any]) -> None:
        """Store what the models have in common, unless it is there and intact."""
        if store.recover(self.folder / self.ABOUT, _read_about) is None:
            write_json(self.folder / self.ABOUT, about)

    def numbers(self) -> list[int]:
        """Return the numbers of the stored models."""
        return sorted(int(path.stem) for path in self.folder.glob("[0-9]*.safetensors"))

    def has(self, number: int, store: Store) -> bool:
        """Return True if a model is stored and intact; set a damaged one aside."""
        return store.recover(self._path(number), load_arrays) is not None

    def write(self, number: int, mask: NDArray[np.bool_], logits: Mapping[str, Tensor]) -> None:
        """Store a model's mask over the training images (N,), and its logits per split (N, K)."""
        arrays = {split: values.numpy() for split, values in logits.items()}
        save_arrays(self._path(number), {self.MASK: mask, **arrays})

    def read(self, number: int) -> Arrays:
        """Return the mask, under its name, and the logits of each split; raise StoreError if the file is damaged."""
        return load_arrays(self._path(number))[0]

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:04}.safetensors"


class UnlearnedShadows(NumberedOutputs):
    """The models of a pool after one method made them forget in one scenario; `forgotten` is the mask."""

    ABOUT = "cell.json"
    MASK = "forgotten"


class ShadowPool(NumberedOutputs):
    """The shadow models of one data set, preset and way of training; `half` masks what each was trained on."""

    ABOUT = "pool.json"
    MASK = "half"

    @classmethod
    def open(cls, store: Store, about: Mapping[str, Any], examples: Arrays) -> ShadowPool:
        """Return the pool with this description in a results folder; write what is missing or damaged."""
        pool = cls(store.shadows / digest(about))
        with store.lock(f"pool-{pool.folder.name}"):
            if store.recover(pool._examples, load_arrays) is None:
                save_arrays(pool._examples, examples)
            pool.write_about(store, about)
        return pool

    def examples(self) -> Arrays:
        """Return `ids/<split>` and `labels/<split>`, int64 (N,)."""
        return load_arrays(self._examples)[0]

    def cell(self, store: Store, about: Mapping[str, Any]) -> UnlearnedShadows:
        """Return the outputs after a method and scenario; write what is missing or damaged."""
        cell = UnlearnedShadows(self.folder / digest(about))
        with store.lock(f"pool-{self.folder.name}"):
            cell.write_about(store, about)
        return cell

    @property
    def _examples(self) -> Path:
        return self.folder / "examples.safetensors"

    def cells(self) -> list[UnlearnedShadows]:
        """Return the outputs after every method that was applied to these models."""
        return [UnlearnedShadows(path.parent) for path in sorted(self.folder.glob(f"*/{UnlearnedShadows.ABOUT}"))]


def pools(shadows: Path) -> list[ShadowPool]:
    """Return every pool in a folder."""
    return [ShadowPool(path.parent) for path in sorted(shadows.glob(f"*/{ShadowPool.ABOUT}"))]


def _read_about(path: Path) -> dict[str, Any]:
    return read_json(path, "'unbench shadow'")
