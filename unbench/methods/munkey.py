"""MUNKEY: a model designed to forget by deleting keys (Laguna et al., arXiv 2603.15033)."""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from unbench.methods import (
    Batch,
    Batches,
    Images,
    Memory,
    MemoryMethod,
    MemoryTransformer,
    build_memory,
    build_transformer,
    descend_by_recipe,
    memory_costs,
    prediction_costs,
    seeded,
    split_pathways,
)


class Munkey(MemoryMethod):
    """A transformer with one key and one learnable token per image; forgetting deletes entries.

    Objective:
        Minimise CE over weights and tokens together, then over the tokens alone for the share `fill` of the epochs.
        Memorising an image is to be cheapest in its own token and not in the weights: tokens learn at a far higher rate
        and without decay, an image in training is shown with its own token, and either pathway is dropped now and then
        so that neither can be ignored. Where features are so strong that the weights would fit every image all the
        same, they stop early and the tokens alone go on ("freeze, then fill").

    Reference:
        Laguna et al., arXiv 2603.15033.

    Differences:
        The paper has no public code. What it leaves open is decided so that the objective above is met.
    """

    def train(self, images: Images, seed: int) -> MemoryTransformer:
        """Train weights and tokens together, then the tokens alone for the share `fill` of the epochs."""
        context, recipe = self.context, self.context.preset.training
        with seeded(seed):
            model = self.model_for(images).to(context.device)
            names = ("own", "null", "drop_image", "drop_patches", "dropout")
            shown = Pathways(model, seed, **{name: context.number(name) for name in names})
            batches = Batches(images, recipe.batch_size, context.device, seed, recipe.augment, recipe.padding)
            tokens: dict[str, Any] = {
                "params": [model.memory.tokens],
                "lr": recipe.lr * context.number("token_lr"),
                "weight_decay": 0.0,
            }
            weights = [p for name, p in model.named_parameters() if name != "memory.tokens"]
            together = recipe.epochs - round(context.number("fill") * recipe.epochs)
            model.train()
            self._descend(shown, batches, together, [{"params": weights}, tokens], recipe.warmup_epochs)
            shown.dropout = shown.drop_patches = 0.0  # what a token has to add shows on images as they are
            model.requires_grad_(False)
            model.memory.tokens.requires_grad_()
            self._descend(shown, batches, recipe.epochs - together, [tokens], 0)
            model.requires_grad_()
        return model.eval()

    def deployment_costs(self, model: nn.Module, batch: Batch, deleted: int) -> dict[str, int | float | str]:
        """Return size and speed of the memory, and prediction time for each aggregation."""
        assert isinstance(model, MemoryTransformer)
        assert batch.keys is not None
        memory = model.memory
        twin, seconds = build_memory(memory.ids, memory.keys, memory.tokens.shape[1], memory.index)
        return {**memory_costs(twin, seconds, deleted), **prediction_costs(model, *batch.inputs)}

    def pathways(self, model: nn.Module) -> dict[str, nn.Module]:
        """Return the image pathway alone and the memory pathway alone."""
        assert isinstance(model, MemoryTransformer)
        return split_pathways(model)

    def model_for(self, images: Images) -> MemoryTransformer:
        """Return an untrained model with the keys of `images` and a token for each."""
        context = self.context
        assert images.keys is not None
        backbone = build_transformer(context.preset, context.shape, context.classes)
        memory = Memory(torch.from_numpy(images.ids), torch.from_numpy(images.keys), backbone.width)
        neighbours, temperature = context.count("neighbours"), context.number("temperature")
        return MemoryTransformer(backbone, memory, neighbours, context.choice("aggregation"), temperature)

    def _descend(
        self, shown: Pathways, batches: Batches, epochs: int, groups: list[dict[str, Any]], warmup_epochs: float
    ) -> None:
        if epochs:
            changes = {"epochs": epochs, "warmup_epochs": warmup_epochs}
            recipe = self.context.preset.training.model_copy(update=changes)
            parts: dict[str, Any] = {"model": shown.model, "pathways": shown.generator}
            descend_by_recipe(groups, batches, shown.loss, recipe, self.context.progress, self.checkpoint, parts)


@dataclass
class Pathways:
    """What each image is shown in training: which token stands beside it, and whether its patches are there.

    Attributes:
        model: whose memory holds the images in training.
        seed: of what is drawn.
        own: share of the image's own token among the stored tokens shown; the rest are its neighbours', as they are at
            test time, and after deletion: one of them, or all merged into one, as the model aggregates.
        null: share of images shown with the null token instead of any stored one.
        drop_image: share of images whose patches are all replaced by the null patch.
        drop_patches: share of patches that are, in every other image.
        dropout: share of input channels set to zero, each image's own.
    """

    model: MemoryTransformer
    seed: InitVar[int]
    own: float = 1.0
    null: float = 0.0
    drop_image: float = 0.0
    drop_patches: float = 0.0
    dropout: float = 0.0

    def __post_init__(self, seed: int) -> None:
        self.neighbours = self.model.memory.neighbours(self.model.neighbours)
        self.generator = torch.Generator().manual_seed(seed)

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean cross-entropy of a batch, with newly drawn pathways."""
        model, device, count = self.model, batch.images.device, len(batch.rows)
        choice, null, drop = torch.rand(3, count, generator=self.generator).to(device)
        tokens = self._tokens(batch.rows, choice)
        # An image without patches keeps its stored token: with neither there would be nothing to learn from.
        drop_image = (drop < self.drop_image)[:, None]
        drop_token = (null < self.null)[:, None] & ~drop_image
        tokens = torch.where(drop_token, model.null_token, tokens)
        patches = model.backbone.tokenise(nn.functional.dropout2d(batch.images, self.dropout))
        drop_patches = torch.rand(patches.shape[:2], generator=self.generator).to(device) < self.drop_patches
        patches = torch.where((drop_image | drop_patches)[:, :, None], model.null_patch, patches)
        return nn.functional.cross_entropy(model.read(patches, tokens), batch.labels)

    def _tokens(self, rows: Tensor, choice: Tensor) -> Tensor:
        """Return each image's own token, or its neighbours' where `choice`, uniform in [0, 1), is not below `own`."""
        model, memory = self.model, self.model.memory
        own = memory.tokens[rows]
        near = self.neighbours[rows]
        if near.shape[1] == 0:
            return own
        if model.aggregation == "ensemble":
            rank = torch.randint(0, near.shape[1], (len(rows), 1), generator=self.generator)
            theirs = memory.tokens[near.gather(1, rank.to(near.device))[:, 0]]
        else:
            similarities = (memory.keys[rows][:, None] * memory.keys[near]).sum(2)
            theirs = model.merge(near, similarities)
        # Without a gradient: a neighbour's token that was trained beside this image would keep a trace of it after
        # this image's own token is gone. The weights learn what a neighbour's token is worth all the same.
        return torch.where((choice < self.own)[:, None], own, theirs.detach())
