"""Influence unlearning: one step to where the minimum would move if the forget set were left out."""

import numpy as np
import torch
from torch import Tensor, nn

from unbench.methods import (
    Access,
    Batches,
    Gradients,
    Images,
    Method,
    Progress,
    chunk_size,
    per_example_gradients,
    weighted_gradient,
)

BLOCK_BYTES = 2**29
"""Bytes of single examples' gradients that are multiplied with others at once."""


class InfluenceUnlearning(Method):
    """One Newton step towards the minimum without the forget set.

    Objective:
        theta <- theta_0 + alpha (damping I + F)^-1 v, with v = E_D[g] - E_retain[g], g = d CE / d theta; D is all of
        the training set. v points to where the forget set's loss rises, and so does the step for positive alpha.
        F = E[g g^T] over `examples` retain images, the empirical Fisher matrix, stands for the Hessian.

    Reference:
        Koh and Liang, arXiv 1703.04730, as the baseline of Jia et al., arXiv 2304.04934. WoodFisher (Singh and
        Alistarh, arXiv 2004.14340) inverts F by a recursion, one gradient g_i at a time, that needs F_(i-1)^-1 g_i
        each time.

    Differences:
        The official code never puts g_i in; it keeps on with what is left of the first gradient, so that its result
        differs from v along that one direction alone. We compute what the true recursion comes to. Its damping is 1 by
        default, which the official code's first step implies. That code also takes the first images of the retain set,
        augmented; ours are drawn at random, and not augmented.
    """

    def unlearn(self, model: nn.Module, access: Access) -> nn.Module:
        """Take one step."""
        context, forget, retain = self.context, access.forget, access.retain
        both = Images.join(forget, retain)
        weights = torch.full((len(both),), 1 / len(both), dtype=torch.float64)
        weights[len(forget) :] -= 1 / len(retain)
        v = flat(weighted_gradient(model, both, weights, progress=context.progress))
        order = np.random.default_rng(context.seed_for("images for the Fisher matrix")).permutation(len(retain))
        drawn = retain.take(order[: context.count("examples")])
        step = inverse_fisher_product(model, drawn, v, context.number("damping"), context.progress)
        parameters = list(model.parameters())
        with torch.no_grad():
            for parameter, part in zip(parameters, step.split([p.numel() for p in parameters]), strict=True):
                parameter.add_(part.view_as(parameter), alpha=context.number("alpha"))
        return model


def inverse_fisher_product(
    model: nn.Module, images: Images, vector: Tensor, damping: float, progress: Progress | None = None
) -> Tensor:
    """Return (damping I + G^T G / n)^-1 vector; the n rows of G are the gradients of the images' cross-entropies.

    By Woodbury's identity, (vector - G^T (n damping I + G G^T)^-1 G vector) / damping: what WoodFisher's recursion
    comes to, in an order that neither keeps its n directions nor adds up their rounding. G itself is never held, only
    two blocks of its rows, of BLOCK_BYTES each; where it does not fit into one, rows are computed several times.

    Args:
        model: P parameters; left as it is.
        images: at least one.
        vector: (P,), in the order of the model's parameters.
        damping: positive.
    """
    n = len(images)
    blocks = torch.arange(n).split(max(1, BLOCK_BYTES // (vector.numel() * vector.element_size())))
    products, projections = torch.zeros(n, n, dtype=torch.float64), torch.zeros(n, dtype=torch.float64)
    pairs = [(i, j) for i in range(len(blocks)) for j in range(i, len(blocks))]
    for i, j in (progress or Progress()).track(pairs, "blocks"):
        these, those = blocks[i], blocks[j]
        if i == j:
            rows = gradient_rows(model, images.take(these.numpy()))
            projections[these] = (rows @ vector).cpu().double()
        others = rows if i == j else gradient_rows(model, images.take(those.numpy()))
        products[these[:, None], those] = (rows @ others.T).cpu().double()
        products[those[:, None], these] = products[these[:, None], those].T
    weights = torch.linalg.solve(products + n * damping * torch.eye(n, dtype=torch.float64), projections)
    return (vector - flat(weighted_gradient(model, images, weights))) / damping


def gradient_rows(model: nn.Module, images: Images) -> Tensor:
    """Return the gradients (N, P) of the images' cross-entropies, one a row, in the order of the model's parameters."""
    rows = []
    for chunk in Batches(images, chunk_size(model), next(model.parameters()).device):
        gradients = per_example_gradients(model, chunk.images, chunk.labels).values()
        rows.append(torch.cat([gradient.reshape(len(chunk.rows), -1) for gradient in gradients], dim=1))
    return torch.cat(rows)


def flat(gradients: Gradients) -> Tensor:
    """Join gradients to one vector (P,), in the order of the model's parameters."""
    return torch.cat([gradient.flatten() for gradient in gradients.values()])
