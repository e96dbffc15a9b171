"""A memory of keys and learnable tokens that finds the nearest entries and truly forgets them."""

from unbench.models.memory.memory import LabelMemory, Memory

__all__ = ["LabelMemory", "Memory"]
