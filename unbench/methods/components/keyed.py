"""What methods have in common that are fed the keys of a frozen encoder beside the images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from unbench.config.cards import Preset, Value
from unbench.data.images import Ints
from unbench.methods.base import Method

AUTO = "auto"


class KeyedMethod(Method):
    """A by-design method whose models read keys; its card has the hyper-parameter `encoder`."""

    own_training: ClassVar[bool] = True

    @staticmethod
    def encoder(hparams: Mapping[str, Value], preset: Preset) -> str:
        """The encoder of the keys: the one asked for, else the preset's, else its stem, else pixels."""
        chosen = str(hparams["encoder"])
        return chosen if chosen != AUTO else preset.keys or preset.stem or "pixels"

    def evict(self, ids: Ints) -> None:
        """Erase the keys and feature maps of training images, int64 (F,), that are kept on disk."""
        if self.context.features is not None:
            self.context.features.evict(ids)
