"""Losses between predictions that several methods share."""

from torch import Tensor
from torch.nn import functional


def divergence(teacher: Tensor, student: Tensor, temperature: float = 1.0) -> Tensor:
    """Return KL(softmax(teacher / T) || softmax(student / T)) in nats, summed over classes, mean over the batch.

    Reduction "mean" of torch's kl_div divides by the number of classes too, a mistake in several official codes.

    Args:
        teacher: logits (B, K), of which no gradient is taken.
        student: logits (B, K).
        temperature: T; the result is not multiplied by its square.
    """
    target = (teacher.detach() / temperature).log_softmax(1)
    return functional.kl_div((student / temperature).log_softmax(1), target, reduction="batchmean", log_target=True)


def divergence_from(target: Tensor, logits: Tensor) -> Tensor:
    """Return KL(target || softmax(logits)) in nats, mean over the batch.

    Args:
        target: probabilities, (B, K), or (K,) for all alike; zeros are allowed.
        logits: (B, K).
    """
    return functional.kl_div(logits.log_softmax(1), target.expand_as(logits), reduction="batchmean")
