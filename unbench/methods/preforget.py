"""Pre-forgettable models: a class is a token, and forgetting it is taking the token out."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from unbench.methods import Access, Batch, Batches, Images, KeyedMethod, NotApplicableError, descend, seeded

ABSENT = -1e4
"""Logit of a class without a token: far below any other, and finite."""


class PreForgettable(KeyedMethod):
    """A bank of tokens, one for each class, trained so that what is known of a class is in its token.

    Objective:
        Minimise CE(y | y's token and some others) + KL(uniform || p(. | some others without y's)), over tokens alone.
        How many others is drawn for each batch, which ones for each image. The second term teaches a bank without the
        right token to answer uniformly. Class forgetting only: a token is a whole class, and single images cannot be
        taken out of it. Not exact: the tokens that stay were trained beside images of the deleted class.

    Reference:
        Hendrix et al., arXiv 2509.15230, PFM.

    Differences:
        Simplified: the paper prepends the tokens to the input of a pretrained transformer, trains low-rank updates of
        its attention and a linear classifier with them, and reads the prediction there; these stay when a token goes.
        Here the encoder is frozen, tokens are compared with its keys (cosine over a temperature), and nothing else is
        learnt. The official code reads the output at the first token in place of the class token; there is none here.
    """

    def build(self, images: int) -> PromptBank:
        """Return untrained tokens of all classes; their number does not depend on `images`."""
        return PromptBank(self.context.classes, self.context.key_dim, self.context.number("temperature"))

    def train(self, images: Images, seed: int) -> PromptBank:
        """Train the tokens of the classes that there are, by Adam, for the epochs of the preset."""
        context, recipe = self.context, self.context.preset.training
        with seeded(seed):
            model = self.build(len(images)).to(context.device)
            for label in set(range(context.classes)) - set(images.labels.tolist()):
                model.delete(label)
            subsets = Subsets(model, seed)
            batches = Batches(images, recipe.batch_size, context.device, seed)
            descend(context.progress.track([batches] * recipe.epochs), subsets.loss, self.adam(model))
        return model.eval()

    def unlearn(self, model: nn.Module, access: Access) -> nn.Module:
        """Delete the token of the forgotten class, and the keys of its images kept on disk. No gradient, no image."""
        assert isinstance(model, PromptBank)
        if access.forget_class is None:
            raise NotApplicableError("forgets whole classes alone, and the request names none")
        model.delete(access.forget_class)
        self.context.evict(access.forget_ids)
        return model


class Subsets:
    """The tokens that each image is shown in training, with its class's and without."""

    def __init__(self, model: PromptBank, seed: int) -> None:
        self.model = model
        self.generator = torch.Generator().manual_seed(seed)

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean loss of the batch, with newly drawn subsets."""
        assert batch.keys is not None
        others = self.draw(batch.labels)
        right = functional.one_hot(batch.labels, others.shape[1]).bool()
        scores = self.model.scores(batch.keys)
        with_right = functional.nll_loss(log_softmax_among(scores, others | right), batch.labels)
        count = int(others[0].sum())
        if count == 0:
            return with_right
        return with_right - (log_softmax_among(scores, others).sum(1) / count + math.log(count)).mean()

    def draw(self, labels: Tensor) -> Tensor:
        """Draw for each label (B,) as many other present classes as are drawn for the batch: bool (B, K)."""
        present = self.model.present
        order = torch.rand(len(labels), len(present), generator=self.generator).to(labels.device)
        order = order.masked_fill(~present, 2).scatter(1, labels[:, None], 2)
        count = int(torch.randint(0, int(present.sum()), (), generator=self.generator))
        return order.argsort(1).argsort(1) < count


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
        """Return logits (B, K) from keys (B, D) alone; ABSENT for classes without a token."""
        return self.scores(keys).masked_fill(~self.present, ABSENT)

    def scores(self, keys: Tensor) -> Tensor:
        """Return scaled cosines (B, K) of keys (B, D) with every token, present or not."""
        return functional.normalize(keys, dim=1) @ functional.normalize(self.tokens, dim=1).T / self.temperature

    @torch.no_grad()
    def delete(self, label: int) -> None:
        """Overwrite a class's token with zeros and take it out of the bank."""
        self.tokens[label] = 0
        self.present[label] = False


def log_softmax_among(scores: Tensor, among: Tensor) -> Tensor:
    """Return the log-softmax of scores (B, K) over the classes where `among` (B, K) holds; 0 elsewhere."""
    return scores.masked_fill(~among, -torch.inf).log_softmax(1).masked_fill(~among, 0)
