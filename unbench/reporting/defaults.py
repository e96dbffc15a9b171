"""The default hyper-parameters of stored rows, as the method's card gives them today."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unbench import registry
from unbench.reporting.formatting import json_object


def default_hparams(row: Mapping[str, Any]) -> dict[str, Any] | None:
    """The defaults of a row's method on its kind of input; None if the card is unknown or of another version.

    Args:
        row: with the columns method, method_version and stem.

    Raises:
        CardError: the cards cannot be read.
    """
    card = registry.methods().get(row["method"])
    if card is None or card.version != row["method_version"]:
        return None
    return dict(card.resolve_hparams({}, stem=bool(row["stem"])))


def is_default(row: Mapping[str, Any]) -> bool:
    """Whether a row, with its column hparams, has all of its method's defaults and nothing else."""
    return json_object(row["hparams"]) == default_hparams(row)
