"""Encoders: frozen networks and simple maps that turn images into retrieval keys and, networks only, feature maps."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from unbench.config.encoder_names import MAPS, NETWORKS, TIMM, check_name

if TYPE_CHECKING:
    import torch

    from unbench.data.encoders.base import Encoder


def load(name: str, device: torch.device | str) -> Encoder:
    """Load an encoder for use on `device`; pixels and PCA must still be fitted. Torch's random state does not change.

    Raises:
        UnknownNameError: there is no such encoder.
        EncoderUnavailableError: a package or its weights are missing and cannot be downloaded.
    """
    check_name(name)
    import torch

    # Networks are built with random weights before the real ones replace them.
    with torch.random.fork_rng(devices=[]):
        if name.startswith(TIMM):
            from unbench.data.encoders import timm

            return timm.load(name.removeprefix(TIMM), torch.device(device))
        module = importlib.import_module({**MAPS, **NETWORKS}[name])
        encoder: Encoder = module.load(torch.device(device))
        return encoder
