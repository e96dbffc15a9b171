"""The hyper-parameters that stored rows would have by default, as the method's card gives them today."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unbench import registry
from unbench.reporting.formatting import json_object

NEEDED = ("method", "method_version", "dataset", "preset", "scenario", "model", "stem")
"""Columns that decide what the default is."""


def default_hparams(row: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a row's method runs with where nothing is said: tuned for its cell, or else the defaults of the card.

    None if the card is unknown or of another version.

    Args:
        row: with the columns of NEEDED.

    Raises:
        CardError: the cards cannot be read.
    """
    card = registry.methods().get(row["method"])
    if card is None or card.version != row["method_version"]:
        return None
    tuned = card.tuned_for(row["dataset"], row["preset"], row["scenario"], row["model"])
    return dict(card.resolve_hparams(tuned.hparams if tuned else {}, stem=bool(row["stem"])))


def is_default(row: Mapping[str, Any]) -> bool:
    """Whether a row, with its column hparams, has all of its method's defaults and nothing else."""
    return json_object(row["hparams"]) == default_hparams(row)
