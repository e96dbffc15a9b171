"""Batches of two sets side by side."""

from __future__ import annotations

from collections.abc import Iterator

from unbench.batches import Batch, Batches


class PairedBatches:
    """An epoch over `retain`, each batch with one of `forget`, which starts over in a new order when used up."""

    def __init__(self, retain: Batches, forget: Batches) -> None:
        self.retain = retain
        self.forget = _forever(forget)

    def __iter__(self) -> Iterator[tuple[Batch, Batch]]:
        return zip(self.retain, self.forget, strict=False)


def _forever(batches: Batches) -> Iterator[Batch]:
    while True:
        yield from batches
