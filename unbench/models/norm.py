"""Batch norm that can also be trained on a batch in which a channel has one value."""

from __future__ import annotations

from torch import Tensor, nn


class BatchNorm(nn.BatchNorm2d):
    """PyTorch's batch norm, but a channel with one value in the batch is normalised as in eval mode and not counted.

    One value has no variance, and PyTorch raises. This happens where feature maps have shrunk to 1x1 (ResNet-18 on
    images of 8x8) and a last batch, or a whole forget set, is one image.
    """

    def forward(self, maps: Tensor) -> Tensor:
        """Return normalised maps (N, C, H, W)."""
        if self.training and maps.numel() == maps.shape[1]:
            shift, scale = self.running_mean, self.running_var
            return nn.functional.batch_norm(maps, shift, scale, self.weight, self.bias, eps=self.eps)
        return super().forward(maps)
