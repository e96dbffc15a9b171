"""The common part of methods that are fed the keys of a frozen encoder beside the images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch

from unbench.config.cards import Preset, Value
from unbench.data.images import Images, Ints
from unbench.methods.base import Method
from unbench.models.memory import Memory
from unbench.models.memory.labels import LabelMemory

AUTO = "auto"


class KeyedMethod(Method):
    """A by-design method whose models read keys; its card has the hyper-parameter `encoder`."""

    own_training: ClassVar[bool] = True

    @staticmethod
    def encoder(hparams: Mapping[str, Value], preset: Preset) -> str:
        """Return the encoder of the keys: the one asked for, else the preset's, else its frozen backbone or pixels."""
        chosen = str(hparams["encoder"])
        return chosen if chosen != AUTO else preset.keys or preset.stem or "pixels"

    def blank(self, count: int) -> Images:
        """Return stand-ins for `count` images, to build a model of the right size: keys and labels are zero."""
        keys = np.zeros((count, self.context.key_dim), np.float32)
        return Images(np.empty((count, 0)), np.zeros(count, np.int64), np.arange(count), keys)

    def labelled_memory(self, images: Images) -> LabelMemory:
        """Return a memory of the images' keys and labels."""
        assert images.keys is not None
        ids, keys, labels = (torch.from_numpy(part) for part in (images.ids, images.keys, images.labels))
        return LabelMemory(ids, keys, labels, self.context.classes)

    def delete(self, memory: Memory, ids: Ints) -> None:
        """Delete the entries of `ids` from a memory, and their keys and feature maps kept on disk."""
        memory.forget(torch.from_numpy(ids))
        self.context.evict(ids)
