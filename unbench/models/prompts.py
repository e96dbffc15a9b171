"""A classifier that is a bank of tokens, one for each class, which can be taken out."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

ABSENT = -1e4
"""Logit of a class without a token: far below any other, and finite."""


class PromptBank(nn.Module):
    """Class probabilities softmax(cosine(key, token) / temperature) over the tokens that are present.

    Args:
        classes: K.
        key_dim: length of keys and tokens.
        temperature: of the softmax.
    """

    present: Tensor

    def __init__(self, classes: int, key_dim: int, temperature: float) -> None:
        super().__init__()
        self.temperature = temperature
        # Short, because the cosine sees directions alone, and steps of the published rate hardly turn a long token.
        self.tokens = nn.Parameter(0.02 * torch.randn(classes, key_dim))
        self.register_buffer("present", torch.ones(classes, dtype=torch.bool))

    def forward(self, images: Tensor, keys: Tensor) -> Tensor:
        """Logits (B, K) from keys (B, D) alone; ABSENT for classes without a token."""
        return self.scores(keys).masked_fill(~self.present, ABSENT)

    def scores(self, keys: Tensor) -> Tensor:
        """Scaled cosines (B, K) of keys (B, D) with every token, present or not."""
        return functional.normalize(keys, dim=1) @ functional.normalize(self.tokens, dim=1).T / self.temperature

    @torch.no_grad()
    def delete(self, label: int) -> None:
        """Overwrite a class's token with zeros and take it out of the bank."""
        self.tokens[label] = 0
        self.present[label] = False


def log_softmax_among(scores: Tensor, among: Tensor) -> Tensor:
    """Log-softmax of scores (B, K) over the classes where `among` (B, K) holds; 0 elsewhere."""
    return scores.masked_fill(~among, -torch.inf).log_softmax(1).masked_fill(~among, 0)
