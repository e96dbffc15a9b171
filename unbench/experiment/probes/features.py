"""What the last layer of a model reads."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from unbench.data.batches import Batches
from unbench.data.images import Images
from unbench.models.parts import head


@torch.inference_mode()
def features(model: nn.Module, images: Images, device: torch.device, batch_size: int = 512) -> Tensor:
    """Inputs of the last layer for each image, float32 (N, D), in eval mode.

    A memory model passes an image once for each neighbour: the mean over its passes.

    Raises:
        NotApplicableError: the model does not end in a linear layer.
    """
    seen: list[Tensor] = []
    last = head(getattr(model, "backbone", model))[1]
    hook = last.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    rows = []
    try:
        for batch in Batches(images, batch_size, device):
            seen.clear()
            model.eval()(*batch.inputs)
            rows.append(torch.stack(seen).mean(dim=0).float().cpu())
    finally:
        hook.remove()
    return torch.cat(rows)
