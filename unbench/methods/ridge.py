"""A linear head in closed form: what an image added to its sums can be subtracted again."""

from __future__ import annotations

import torch
from torch import nn

from unbench.data.images import Images
from unbench.errors import NotApplicableError
from unbench.methods.base import Access
from unbench.methods.components.keyed import KeyedMethod
from unbench.models.ridge import RidgeClassifier


class Ridge(KeyedMethod):
    """W = argmin |X W - Y|^2 + ridge * |W|^2 = (X'X + ridge * I)^-1 X'Y, for frozen keys X and one-hot labels Y.

    X'X and X'Y are sums over images. Subtracting the forgotten images' terms and solving again gives the head that
    never saw them, up to rounding: the least-squares case of decremental learning (Cauwenberghs and Poggio 2000), for
    which no step of Newton's method or noise is needed as in certified removal (Guo et al., arXiv 1911.03030), whose
    losses are not quadratic. Exact as far as the encoder has not seen the data.

    The terms are computed from the keys and labels of the forgotten images, which the request must bring. The other
    way would be to store every training image's key under its id: then ids would do, but the model would hold a memory
    of the training set, where now it holds sums alone. Images that were never taken in must not be in a request.

    Scores of a regression to 0 and 1 lie about there, and their softmax is close to uniform whatever the image: logits
    are scores / temperature. The prediction does not depend on it, losses and attacks on them do.
    """

    def build(self, images: int) -> RidgeClassifier:
        """A model that has seen nothing; its size does not depend on `images`."""
        context = self.context
        if context.device.type == "mps":
            raise NotApplicableError("needs double precision, which this device does not have")
        numbers = (context.number(name) for name in ("ridge", "temperature"))
        return RidgeClassifier(context.key_dim, context.classes, *numbers)

    def train(self, images: Images, seed: int) -> RidgeClassifier:
        """Solve for the head."""
        model = self.build(len(images)).to(self.context.device)
        self._add(model, images, 1)
        return model.eval()

    def unlearn(self, model: nn.Module, access: Access) -> nn.Module:
        """Take the forgotten images out of the sums and solve again; erase their keys kept on disk."""
        assert isinstance(model, RidgeClassifier)
        self._add(model, access.forget, -1)
        self.evict(access.forget_ids)
        return model

    def _add(self, model: RidgeClassifier, images: Images, sign: int) -> None:
        assert images.keys is not None
        keys, labels = (torch.from_numpy(part).to(self.context.device) for part in (images.keys, images.labels))
        model.add(keys, labels, sign)
