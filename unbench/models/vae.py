"""A small variational auto-encoder of feature vectors."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

DIVERGENCE_WEIGHT = 0.025
"""Weight of the divergence from the prior beside the squared error, as in LAF's code."""


class FeatureVAE(nn.Module):
    """Features (B, D) to features (B, D) through a Gaussian code (Kingma and Welling, arXiv 1312.6114).

    The decoder ends in a linear layer: features may have any range.

    Args:
        width: D.
        latent: length of the code.
        hidden: widths between features and code, from the features on.
    """

    def __init__(self, width: int, latent: int, hidden: tuple[int, int] = (128, 32)) -> None:
        super().__init__()
        wide, narrow = hidden
        self.encoder = nn.Sequential(nn.Linear(width, wide), nn.ReLU(), nn.Linear(wide, narrow), nn.ReLU())
        self.mean = nn.Linear(narrow, latent)
        self.log_variance = nn.Linear(narrow, latent)
        self.decoder = nn.Sequential(
            nn.Linear(latent, narrow), nn.ReLU(), nn.Linear(narrow, wide), nn.ReLU(), nn.Linear(wide, width)
        )

    def encode(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance (B, L) of the code."""
        hidden = self.encoder(features)
        return self.mean(hidden), self.log_variance(hidden)

    def decode(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        """Features (B, D) of a code drawn with torch's global generator."""
        return self.decoder(mean + (0.5 * log_variance).exp() * torch.randn_like(mean))

    def forward(self, features: Tensor) -> Tensor:
        """The features (B, D) as they come back."""
        return self.decode(*self.encode(features))

    def loss(self, features: Tensor) -> Tensor:
        """Squared error, and the weighted divergence of the code from N(0, 1): both summed, mean over the batch."""
        mean, log_variance = self.encode(features)
        error = functional.mse_loss(self.decode(mean, log_variance), features, reduction="sum")
        divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum()
        return (error + DIVERGENCE_WEIGHT * divergence) / len(features)
