"""A visual memory: forget by deleting rows, from a classifier that has learnt nothing else."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from unbench.data.images import Images
from unbench.methods.base import Access
from unbench.methods.components.keyed import KeyedMethod
from unbench.models.memory.labels import LabelMemory
from unbench.models.neighbours import NearestNeighbours


class NearestNeighbourMemory(KeyedMethod):
    """p(y) = sum of w_i over the K nearest stored images i of class y, normalised (Geirhos et al., arXiv 2408.08172).

    The memory holds frozen keys and labels, and there is no training: deletion is exact, to the bit, as far as the
    encoder has not seen the data. Ranks, temperature and ties are the official code's; the paper needs no
    probabilities, here 1e-6 is added to each class's share.

    A training image would find itself first, with its own label: with one neighbour the retain accuracy would be 100 by
    construction, with more it would still be too high, and so would the attacks' success before deletion. So the entry
    with exactly the image's key is passed over, as the official code does by name: training images are answered by the
    others (leave-one-out). The price is paid by copies. Of an image that is stored twice one entry is passed over and
    the other answers; once one of the two is forgotten, the other is passed over in its place; and a test image that is
    also a training image is answered without it.
    """

    def build(self, images: int) -> NearestNeighbours:
        """A memory with room for `images` entries, keys still empty."""
        nothing = torch.zeros(images, dtype=torch.int64)
        return self._build(torch.arange(images), torch.zeros(images, self.context.key_dim), nothing)

    def train(self, images: Images, seed: int) -> NearestNeighbours:
        """Store the images' keys and labels."""
        assert images.keys is not None
        model = self._build(*(torch.from_numpy(part) for part in (images.ids, images.keys, images.labels)))
        return model.to(self.context.device).eval()

    def unlearn(self, model: nn.Module, access: Access) -> nn.Module:
        """Delete the entries of the forgotten ids, and their keys kept on disk. No gradient, no image, no label."""
        assert isinstance(model, NearestNeighbours)
        model.memory.forget(torch.from_numpy(access.forget_ids))
        self.evict(access.forget_ids)
        return model

    def _build(self, ids: Tensor, keys: Tensor, labels: Tensor) -> NearestNeighbours:
        context = self.context
        return NearestNeighbours(
            LabelMemory(ids, keys, labels, context.classes),
            context.count("neighbours"),
            context.hparams["weights"],  # type: ignore[arg-type]  # the card's choices are the type's
            context.number("temperature"),
            bool(context.hparams["leave_one_out"]),
        )
