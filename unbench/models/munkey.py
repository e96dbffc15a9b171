"""MUNKEY's model: a vision transformer that reads exemplar tokens from a memory beside the image."""

import math
from typing import Literal, Protocol

import torch
from torch import Tensor, nn

from unbench.models.memory import Memory
from unbench.models.vit import VisionTransformer

Aggregation = Literal["ensemble", "softmax", "rank"]


class MemoryTransformer(nn.Module):
    """A VisionTransformer with a Memory (arXiv 2603.15033).

    Each pass sees the image's patches and one memory token, either of which can be replaced by a learned null, so that
    the two pathways can be separated. With an empty memory the null token stands for the neighbours.

    Args:
        backbone: reads the tokens; its width is the memory's.
        memory: of the training images.
        neighbours: K, how many entries are looked up for an image.
        aggregation: "ensemble" reads each neighbour in a pass of its own and averages the K probabilities; "softmax"
            and "rank" merge the K tokens into one, weighted by similarity or by 1/rank, for a single pass.
        temperature: of the softmax over cosine similarities.
    """

    def __init__(
        self,
        backbone: VisionTransformer,
        memory: Memory,
        neighbours: int,
        aggregation: Aggregation = "ensemble",
        temperature: float = 0.1,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.memory = memory
        self.neighbours = neighbours
        self.aggregation = aggregation
        self.temperature = temperature
        width = backbone.width
        self.null_token = nn.Parameter(torch.zeros(width))
        self.null_patch = nn.Parameter(torch.zeros(width))
        self.memory_position = nn.Parameter(0.02 * torch.randn(width))

    def forward(self, images: Tensor, keys: Tensor) -> Tensor:
        """Return log class probabilities (B, K) of un-augmented images (B, C, S, S) with keys (B, D)."""
        return self._look_up(self.backbone.tokenise(images), keys)

    def image_pathway(self, images: Tensor) -> Tensor:
        """Return log class probabilities (B, K) from the image alone: the null token stands for the neighbours'."""
        return self._without_memory(self.backbone.tokenise(images))

    def memory_pathway(self, keys: Tensor) -> Tensor:
        """Return log class probabilities (B, K) from the memory alone: the null patch stands for every patch."""
        return self._look_up(self.null_patch.expand(len(keys), self.backbone.patches, -1), keys)

    def read(self, patches: Tensor, tokens: Tensor) -> Tensor:
        """Return logits (B, K) from patch tokens (B, P, width) and one memory token each (B, width)."""
        return self.backbone.classify(patches, (tokens + self.memory_position)[:, None])

    def merge(self, rows: Tensor, similarities: Tensor) -> Tensor:
        """Return one token (B, width) from entries `rows` (B, k), nearest first, by the rule of `aggregation`."""
        if self.aggregation == "softmax":
            weights = (similarities / self.temperature).softmax(1)
        else:
            ranks = 1 / torch.arange(1, rows.shape[1] + 1, device=rows.device)
            weights = (ranks / ranks.sum()).expand(len(rows), -1)
        return (weights[:, :, None] * self.memory.tokens[rows]).sum(1)

    def _without_memory(self, patches: Tensor) -> Tensor:
        return self.read(patches, self.null_token.expand(len(patches), -1)).log_softmax(1)

    def _look_up(self, patches: Tensor, keys: Tensor) -> Tensor:
        rows, similarities = self.memory.nearest(keys, self.neighbours)
        if rows.shape[1] == 0:
            return self._without_memory(patches)
        if self.aggregation != "ensemble":
            return self.read(patches, self.merge(rows, similarities)).log_softmax(1)
        passes = [self.read(patches, self.memory.tokens[rows[:, rank]]) for rank in range(rows.shape[1])]
        # Probabilities are averaged, not logits: one sure neighbour must not outvote the others.
        return torch.stack([logits.log_softmax(1) for logits in passes]).logsumexp(0) - math.log(len(passes))


class HasPathways(Protocol):
    """A model that can answer from the image alone and from the memory alone."""

    def image_pathway(self, images: Tensor) -> Tensor:
        """Return logits (B, K) from images alone."""

    def memory_pathway(self, keys: Tensor) -> Tensor:
        """Return logits (B, K) from keys alone."""


class Pathway(nn.Module):
    """One pathway of a model with a memory as a model of its own, for the leakage audit."""

    def __init__(self, model: HasPathways, which: Literal["image", "memory"]) -> None:
        super().__init__()
        self.model = model
        self.which = which

    def forward(self, images: Tensor, keys: Tensor) -> Tensor:
        """Return logits (B, K); for a MemoryTransformer they are logarithms of the class probabilities."""
        return self.model.image_pathway(images) if self.which == "image" else self.model.memory_pathway(keys)


def split_pathways(model: HasPathways) -> dict[str, nn.Module]:
    """Return both pathways of a model by name."""
    return {"image": Pathway(model, "image"), "memory": Pathway(model, "memory")}
