"""LAF: label-agnostic forgetting, at the level of features."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from unbench.data.batches import Batch
from unbench.data.images import Images
from unbench.methods.base import Access, Method
from unbench.models.parts import features_and_logits, frozen_copy, head
from unbench.models.vae import FeatureVAE
from unbench.training.loops import descend

VAE_LR = 1e-3


class LabelAgnosticForgetting(Method):
    """Move what the extractor g says of the forget set away from what it said, without a single label.

    Two auto-encoders learn the original's features: h of the whole training set, h_f of the forget set. Then, on each
    pair of a retain batch R and a forget batch F, one step on each of (Shen et al., arXiv 2404.00506)

        sum_R exp(s / (s + 1)) - sum_F exp(s_f / (s_f + 1)),   s = |h(g(x)) - g(x)|^2, s_f the same by h_f;
        sum_R log(exp(c) / sum_F exp(c / T)),                  c = 1 - cos(g(x), original g(x)).

    The first takes the forget set out of the features that h_f knows, the second holds those of the retain set. The
    last layer never moves. As in the official code, h learns from all training images, the model stays in eval mode,
    and an epoch ends with the smaller set, as a rule the forget set. Unlike there, the decoders end without a sigmoid,
    since features are not confined to [0, 1], neither ours nor theirs; and the width of the features is the model's
    own, not 256.
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

        retain = self.batches(access.retain, "retain order")
        forget = self.batches(access.forget, "forget order")
        leaving, aligning = self.adam(model), self.adam(model, lr=self.context.number("alignment_lr"))
        for _ in self.context.progress.track(range(self.context.count("epochs"))):
            for gone, kept in zip(forget, retain, strict=False):
                descend([[(kept, gone)]], leave, leaving)
                descend([[(kept, gone)]], align, aligning)
        return model

    def learn_features(self, model: nn.Module, images: Images, purpose: str) -> FeatureVAE:
        """An auto-encoder of what `model`'s last layer reads of `images`, frozen."""
        context = self.context
        vae = FeatureVAE(head(model)[1].in_features, context.count("latent")).to(context.device)
        epochs = [self.batches(images, purpose)] * context.count("vae_epochs")
        optimizer = torch.optim.Adam(vae.parameters(), lr=VAE_LR)
        descend(context.progress.track(epochs), lambda batch: vae.loss(_features(model, batch)), optimizer)
        return vae.requires_grad_(False).eval()


def extractor_loss(retain: Tensor, retain_back: Tensor, forget: Tensor, forget_back: Tensor) -> Tensor:
    """sum exp(s / (s + 1)) over retain features less the same over forget features; s the error of `_back` (B, D)."""

    def bounded(features: Tensor, back: Tensor) -> Tensor:
        error = (back - features).square().sum(1)
        return (error / (error + 1)).exp().sum()

    return bounded(retain, retain_back) - bounded(forget, forget_back)


def alignment_loss(retain: Tensor, forget: Tensor, temperature: float) -> Tensor:
    """sum over r of log(exp(r) / sum exp(f / T)), of cosine distances r (B,) of retain and f (B',) of forget images."""
    return (retain - (forget / temperature).logsumexp(0)).sum()


def _distances(model: nn.Module, original: nn.Module, batch: Batch) -> Tensor:
    return 1 - functional.cosine_similarity(_features(model, batch), _features(original, batch))


def _features(model: nn.Module, batch: Batch) -> Tensor:
    return features_and_logits(model, batch.images)[0]
