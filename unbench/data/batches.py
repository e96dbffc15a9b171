"""Mini-batches of normalised, optionally augmented images, straight from bytes in memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import NamedTuple

import torch
from torch import Tensor, nn

from unbench.data.images import Images

CROP_PADDING = 4
"""Pixels of padding before a random crop back to the image's size, for 28 to 64 pixels; scaled beyond."""


class Batch(NamedTuple):
    """A mini-batch.

    Attributes:
        rows: int64, (B,): positions in the set.
        images: float32, (B, C, S, S), normalised.
        labels: int64, (B,).
        keys: float32, (B, D), or None.
    """

    rows: Tensor
    images: Tensor
    labels: Tensor
    keys: Tensor | None = None

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """The arguments of a model: the images, and their keys if the set has them."""
        return (self.images,) if self.keys is None else (self.images, self.keys)


def normalise(pixels: Tensor) -> Tensor:
    """Scale bytes to floats in [-1, 1]; feature maps of a frozen backbone, already floats, keep their scale.

    The constants are fixed: statistics of the training set would carry information about the forget set.
    """
    return pixels.float().div_(127.5).sub_(1.0) if pixels.dtype == torch.uint8 else pixels.float()


@dataclass(eq=False)
class Batches:
    """An endless supply of epochs over a set of images, shuffled by its own generator.

    Iterating once yields one epoch; iterating again yields the next, in another order.

    Attributes:
        images: the set.
        batch_size: images in a batch; the last one may be smaller.
        device: to which batches are moved.
        seed: of order and augmentation; None keeps the order and allows no augmentation.
        augment: any of "crop" and "flip".
        padding: see `augmented`.
    """

    images: Images
    batch_size: int
    device: torch.device
    seed: int | None = None
    augment: tuple[str, ...] = ()
    padding: str = "black"

    def __post_init__(self) -> None:
        if self.augment and self.seed is None:
            raise ValueError("augmentation needs a seed")
        self.generator = None if self.seed is None else torch.Generator().manual_seed(self.seed)

    def __len__(self) -> int:
        return -(-len(self.images) // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        n = len(self.images)
        order = torch.arange(n) if self.generator is None else torch.randperm(n, generator=self.generator)
        for rows in order.split(self.batch_size):
            picked = self.images.take(rows.numpy())
            pixels, labels = (torch.from_numpy(part).to(self.device) for part in (picked.pixels, picked.labels))
            keys = None if picked.keys is None else torch.from_numpy(picked.keys).to(self.device)
            if self.augment:
                pixels = augmented(pixels, self.augment, self.generator, self.padding)
            yield Batch(rows.to(self.device), normalise(pixels), labels, keys)


class PairedBatches:
    """An epoch over `retain`, each batch with one of `forget`, which starts again in a new order when used up."""

    def __init__(self, retain: Batches, forget: Batches) -> None:
        self.retain = retain
        self.forget = chain.from_iterable(repeat(forget))

    def __iter__(self) -> Iterator[tuple[Batch, Batch]]:
        return zip(self.retain, self.forget, strict=False)


def first_batch(images: Images, batch_size: int, device: torch.device) -> Batch:
    """Return the first images of a set, un-augmented."""
    return next(iter(Batches(images, batch_size, device)))


def augmented(
    pixels: Tensor, augment: Sequence[str], generator: torch.Generator | None, padding: str = "black"
) -> Tensor:
    """Return square images (B, C, S, S), each moved by its own offset, mirrored or not; channels innermost in memory.

    Args:
        pixels: bytes, or floats in [-1, 1].
        augment: any of "crop" (an offset of at most the padding in each direction) and "flip" (every second image).
        generator: draws offsets and flips.
        padding: what comes in beyond an edge: "black", or the image itself, "reflect"ed at its outermost pixels.
    """
    count, _, side, _ = pixels.shape
    if "crop" in augment:
        pad = max(1, CROP_PADDING * side // 32)
        down, right = torch.randint(0, 2 * pad + 1, (2, count), generator=generator).to(pixels.device)
        # All windows are views; the one gather copies each image's own.
        windows = _padded(pixels, pad, padding).unfold(2, side, 1).unfold(3, side, 1)
        pixels = windows[torch.arange(count, device=pixels.device), :, down, right]
    if "flip" in augment:
        flips = (torch.rand(count, generator=generator) < 0.5).to(pixels.device)
        pixels = torch.where(flips[:, None, None, None], pixels.flip(3), pixels)
    return pixels.contiguous(memory_format=torch.channels_last)


def _padded(pixels: Tensor, pad: int, padding: str) -> Tensor:
    if padding == "reflect":
        places = torch.arange(-pad, pixels.shape[3] + pad, device=pixels.device).abs()
        places = pixels.shape[3] - 1 - (pixels.shape[3] - 1 - places).abs()
        return pixels[:, :, places][:, :, :, places]
    return nn.functional.pad(pixels, (pad, pad, pad, pad), value=0 if pixels.dtype == torch.uint8 else -1.0)
