"""Any pretrained network of timm (PyTorch Image Models)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from unbench.data.encoders.base import EncoderUnavailableError, FeatureEncoder, loading_weights
from unbench.errors import UnknownNameError
from unbench.store.tensors import content_hash


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
            patches = features[:, getattr(self.network, "num_prefix_tokens", 0) :].transpose(1, 2)
            side = math.isqrt(patches.shape[2])
            return patches.unflatten(2, (side, side)), keys
        # Some families keep channels last.
        channels_first = features.shape[1] == self.network.num_features
        return features if channels_first else features.permute(0, 3, 1, 2), keys


def load(model: str, device: torch.device) -> TimmNetwork:
    """Load the weights from the Hugging Face cache, or download them to it.

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
