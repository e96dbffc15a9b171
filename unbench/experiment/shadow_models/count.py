"""How many shadow models make sense."""

from __future__ import annotations

from unbench.errors import SpecError

LEAST = 4
"""Models below which no attack has two that saw an image and two that did not."""


def check_count(count: int) -> None:
    """Raise SpecError unless the models come in pairs, with complementary halves of the training set, and suffice."""
    if count < LEAST or count % 2:
        raise SpecError(f"shadow models come in pairs and there must be at least {LEAST}, not {count}")
