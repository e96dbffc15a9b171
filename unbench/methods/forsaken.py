"""Forsaken: change as few weights as make the forget set look like images that were never seen."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from unbench.methods import Access, Batch, HeldOutAnswers, Method, descend, divergence_from


class Forsaken(Method):
    """Sparse change of the weights that makes the forget set's posteriors those of held-out images.

    Objective:
        Minimise E_forget[KL(q_y || p(x))] + penalty * |m|_1 over m, with weights original - m. m is the mask gradient,
        one number for each weight; q_y, how non-members are answered, is the mean of the original's softmax over
        held-out images of the class of x.

    Reference:
        Liu et al., Learn to Forget: Machine Unlearning via Neuron Masking (arXiv 2003.10933). Only the outline of the
        paper and one re-implementation by others could be read: mask gradients move the posterior of the forget images
        to that of non-members, and their l1 norm is a penalty against forgetting too much. The rest is decided here.

    Differences:
        The paper trains a network to generate m; here m is found directly, by proximal gradient descent, which
        minimises the same loss and leaves weights that the loss pulls less than the penalty at the original's, to the
        bit: those are masked. All weights count alike in the norm. The target is one for each class, because a single
        mean over all classes would be no target for one image. No retain image is used, and the model stays in eval
        mode, so that batch-norm statistics do not drift to the forget set.
    """

    def unlearn(self, model: nn.Module, access: Access) -> nn.Module:
        """Move the posteriors of the forget images to those of held-out images of their class."""
        context = self.context
        answers = HeldOutAnswers(model, access.held_out, context.classes, context.device)
        if sentence := answers.stand_ins(access.forget.labels):
            self.warn(sentence)
        targets = torch.stack([answers.mean(answers.of_class(label)) for label in range(context.classes)])

        def distance(batch: Batch) -> Tensor:
            return divergence_from(targets[batch.labels], model(batch.images))

        optimizer = ProximalSGD(model.parameters(), context.number("lr"), context.number("penalty"))
        model.eval()
        descend(self.epochs(access.forget, "forget order"), distance, optimizer)
        if not optimizer.moved():
            self.warn("no weight moved: the penalty outweighs what the forget set asks for")
        return model


class ProximalSGD(torch.optim.SGD):
    """SGD on a loss + penalty * |weights - start|_1, with a proximal step for the second term.

    A weight that a step leaves within lr * penalty of its start is put back there; others move that far towards it.
    """

    def __init__(self, weights: Iterable[nn.Parameter], lr: float, penalty: float) -> None:
        super().__init__(weights, lr=lr)
        self.threshold = lr * penalty
        self.start = [(weight, weight.detach().clone()) for weight in self.param_groups[0]["params"]]

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """Take one step down the loss, then one towards the start."""
        result = super().step(closure)
        for weight, start in self.start:
            weight.copy_(start + functional.softshrink(weight - start, self.threshold))
        return result

    def moved(self) -> int:
        """Count the weights that are not where they started."""
        return sum(int((weight != start).sum()) for weight, start in self.start)
