"""Features computed once and kept on disk, from which a deleted image's rows can be erased."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unbench.data.cache import cache_folder
from unbench.data.encoders.base import Encoder, FeatureEncoder
from unbench.data.encoders.eviction import Eviction, locked
from unbench.data.encoders.table import Table
from unbench.data.images import Dataset, Images, Ints
from unbench.progress import Progress
from unbench.seeds import digest
from unbench.store.tensors import content_hash

BATCH = 32
"""Images in one pass of an encoder: with more, a network at 224 pixels needs hundreds of megabytes."""


class FeatureCache:
    """Keys and maps of one data set's images, by any encoder.

    One table for each encoder, kind ("keys", "maps") and split, named after the encoder, its version, what it was
    trained on and what it was fitted to. A damaged row or table is computed anew. Processes take turns by a lock.

    Args:
        data: the data set; its fingerprint stands for all pixels in use.
        folder: default CACHE/features/<data set>-<fingerprint>.
    """

    def __init__(self, data: Dataset, folder: Path | None = None) -> None:
        self.data = data
        self.folder = folder or cache_folder() / "features" / f"{data.name}-{data.fingerprint}"
        self._fitted: list[Encoder] = []

    def keys(
        self, encoder: Encoder, split: str, progress: Progress | None = None, store: bool = True
    ) -> NDArray[np.float32]:
        """Keys float32 (N, D) of the images of a split, in their order, as a copy in memory.

        The encoder is fitted on the validation images first, and stays so.

        Args:
            encoder: from unbench.data.encoders.load.
            split: "train", "val" or "test".
            progress: shows the computing.
            store: keep what had to be computed.

        Raises:
            DataError: the folder cannot be used.
        """
        return self._get(encoder, split, ("keys",), progress or Progress(), store)["keys"]

    def maps(
        self, encoder: FeatureEncoder, split: str, progress: Progress | None = None, store: bool = True
    ) -> NDArray[np.float16]:
        """Maps float16 (N, C', h, w), as `keys`; the pass that computes them stores the keys too.

        `keys` does not store maps, which take a hundred times as much room: ask for the maps first to get both in
        one pass.
        """
        return self._get(encoder, split, ("maps", "keys"), progress or Progress(), store)["maps"]

    def evict(self, ids: Ints, split: str = "train") -> int:
        """Erase the rows of images, by every encoder and of every kind, and mark them absent.

        Covers this folder only: another preset of the data set has its own. The bytes are overwritten in place; what
        a file system keeps of older versions is beyond reach.

        Args:
            ids: as in Images.ids; ones that the split does not have are passed over.
            split: to which they belong.

        Returns:
            How many stored rows were erased, over all tables of the split.
        """
        return Eviction(self.folder, self.data.splits[split].ids, split)(ids)

    def _get(
        self, encoder: Encoder, split: str, kinds: tuple[str, ...], progress: Progress, store: bool
    ) -> dict[str, NDArray[Any]]:
        self._fit(encoder)
        images = self.data.splits[split]
        with locked(self.folder):
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
        # Networks have nothing to fit; copying large images for them would be for nothing.
        if not isinstance(encoder, FeatureEncoder) and not any(known is encoder for known in self._fitted):
            encoder.fit(_tensor(self.data.val.pixels))
            self._fitted.append(encoder)

    def _table(self, encoder: Encoder, kind: str, split: str, count: int) -> Table:
        readable = re.sub(r"[^A-Za-z0-9_-]", "_", encoder.name)
        # What was fitted is part of the name: another library version may turn the basis round.
        meaning = digest([encoder.name, encoder.version, encoder.trained_on, content_hash(encoder.state())], 8)
        path = self.folder / f"{readable}-v{encoder.version}-{meaning}.{kind}.{split}.npy"
        if kind == "maps":
            assert isinstance(encoder, FeatureEncoder)
            return Table(path, (count, *encoder.map_shape), np.float16)
        return Table(path, (count, encoder.dim), np.float32)


def _compute(encoder: Encoder, images: Images, at: Ints, kinds: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    pixels = _tensor(images.pixels[at])
    # One at a time on a CPU, which is as fast: sums of a batch depend on its size, and an image that is computed again
    # after its eviction must come out the same to the last bit.
    parts = [_encode(encoder, part, kinds) for part in pixels.split(1 if encoder.device.type == "cpu" else BATCH)]
    return {kind: np.concatenate([part[kind] for part in parts]) for kind in kinds}


def _encode(encoder: Encoder, pixels: Tensor, kinds: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    if "maps" not in kinds:
        return {"keys": encoder.keys(pixels).cpu().numpy()}
    assert isinstance(encoder, FeatureEncoder)
    maps, keys = encoder.both(pixels)
    return {"maps": maps.half().cpu().numpy(), "keys": keys.cpu().numpy()}


def _tensor(pixels: NDArray[np.uint8]) -> Tensor:
    # A copy: mapped pixels are read-only, which torch's tensors cannot be.
    return torch.from_numpy(np.array(pixels))
