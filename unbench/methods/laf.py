"""LAF: label-agnostic forgetting, at the level of features."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from unbench.methods import Access, Batch, Images, Method, descend, features_and_logits, frozen_copy, head

VAE_LR = 1e-3

DIVERGENCE_WEIGHT = 0.025
"""Weight of the divergence from the prior beside the squared error, as in the official code."""


class LabelAgnosticForgetting(Method):
    """Features of the forget set moved away from what they were, without a single label.

    Objective:
        Two auto-encoders learn the original's features: h of the whole training set, h_f of the forget set. Then, on
        each pair of a retain batch R and a forget batch F, one step on each of

            sum_R exp(s / (s + 1)) - sum_F exp(s_f / (s_f + 1)),   s = |h(g(x)) - g(x)|^2, s_f the same by h_f;
            sum_R log(exp(c) / sum_F exp(c / T)),                  c = 1 - cos(g(x), original g(x)).

        The first takes the forget set out of the features that h_f knows, the second holds those of the retain set. The
        last layer never moves.

    Reference:
        Shen et al., arXiv 2404.00506. As in the official code, h learns from all training images, the model stays in
        eval mode, and an epoch ends with the smaller set, as a rule the forget set.

    Differences:
        The decoders end without a sigmoid, since features are not confined to [0, 1], neither ours nor theirs; and the
        width of the features is the model's own, not 256.
    """

    def unlearn(self, model: nn.Module, access: Access) -> nn.Module:
        """Learn both distributions of features, then take steps away from one and along the other."""
        model.eval()
        original = frozen_copy(model)
        known = self.learn_features(original, Images.join(access.retain, access.forget), "all features")
        unwanted = self.learn_features(original, access.forget, "forget features")
        temperature = self.context.number("temperature")

        def leave(pair: tuple[Batch, Batch]) -> Tensor:
            retain, forget = (_features(model, batch) for batch in pair)
            return extractor_loss(retain, known(retain), forget, unwanted(forget))

        def align(pair: tuple[Batch, Batch]) -> Tensor:
            retain, forget = (_distances(model, original, batch) for batch in pair)
            return alignment_loss(retain, forget, temperature)

        retain, forget = self.batches(access.retain, "retain order"), self.batches(access.forget, "forget order")
        leaving, aligning = self.adam(model), self.adam(model, lr=self.context.number("alignment_lr"))
        for _ in self.rounds():
            for gone, kept in zip(forget, retain, strict=False):
                descend([[(kept, gone)]], leave, leaving)
                descend([[(kept, gone)]], align, aligning)
        return model

    def learn_features(self, model: nn.Module, images: Images, purpose: str) -> FeatureVAE:
        """Train an auto-encoder of what `model`'s last layer reads of `images`; return it frozen."""
        context = self.context
        vae = FeatureVAE(head(model)[1].in_features, context.count("latent")).to(context.device)
        epochs = self.epochs(images, purpose, "vae_epochs")
        optimizer = torch.optim.Adam(vae.parameters(), lr=VAE_LR)
        descend(epochs, lambda batch: vae.loss(_features(model, batch)), optimizer)
        return vae.requires_grad_(False).eval()


class FeatureVAE(nn.Module):
    """A small variational auto-encoder of feature vectors (B, D) (Kingma and Welling, arXiv 1312.6114).

    The decoder ends in a linear layer: features may have any range.

    Args:
        width: D.
        latent: length of the Gaussian code.
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
        """Return mean and log-variance (B, L) of the code."""
        hidden = self.encoder(features)
        return self.mean(hidden), self.log_variance(hidden)

    def decode(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        """Return the features (B, D) of a code drawn with torch's global generator."""
        return self.decoder(mean + (0.5 * log_variance).exp() * torch.randn_like(mean))

    def forward(self, features: Tensor) -> Tensor:
        """Return the features (B, D) as they are restored from their code."""
        return self.decode(*self.encode(features))

    def loss(self, features: Tensor) -> Tensor:
        """Return squared error plus weighted divergence of the code from N(0, 1): summed, mean over the batch."""
        mean, log_variance = self.encode(features)
        error = functional.mse_loss(self.decode(mean, log_variance), features, reduction="sum")
        divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum()
        return (error + DIVERGENCE_WEIGHT * divergence) / len(features)


def extractor_loss(retain: Tensor, retain_back: Tensor, forget: Tensor, forget_back: Tensor) -> Tensor:
    """Return sum exp(s / (s + 1)) over retain features less that over forget ones; s the error of `_back` (B, D)."""

    def bounded(features: Tensor, back: Tensor) -> Tensor:
        error = (back - features).square().sum(1)
        return (error / (error + 1)).exp().sum()

    return bounded(retain, retain_back) - bounded(forget, forget_back)


def alignment_loss(retain: Tensor, forget: Tensor, temperature: float) -> Tensor:
    """Return sum_r log(exp(r) / sum_f exp(f / T)) of cosine distances r (B,) of retain and f (B',) of forget images."""
    return (retain - (forget / temperature).logsumexp(0)).sum()


def _distances(model: nn.Module, original: nn.Module, batch: Batch) -> Tensor:
    return 1 - functional.cosine_similarity(_features(model, batch), _features(original, batch))


def _features(model: nn.Module, batch: Batch) -> Tensor:
    return features_and_logits(model, batch.images)[0]
