"""Encoders: frozen networks and simple maps that turn images into retrieval keys and, networks only, feature maps."""

import pkgutil

import torch

from unbench.config.encoder_names import MAPS, NETWORKS, TIMM, check_name
from unbench.data.encoders.base import Encoder
from unbench.data.encoders.networks import load_timm


def load(name: str, device: torch.device | str) -> Encoder:
    """Load an encoder for use on `device`; pixels and PCA must still be fitted. Torch's random state does not change.

    Raises:
        UnknownNameError: there is no such encoder.
        EncoderUnavailableError: a package or its weights are missing and cannot be downloaded.
    """
    check_name(name)
    # Networks are built with random weights before the real ones replace them.
    with torch.random.fork_rng(devices=[]):
        if name.startswith(TIMM):
            return load_timm(name.removeprefix(TIMM), torch.device(device))
        encoder: Encoder = pkgutil.resolve_name({**MAPS, **NETWORKS}[name])(torch.device(device))
        return encoder
