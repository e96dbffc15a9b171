"""Ridge regression from keys to classes, kept as the sums that it is solved from."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from unbench.models.memory.vectors import unit


class RidgeClassifier(nn.Module):
    """weights = (X'X + ridge * I)^-1 X'Y for keys X of unit length with a 1 beside them and one-hot labels Y.

    Gram matrix (D+1, D+1), moments (D+1, K) and weights (D+1, K) are in double precision.

    Args:
        key_dim, classes: D and K.
        ridge: above 0.
        temperature: logits are scores over it.
    """

    gram: Tensor
    moments: Tensor

    def __init__(self, key_dim: int, classes: int, ridge: float, temperature: float) -> None:
        super().__init__()
        self.ridge = ridge
        self.temperature = temperature
        self.register_buffer("gram", torch.zeros(key_dim + 1, key_dim + 1, dtype=torch.float64))
        self.register_buffer("moments", torch.zeros(key_dim + 1, classes, dtype=torch.float64))
        self.weights = nn.Parameter(torch.zeros(key_dim + 1, classes, dtype=torch.float64))

    def forward(self, images: Tensor, keys: Tensor) -> Tensor:
        """Logits (B, K), float32, from keys (B, D) alone."""
        return (_features(keys) @ self.weights / self.temperature).float()

    @torch.no_grad()
    def add(self, keys: Tensor, labels: Tensor, sign: int = 1) -> None:
        """Take images in by keys (N, D) and labels (N,), or with sign -1 out again, and solve."""
        features = _features(keys)
        targets = functional.one_hot(labels, self.moments.shape[1]).to(features.dtype)
        self.gram += sign * features.T @ features
        self.moments += sign * features.T @ targets
        penalty = self.ridge * torch.eye(len(self.gram), dtype=self.gram.dtype, device=self.gram.device)
        self.weights.copy_(torch.linalg.solve(self.gram + penalty, self.moments))


def _features(keys: Tensor) -> Tensor:
    return functional.pad(unit(keys, "keys").double(), (0, 1), value=1.0)
