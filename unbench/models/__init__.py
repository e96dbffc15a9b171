"""Backbones by name."""

from importlib import import_module

import torch
from torch import nn

from unbench.config.cards import Backbone as Name
from unbench.config.cards import Preset
from unbench.errors import NotApplicableError, SpecError
from unbench.models.precision import Backbone
from unbench.models.vit import VisionTransformer

PLACES: dict[Name, str] = {
    "vit": "vit:vision_transformer",
    "convnet": "convolutional:ConvNet",
    "cifarnet": "convolutional:CifarNet",
    "resnet18": "resnet:ResNet18",
}
"""Modules and what makes the network, imported on use: torchvision's networks take a second."""


def build(preset: Preset, shape: tuple[int, int], classes: int) -> nn.Module:
    """Return the untrained backbone that a preset names, for inputs of `shape` (channels, side).

    Raises:
        SpecError: the preset's model options do not fit the inputs.
    """
    channels, side = shape
    module, _, name = PLACES[preset.model].partition(":")
    kind = getattr(import_module(f"unbench.models.{module}"), name)
    try:
        model: nn.Module = kind(image_size=side, channels=channels, classes=classes, **preset.model_options)
    except (TypeError, ValueError) as error:
        raise SpecError(f"cannot build model '{preset.model}': {error}") from error
    for part in model.modules():
        if isinstance(part, Backbone):
            part.precision = preset.training.precision
    return model.to(memory_format=torch.channels_last) if preset.training.channels_last else model


def build_transformer(preset: Preset, shape: tuple[int, int], classes: int) -> VisionTransformer:
    """Return the untrained transformer that a preset names; raise NotApplicableError for other backbones."""
    model = build(preset, shape, classes)
    if not isinstance(model, VisionTransformer):
        raise NotApplicableError(f"needs a transformer; the model is '{preset.model}'")
    return model
