"""ViT-B/16 as torchvision publishes it: the key encoder of MUNKEY's paper (arXiv 2603.15033)."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.models import ViT_B_16_Weights, vit_b_16
from torchvision.models.feature_extraction import create_feature_extractor

from unbench.data.cache import file_hash
from unbench.data.encoders.base import FeatureEncoder, loading_weights

WEIGHTS = ViT_B_16_Weights.IMAGENET1K_V1


class VisionTransformerB16(FeatureEncoder):
    """ViT-B/16: keys are the class token after the last layer norm (768), maps the patch tokens (768 x 14 x 14)."""

    name = "vit_b_16"

    def __init__(self, network: nn.Module, weights_hash: str, device: torch.device) -> None:
        preset = WEIGHTS.transforms()
        tokens = create_feature_extractor(network, {"encoder.ln": "tokens"})
        super().__init__(tokens, preset.crop_size[0], preset.mean, preset.std, device)
        self.trained_on = f"ImageNet-1k, supervised, torchvision IMAGENET1K_V1 (sha256 {weights_hash})"

    def _features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        tokens = self.network(images)["tokens"]
        patches = tokens[:, 1:].transpose(1, 2)
        side = round(patches.shape[2] ** 0.5)
        return patches.unflatten(2, (side, side)), tokens[:, 0]


def load(device: torch.device) -> VisionTransformerB16:
    """Load the weights from torch.hub's checkpoint folder (TORCH_HOME), or download them to it (346 MB).

    Raises:
        EncoderUnavailableError: they are missing and cannot be fetched, or the file is damaged.
    """
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(WEIGHTS.url).name
    if path.is_file():
        reason = f"{path} is damaged or holds another network"
    else:
        reason = f"its weights are not at {path} (put the file there) and {WEIGHTS.url} cannot be fetched"
    with loading_weights("vit_b_16", reason):
        state = WEIGHTS.get_state_dict(progress=False, check_hash=True, weights_only=True, map_location="cpu")
        network = vit_b_16()
        network.load_state_dict(state)
    return VisionTransformerB16(network, file_hash(path)[:8], device)
