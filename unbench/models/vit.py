"""A small vision transformer (Dosovitskiy et al., arXiv 2010.11929): pre-norm, learned positions, class token."""

from typing import Any

import torch
from torch import Tensor, nn

from unbench.models.convolutional import build_trunk
from unbench.models.precision import Backbone, in_own_precision


class VisionTransformer(Backbone):
    """Images (B, C, S, S), normalised floats, to logits (B, K).

    Args:
        image_size, channels, classes: of the data.
        width: token dimension; `heads` must divide it.
        depth: number of encoder layers.
        patch: side of a square patch; must divide `image_size`.
        mlp_ratio: hidden width of the feed-forward layers over `width`.

    Attributes:
        trunk: network whose map the patches are cut from; the identity where they are cut from the image.

    Raises:
        ValueError: the sizes do not fit each other.
    """

    def __init__(
        self,
        *,
        image_size: int,
        channels: int,
        classes: int,
        width: int = 128,
        depth: int = 4,
        heads: int = 4,
        patch: int = 4,
        mlp_ratio: int = 4,
    ) -> None:
        super().__init__()
        if image_size % patch or width % heads:
            raise ValueError(
                f"patch {patch} must divide image size {image_size}, and heads {heads} must divide width {width}"
            )
        self.trunk: nn.Module = nn.Identity()
        self.width = width
        self.patches = (image_size // patch) ** 2
        self.embed = nn.Conv2d(channels, width, kernel_size=patch, stride=patch)
        self.class_token = nn.Parameter(torch.zeros(width))
        self.positions = nn.Parameter(0.02 * torch.randn(1 + self.patches, width))
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width, heads, mlp_ratio * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
            )
            for _ in range(depth)
        )
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)

    @in_own_precision
    def tokenise(self, images: Tensor) -> Tensor:
        """Return patch tokens without positions, (B, P, width)."""
        return self.embed(self.trunk(images)).flatten(2).transpose(1, 2)

    @in_own_precision
    def classify(self, patches: Tensor, extra: Tensor | None = None) -> Tensor:
        """Return logits (B, K) from patch tokens (B, P, width), with `extra` tokens (B, E, width) beside them."""
        class_token = self.class_token.expand(len(patches), 1, -1)
        tokens = torch.cat([class_token, patches], dim=1) + self.positions
        if extra is not None:
            tokens = torch.cat([tokens, extra], dim=1)
        for layer in self.layers:
            tokens = layer(tokens)
        return self.head(self.norm(tokens[:, 0]))

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (B, K)."""
        return self.classify(self.tokenise(images))


def vision_transformer(
    *, image_size: int, channels: int, classes: int, trunk: str = "", trunk_width: int = 0, **options: Any
) -> VisionTransformer:
    """Return an untrained transformer, which reads the map of a convolutional trunk if one is named.

    Args:
        image_size, channels, classes: of the data.
        trunk: name of a backbone, see `build_trunk`; `patch` then counts cells of its map. Empty for none.
        trunk_width: of the trunk; 0 for its default.
        options: of VisionTransformer.

    Raises:
        ValueError: the sizes do not fit each other, or there is no such trunk.
    """
    if not trunk:
        return VisionTransformer(image_size=image_size, channels=channels, classes=classes, **options)
    network, channels, image_size = build_trunk(trunk, image_size, channels, trunk_width)
    model = VisionTransformer(image_size=image_size, channels=channels, classes=classes, **options)
    model.trunk = network
    return model
