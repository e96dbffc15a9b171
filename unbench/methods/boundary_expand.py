"""Boundary expand: move the images to forget into a shadow class, then remove that class."""

import numpy as np
import torch
from torch import nn

from unbench.methods import Access, Method, classification_loss, descend, head, seeded


class BoundaryExpand(Method):
    """Fine-tuning of the forget set towards a class that does not exist.

    Objective:
        Minimise E_forget[CE(f+(x), K)] where f+ is the model with one output more, number K; then drop that output.
        Needs no labels: every image gets the shadow class. The row of the shadow class starts as in the public code,
        Xavier normal with bias 0. Batch-norm statistics drift to the forget set.

    Reference:
        Chen et al., Boundary Unlearning (arXiv 2303.11570), proposed for whole classes.

    Differences:
        None from the paper. SalUn's copy of the method never drops the row, which changes every softmax after it; here
        the model ends with its K outputs.
    """

    def unlearn(self, model: nn.Module, access: Access) -> nn.Module:
        """Fine-tune on the forget set under a label that does not exist, and take it away again."""
        name, narrow = head(model)
        shadow = narrow.out_features
        with seeded(self.context.seed_for("shadow class")):
            setattr(model, name, resized(narrow, shadow + 1))
        model.train()
        forget = access.forget.relabelled(np.full(len(access.forget), shadow))
        descend(self.epochs(forget, "forget order"), classification_loss(model), self.sgd(model))
        setattr(model, name, resized(head(model)[1], shadow))
        return model


def resized(layer: nn.Linear, outputs: int) -> nn.Linear:
    """Return a layer with `outputs` outputs, the first ones copied from `layer`, any further ones newly initialised."""
    other = nn.Linear(layer.in_features, outputs, layer.bias is not None, layer.weight.device, layer.weight.dtype)
    nn.init.xavier_normal_(other.weight)
    kept = min(outputs, layer.out_features)
    with torch.no_grad():
        other.weight[:kept] = layer.weight[:kept]
        if layer.bias is not None:
            other.bias.zero_()
            other.bias[:kept] = layer.bias[:kept]
    return other
