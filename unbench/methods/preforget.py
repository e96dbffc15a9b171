"""Pre-forgettable models: a class is a token, and forgetting it is taking the token out."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from unbench.data.batches import Batch, Batches
from unbench.data.images import Images
from unbench.errors import NotApplicableError
from unbench.methods.base import Access
from unbench.methods.components.keyed import KeyedMethod
from unbench.models.prompts import PromptBank, log_softmax_among
from unbench.training.loops import descend, seeded


class PreForgettable(KeyedMethod):
    """Minimise CE(y | y's token and some others) + KL(uniform || p(. | some others without y's)), over tokens alone.

    How many others is drawn for each batch, which ones for each image (Hendrix et al., arXiv 2509.15230, PFM). The
    second term makes a bank without the right token say nothing: what is known of a class is in its token.

    Class forgetting only: a token is a whole class, and single images cannot be taken out of it. Not exact: the tokens
    that stay were trained beside images of the deleted class.

    Simplified: the paper prepends the tokens to the input of a pretrained transformer, trains low-rank updates of its
    attention and a linear classifier with them, and reads the prediction there; these stay when a token goes. Here
    the encoder is frozen, tokens are compared with its keys (cosine over a temperature), and nothing else is learnt.
    The official code reads the output at the first token in place of the class token; there is none here.
    """

    def build(self, images: int) -> PromptBank:
        """Untrained tokens of all classes; their number does not depend on `images`."""
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
        self.evict(access.forget_ids)
        return model


class Subsets:
    """The tokens that each image is shown in training, with its class's and without."""

    def __init__(self, model: PromptBank, seed: int) -> None:
        self.model = model
        self.generator = torch.Generator().manual_seed(seed)

    def loss(self, batch: Batch) -> Tensor:
        """Mean over the batch, with the subsets drawn anew."""
        assert batch.keys is not None
        others = self.draw(batch.labels)
        right = nn.functional.one_hot(batch.labels, others.shape[1]).bool()
        scores = self.model.scores(batch.keys)
        with_right = nn.functional.nll_loss(log_softmax_among(scores, others | right), batch.labels)
        count = int(others[0].sum())
        if count == 0:
            return with_right
        return with_right - (log_softmax_among(scores, others).sum(1) / count + math.log(count)).mean()

    def draw(self, labels: Tensor) -> Tensor:
        """For each label (B,), as many other present classes as are drawn for the batch: bool (B, K)."""
        present = self.model.present
        order = torch.rand(len(labels), len(present), generator=self.generator).to(labels.device)
        order = order.masked_fill(~present, 2).scatter(1, labels[:, None], 2)
        count = int(torch.randint(0, int(present.sum()), (), generator=self.generator))
        return order.argsort(1).argsort(1) < count
