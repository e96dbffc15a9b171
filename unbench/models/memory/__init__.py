"""A memory of keys and learnable tokens that finds the nearest entries and truly forgets them."""

from unbench.models.memory.memory import Memory

__all__ = ["Memory"]
