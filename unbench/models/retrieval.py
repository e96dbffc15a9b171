"""A classifier with a second opinion: what the labels of an image's neighbours say."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from unbench.models.memory.labels import LabelMemory


class RetrievalClassifier(nn.Module):
    """scale * (base(x) / |base(x)| + retrieval(x) / |retrieval(x)|), logits of two branches.

    The retrieval branch reads the K nearest entries of the memory as a set of (label, rank) pairs: each is embedded,
    passed through a layer, averaged over those there are, and read out.

    Args:
        base: images to logits.
        memory: of the training images.
        neighbours: K.
        width: of the embeddings.
        alone: the highest probability that one branch can give without the other, in (1/K, 1), which sets the scale.
    """

    def __init__(self, base: nn.Module, memory: LabelMemory, neighbours: int, width: int, alone: float) -> None:
        super().__init__()
        classes = memory.tokens.shape[1]
        self.base = base
        self.memory = memory
        self.neighbours = neighbours
        # Of all logits of length 1, the surest has sqrt(classes / (classes - 1)) between its highest and the others.
        self.scale = math.log((classes - 1) * alone / (1 - alone)) * math.sqrt((classes - 1) / classes)
        self.label = nn.Linear(classes, width, bias=False)
        self.rank = nn.Parameter(0.02 * torch.randn(neighbours, width))
        self.layer = nn.Linear(width, width)
        self.head = nn.Linear(width, classes)

    def forward(self, images: Tensor, keys: Tensor) -> Tensor:
        """Logits (B, K) of images (B, C, S, S) with keys (B, D); a training image is no neighbour of its own."""
        return self.join(self.base(images), self.retrieve(keys))

    def join(self, base: Tensor, retrieved: Tensor) -> Tensor:
        """The sum of both branches' logits (B, K), each scaled to the same length."""
        return self.scale * (functional.normalize(base, dim=1) + functional.normalize(retrieved, dim=1))

    def retrieve(self, keys: Tensor) -> Tensor:
        """Logits (B, K) of the retrieval branch for keys (B, D)."""
        rows, _, others = self.memory.nearest_others(keys, self.neighbours)
        return self.read(rows, others)

    def read(self, rows: Tensor, others: Tensor) -> Tensor:
        """Logits (B, K) from the entries in `rows` (B, k), nearest first, where `others` (B, k) holds; else zeros."""
        labels = self.memory.tokens[rows].detach()
        hidden = functional.gelu(self.layer(functional.gelu(self.label(labels) + self.rank[: rows.shape[1]])))
        counts = others.sum(1, keepdim=True)
        mean = (hidden * others[:, :, None]).sum(1) / counts.clamp(min=1)
        return self.head(mean) * (counts > 0)


class Branch(nn.Module):
    """One branch of a RetrievalClassifier as a model of its own, for the leakage audit."""

    def __init__(self, model: RetrievalClassifier, which: Literal["image", "memory"]) -> None:
        super().__init__()
        self.model = model
        self.which = which

    def forward(self, images: Tensor, keys: Tensor) -> Tensor:
        """Logits (B, K), scaled as in the sum."""
        logits = self.model.base(images) if self.which == "image" else self.model.retrieve(keys)
        return self.model.scale * functional.normalize(logits, dim=1)
