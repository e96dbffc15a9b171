"""A cache of features on disk, from which a deleted image's rows can be erased."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock
from numpy.typing import NDArray
from torch import Tensor

from unbench.data.cache import cache_folder
from unbench.data.encoders.base import Encoder, FeatureEncoder
from unbench.data.encoders.table import FeatureTable, erase
from unbench.data.images import Dataset, Images, Ints
from unbench.errors import DataError, refusals_as
from unbench.progress import Progress
from unbench.seeds import digest
from unbench.store.tensors import content_hash

BATCH = 32
"""Images in one pass of an encoder: with more, a network at 224 pixels would need hundreds of megabytes."""


class FeatureCache:
    """Keys and maps of one data set's images, by any encoder.

    Each encoder, kind ("keys", "maps") and split has its own table, named after the encoder, its version, what it was
    trained on and what it was fitted to. A damaged row or table is computed again. A lock makes processes take turns.

    Args:
        data: the data set; its fingerprint identifies the pixels.
        folder: default CACHE/features/<data set>-<fingerprint>.
    """

    def __init__(self, data: Dataset, folder: Path | None = None) -> None:
        self.data = data
        self.folder = folder or cache_folder() / "features" / f"{data.name}-{data.fingerprint}"
        self._fitted: list[Encoder] = []

    def keys(
        self, encoder: Encoder, split: str, progress: Progress | None = None, store: bool = True
    ) -> NDArray[np.float32]:
        """Return keys float32 (N, D) of the images of a split, in their order, as a copy in memory.

        The encoder is fitted to the validation images first, and stays fitted.

        Args:
            encoder: from unbench.data.encoders.load.
            split: "train", "val" or "test".
            progress: shows the computation.
            store: whether to keep what had to be computed.

        Raises:
            DataError: the folder cannot be used.
        """
        return self._get(encoder, split, ("keys",), progress or Progress(), store)["keys"]

    def maps(
        self, encoder: FeatureEncoder, split: str, progress: Progress | None = None, store: bool = True
    ) -> NDArray[np.float16]:
        """Return maps float16 (N, C', h, w), as `keys`; the pass that computes them stores the keys too.

        `keys` does not store maps, which are a hundred times as large: ask for the maps first to get both in one
        pass.
        """
        return self._get(encoder, split, ("maps", "keys"), progress or Progress(), store)["maps"]

    def evict(self, ids: Ints, split: str = "train") -> int:
        """Erase the rows of images, by every encoder and of every kind, and mark them absent.

        This covers one folder: another preset of the data set has its own. The bytes are overwritten in place; older
        versions that a file system may keep are beyond reach.

        Args:
            ids: as in Images.ids; ids that are not in the split are ignored.
            split: the split of the images.

        Returns:
            The number of stored rows that were erased, over all tables of the split.
        """
        rows = np.flatnonzero(np.isin(self.data.splits[split].ids, ids))
        if not self.folder.is_dir():
            return 0
        with self._locked():
            return sum(erase(path, rows) for path in sorted(self.folder.glob(f"*.{split}.npy")))

    def _get(
        self, encoder: Encoder, split: str, kinds: tuple[str, ...], progress: Progress, store: bool
    ) -> dict[str, NDArray[Any]]:
        self._fit(encoder)
        images = self.data.splits[split]
        with self._locked():
            tables = {kind: self._table(encoder, kind, split, len(images)) for kind in kinds}
            found = {kind: table.read() for kind, table in tables.items()}
            rows = {kind: values for kind, (values, _) in found.items()}
            absent = np.flatnonzero(~np.logical_and.reduce([present for _, present in found.values()]))
            batches = np.array_split(absent, range(BATCH, len(absent), BATCH)) if len(absent) else []
            title = f"{kinds[0]} of {self.data.name} {split} by {encoder.name}"
            for at in progress.named(title).track(batches, "batches", len(batches)) if batches else ():
                for kind, values in _compute(encoder, images, at, kinds).items():
                    rows[kind][at] = values
                    if store:
                        tables[kind].write(at, rows[kind][at])
        return rows

    def _fit(self, encoder: Encoder) -> None:
        # Networks have nothing to fit, and copying large images takes time.
        if not isinstance(encoder, FeatureEncoder) and not any(known is encoder for known in self._fitted):
            encoder.fit(_tensor(self.data.val.pixels))
            self._fitted.append(encoder)

    def _table(self, encoder: Encoder, kind: str, split: str, count: int) -> FeatureTable:
        readable = re.sub(r"[^A-Za-z0-9_-]", "_", encoder.name)
        # What was fitted is part of the name: another library version may flip the sign of a component.
        meaning = digest([encoder.name, encoder.version, encoder.trained_on, content_hash(encoder.state())], 8)
        path = self.folder / f"{readable}-v{encoder.version}-{meaning}.{kind}.{split}.npy"
        if kind == "maps":
            assert isinstance(encoder, FeatureEncoder)
            return FeatureTable(path, (count, *encoder.map_shape), np.float16)
        return FeatureTable(path, (count, encoder.dim), np.float32)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with refusals_as(DataError, f"cannot keep features in {self.folder}"):
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / ".lock"):
                yield


def _compute(encoder: Encoder, images: Images, at: Ints, kinds: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    # One at a time on a CPU, which is as fast: sums of a batch depend on its size, and an image that is computed again
    # after its eviction must get the same features to the last bit.
    parts = _tensor(images.pixels[at]).split(1 if encoder.device.type == "cpu" else BATCH)
    if "maps" not in kinds:
        return {"keys": torch.cat([encoder.keys(part) for part in parts]).cpu().numpy()}
    assert isinstance(encoder, FeatureEncoder)
    maps, keys = zip(*(encoder.both(part) for part in parts), strict=True)
    return {"maps": torch.cat([part.half() for part in maps]).cpu().numpy(), "keys": torch.cat(keys).cpu().numpy()}


def _tensor(pixels: NDArray[np.uint8]) -> Tensor:
    # A copy: mapped pixels are read-only, and torch has no read-only tensors.
    return torch.from_numpy(np.array(pixels))
