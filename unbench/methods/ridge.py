"""A linear head in closed form: what an image added to its sums can be subtracted again."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from unbench.methods import Access, Images, KeyedMethod, NotApplicableError, unit


class Ridge(KeyedMethod):
    """Ridge regression from frozen keys to classes, kept as the sums that it is solved from.

    Objective:
        W = argmin |X W - Y|^2 + ridge * |W|^2 = (X'X + ridge * I)^-1 X'Y, for frozen keys X and one-hot labels Y. X'X
        and X'Y are sums over images. Subtracting the forgotten images' terms and solving again gives the head that
        never saw them, up to rounding. Exact as far as the encoder has not seen the data.

        The terms are computed from the keys and labels of the forgotten images, which the request must bring. The other
        way would be to store every training image's key under its id: then ids would do, but the model would hold a
        memory of the training set, where now it holds sums alone. Images that were never taken in must not be in a
        request.

    Reference:
        The least-squares case of decremental learning (Cauwenberghs and Poggio 2000), for which no step of Newton's
        method or noise is needed as in certified removal (Guo et al., arXiv 1911.03030), with losses not quadratic.

    Differences:
        Scores of a regression to 0 and 1 lie about there, and their softmax is close to uniform whatever the image:
        logits are scores / temperature. The prediction does not depend on it, losses and attacks on them do.
    """

    def build(self, images: int) -> RidgeClassifier:
        """Return a model that has seen nothing; its size does not depend on `images`."""
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
        self.context.evict(access.forget_ids)
        return model

    def _add(self, model: RidgeClassifier, images: Images, sign: int) -> None:
        assert images.keys is not None
        keys, labels = (torch.from_numpy(part).to(self.context.device) for part in (images.keys, images.labels))
        model.add(keys, labels, sign)


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
        """Return logits (B, K), float32, from keys (B, D) alone."""
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
