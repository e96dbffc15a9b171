"""Do nothing: the other end of the scale from the oracle."""

from torch import nn

from unbench.methods import Access, Method


class DoNothing(Method):
    """The original, unchanged. Any attack worth its name can distinguish it from the oracle."""

    def unlearn(self, model: nn.Module, access: Access) -> nn.Module:
        """Return the original, unchanged."""
        return model
