"""MUNKEY: a model designed to forget by deleting keys (Laguna et al., arXiv 2603.15033)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from unbench.batches import Batch, Batches, normalise
from unbench.data.images import Bytes, Images
from unbench.methods.base import Access, Method
from unbench.models import build_transformer
from unbench.models.memory import Memory
from unbench.models.munkey import MemoryTransformer, pixel_keys
from unbench.training import descend, make_optimizer, seeded, warmup_cosine


class Munkey(Method):
    """Trains a transformer with one key and one learnable token per image; forgetting deletes entries.

    The paper has no public code. What it leaves open is decided so that memorising an image is cheapest in its own
    token and not in the weights: tokens learn at a higher rate and without decay, an image is mostly shown with its
    own token, and either pathway is dropped now and then so that neither can be ignored.
    """

    own_training = True

    def build(self, images: int) -> MemoryTransformer:
        """An untrained model with room for `images` entries, keys still empty."""
        context = self.context
        backbone = build_transformer(context.preset, context.channels, context.classes)
        side = context.preset.image_size
        width_of_key = pixel_keys(torch.zeros(1, context.channels, side, side)).shape[1]
        memory = Memory(torch.arange(images), torch.zeros(images, width_of_key), backbone.width)
        return MemoryTransformer(backbone, memory, context.count("neighbours"))

    def train(self, images: Images, seed: int) -> MemoryTransformer:
        """Fill the memory's keys from un-augmented images, then train weights and tokens together."""
        context, recipe = self.context, self.context.preset.training
        with seeded(seed):
            model = self.build(len(images))
            keys = torch.cat([pixel_keys(normalise(torch.from_numpy(p))) for p in _chunks(images)])
            model.memory = Memory(torch.from_numpy(images.ids), keys, model.backbone.width)
            model.to(context.device)
            pathways = Pathways(model, seed, **{k: context.number(k) for k in ("own", "null", "drop_image")})
            batches = Batches(images, recipe.batch_size, context.device, seed, recipe.augment)
            weights = [p for name, p in model.named_parameters() if name != "memory.tokens"]
            tokens: dict[str, Any] = {
                "params": [model.memory.tokens],
                "lr": recipe.lr * context.number("token_lr"),
                "weight_decay": 0.0,
            }
            optimizer = make_optimizer([{"params": weights}, tokens], recipe)
            steps = len(batches)
            schedule = warmup_cosine(optimizer, round(recipe.warmup_epochs * steps), recipe.epochs * steps)
            model.train()
            epochs = context.progress.track([batches] * recipe.epochs)
            descend(model, epochs, pathways.loss, optimizer, schedule)
        return model.eval()

    def unlearn(self, model: nn.Module, access: Access) -> nn.Module:
        """Delete the entries of the forgotten ids. No gradient, no image, no label."""
        assert isinstance(model, MemoryTransformer)
        model.memory.forget(torch.from_numpy(access.forget_ids))
        return model


class Pathways:
    """What each image sees in training: which token stands beside it, and whether its patches are there.

    Args:
        own: share of the image's own token among the stored tokens shown; the rest are near neighbours', because at
            test time, and after deletion, an image has only neighbours.
        null: share of images shown with the null token instead of any stored one.
        drop_image: share of images whose patches are replaced by the null patch.
    """

    def __init__(self, model: MemoryTransformer, seed: int, own: float, null: float, drop_image: float) -> None:
        self.model = model
        self.own, self.null, self.drop_image = own, null, drop_image
        self.neighbours = model.memory.neighbours(model.neighbours)
        self.generator = torch.Generator().manual_seed(seed)

    def loss(self, batch: Batch) -> Tensor:
        """Mean cross-entropy with the pathways drawn anew."""
        model, device, count = self.model, batch.images.device, len(batch.rows)
        choice, null, drop = torch.rand(3, count, generator=self.generator).to(device)
        tokens = model.memory.tokens[self._entries(batch.rows, choice)]
        # An image without patches keeps its stored token: with neither there would be nothing to learn from.
        drop_image = (drop < self.drop_image)[:, None]
        drop_token = (null < self.null)[:, None] & ~drop_image
        tokens = torch.where(drop_token, model.null_token, tokens)
        patches = torch.where(drop_image[:, None], model.null_patch, model.backbone.tokenise(batch.images))
        return nn.functional.cross_entropy(model.read(patches, tokens), batch.labels)

    def _entries(self, rows: Tensor, choice: Tensor) -> Tensor:
        if self.neighbours.shape[1] == 0:
            return rows
        rank = torch.randint(0, self.neighbours.shape[1], (len(rows),), generator=self.generator)
        neighbour = self.neighbours[rows, rank.to(rows.device)]
        return torch.where(choice < self.own, rows, neighbour)


def _chunks(images: Images, size: int = 4096) -> Iterator[Bytes]:
    for start in range(0, len(images), size):
        yield np.array(images.pixels[start : start + size])
