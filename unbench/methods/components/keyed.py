"""The common part of methods that are fed the keys of a frozen encoder beside the images."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from torch import nn

from unbench.config.cards import Preset, Value
from unbench.data.images import Images
from unbench.methods.base import Access, Method
from unbench.models.memory import LabelMemory, Memory

AUTO = "auto"


class KeyedMethod(Method):
    """A by-design method whose models read keys; its card has the hyper-parameter `encoder`."""

    own_training: ClassVar[bool] = True

    @staticmethod
    def encoder(hparams: Mapping[str, Value], preset: Preset) -> str:
        """Return the encoder of the keys: the one asked for, else the preset's, else its frozen backbone or pixels."""
        chosen = str(hparams["encoder"])
        return chosen if chosen != AUTO else preset.keys or preset.stem or "pixels"


class MemoryMethod(KeyedMethod):
    """A keyed method whose model has a `memory` with an entry for each training image; forgetting deletes entries."""

    def build(self, images: int) -> nn.Module:
        """Return an untrained model with room for `images` entries, whose keys are still zero."""
        keys = np.zeros((images, self.context.key_dim), np.float32)
        return self.model_for(Images(np.empty((images, 0)), np.zeros(images, np.int64), np.arange(images), keys))

    def model_for(self, images: Images) -> nn.Module:
        """Return an untrained model whose memory holds the keys of `images`."""
        raise NotImplementedError

    def labelled_memory(self, images: Images) -> LabelMemory:
        """Return a memory of the images' keys and labels."""
        assert images.keys is not None
        ids, keys, labels = (torch.from_numpy(part) for part in (images.ids, images.keys, images.labels))
        return LabelMemory(ids, keys, labels, self.context.classes)

    def unlearn(self, model: nn.Module, access: Access) -> nn.Module:
        """Delete the entries of the forgotten ids, and their keys kept on disk. No gradient, no image, no label."""
        memory = model.memory
        assert isinstance(memory, Memory)
        memory.forget(torch.from_numpy(access.forget_ids))
        self.context.evict(access.forget_ids)
        return model
