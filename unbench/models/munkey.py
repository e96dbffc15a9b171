"""MUNKEY's model: a vision transformer that reads one exemplar token from a memory beside the image."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from unbench.models.memory import Memory
from unbench.models.vit import VisionTransformer

KEY_SIDE = 16
"""Pixel keys are average-pooled to at most this side: larger ones cost memory and retrieve no better."""


def pixel_keys(images: Tensor) -> Tensor:
    """Keys (B, D) of normalised, un-augmented images (B, C, S, S): pooled pixels, each image's mean removed."""
    side = min(KEY_SIDE, images.shape[-1])
    small = nn.functional.adaptive_avg_pool2d(images, side) if images.shape[-1] > side else images
    flat = small.flatten(1)
    return flat - flat.mean(dim=1, keepdim=True)


class MemoryTransformer(nn.Module):
    """A VisionTransformer with a Memory (arXiv 2603.15033).

    Each forward pass sees the image's patches and one memory token, either of which can be replaced by a learned
    null, so that the two pathways can be told apart. Prediction is by the `ensemble` rule: one pass for each of the
    k nearest entries, probabilities averaged.
    """

    def __init__(self, backbone: VisionTransformer, memory: Memory, neighbours: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.memory = memory
        self.neighbours = neighbours
        width = backbone.width
        self.null_token = nn.Parameter(torch.zeros(width))
        self.null_patch = nn.Parameter(torch.zeros(width))
        self.memory_position = nn.Parameter(0.02 * torch.randn(width))

    def read(self, patches: Tensor, tokens: Tensor) -> Tensor:
        """Logits (B, K) from patch tokens (B, P, width) and one memory token each (B, width)."""
        return self.backbone.classify(patches, (tokens + self.memory_position)[:, None])

    def forward(self, images: Tensor) -> Tensor:
        """Logarithms of the averaged probabilities (B, K) for un-augmented images (B, C, S, S).

        With an empty memory the null token takes the place of the neighbours.
        """
        patches = self.backbone.tokenise(images)
        if len(self.memory) == 0:
            return self.read(patches, self.null_token.expand(len(images), -1)).log_softmax(1)
        rows = self.memory.nearest(pixel_keys(images), self.neighbours)
        passes = [self.read(patches, self.memory.tokens[rows[:, rank]]) for rank in range(rows.shape[1])]
        stacked = torch.stack([logits.log_softmax(1) for logits in passes])
        return stacked.logsumexp(0) - math.log(len(passes))
