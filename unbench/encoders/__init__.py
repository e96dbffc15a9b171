"""Frozen networks and simple maps that turn images into retrieval keys and, for networks, into feature maps.

Importing this package imports neither torch nor any network: names can be listed and checked at once.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from unbench.errors import SpecError, UnknownNameError

if TYPE_CHECKING:
    import torch

    from unbench.encoders.base import Encoder

_MAPS = {"pixels": "unbench.encoders.pixels", "pca": "unbench.encoders.pca"}
_NETWORKS = {
    "vit_b_16": "unbench.encoders.torchvision",
    "efficientnet_lite0": "unbench.encoders.efficientnet",
}
_TIMM = "timm:"


def names() -> list[str]:
    """Every name that `load` takes; "timm:NAME" stands for any pretrained network of timm."""
    return [*_MAPS, *_NETWORKS, f"{_TIMM}NAME"]


def check_name(name: str, stem: bool = False) -> None:
    """Check a name without loading anything; whether timm has a network of that name shows on loading.

    Args:
        name: of an encoder.
        stem: whether feature maps are wanted, which only networks give.

    Raises:
        UnknownNameError: no such encoder; offers the nearest name.
        SpecError: `stem` with an encoder that has no feature map.
    """
    is_timm = name.startswith(_TIMM) and name != _TIMM
    if name not in _MAPS and name not in _NETWORKS and not is_timm:
        raise UnknownNameError("encoder", name, names())
    if stem and name in _MAPS:
        able = ", ".join([*_NETWORKS, f"{_TIMM}NAME"])
        raise SpecError(f"the encoder {name} gives no feature map to start from; these do: {able}")


def load(name: str, device: torch.device | str) -> Encoder:
    """An encoder ready for use on `device`; PCA is ready once fitted. Leaves torch's random state as it was.

    Raises:
        UnknownNameError: no such encoder.
        EncoderUnavailableError: a package or its weights are missing and cannot be had.
    """
    check_name(name)
    import torch

    # Networks are built with random weights before the real ones replace them.
    with torch.random.fork_rng(devices=[]):
        if name.startswith(_TIMM):
            from unbench.encoders import timm

            return timm.load(name.removeprefix(_TIMM), torch.device(device))
        module = importlib.import_module({**_MAPS, **_NETWORKS}[name])
        encoder: Encoder = module.load(torch.device(device))
        return encoder
