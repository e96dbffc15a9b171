"""Backbones by name."""

from torch import nn

from unbench.config.cards import Preset
from unbench.errors import NotApplicableError, SpecError
from unbench.models.convolutional import ConvNet, resnet18
from unbench.models.vit import VisionTransformer


def build(preset: Preset, shape: tuple[int, int], classes: int) -> nn.Module:
    """Return the untrained backbone that a preset names, for inputs of `shape` (channels, side).

    Raises:
        SpecError: the preset's model options do not fit the inputs.
    """
    channels, side = shape
    makers = {"vit": VisionTransformer, "resnet18": resnet18, "convnet": ConvNet}
    try:
        return makers[preset.model](image_size=side, channels=channels, classes=classes, **preset.model_options)
    except (TypeError, ValueError) as error:
        raise SpecError(f"cannot build model '{preset.model}': {error}") from error


def build_transformer(preset: Preset, shape: tuple[int, int], classes: int) -> VisionTransformer:
    """Return the untrained transformer that a preset names; raise NotApplicableError for other backbones."""
    model = build(preset, shape, classes)
    if not isinstance(model, VisionTransformer):
        raise NotApplicableError(f"needs a transformer; the model is '{preset.model}'")
    return model
