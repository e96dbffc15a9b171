"""Do nothing: the other end of the scale from the oracle."""

from torch import nn

from unbench.methods.base import Access, Method


class DoNothing(Method):
    """Returns the original. Any attack worth its name tells it from the oracle."""

    def unlearn(self, model: nn.Module, access: Access) -> nn.Module:
        """The original, unchanged."""
        return model
