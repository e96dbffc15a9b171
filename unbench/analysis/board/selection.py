"""Filters: which of the stored runs a report covers."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

from unbench.errors import UnknownNameError

if TYPE_CHECKING:
    import pandas as pd


class Filters(TypedDict, total=False):
    """Names to keep, of each kind; none keeps all of that kind.

    Attributes:
        datasets, methods, scenarios, presets: by name.
        families: of methods: post-hoc, by-design, reference.
        data_families: of data sets: natural, fine-grained, medical and what other cards have.
    """

    datasets: Sequence[str]
    methods: Sequence[str]
    families: Sequence[str]
    data_families: Sequence[str]
    scenarios: Sequence[str]
    presets: Sequence[str]


_KINDS = {
    "datasets": ("dataset", "data set", "-d"),
    "methods": ("method", "method", "-m"),
    "families": ("method_family", "family of methods", "--family"),
    "data_families": ("family", "family of data sets", "--data-family"),
    "scenarios": ("scenario", "scenario", "--scenario"),
    "presets": ("preset", "preset", "--preset"),
}
"""The column of a run that each filter reads, what its names are called, and its option on the command line."""


def select(frame: pd.DataFrame, filters: Mapping[str, Any]) -> pd.DataFrame:
    """Return the runs that pass every filter.

    Args:
        frame: the runs.
        filters: as in `Filters`; other keys are ignored.

    Raises:
        UnknownNameError: no stored run has such a name; the message offers the nearest one that is stored.
    """
    chosen = {kind: filters[kind] for kind in _KINDS if filters.get(kind)}
    for kind, names in chosen.items():
        check_stored(kind, names, frame)
    for kind, names in chosen.items():
        frame = frame[frame[_KINDS[kind][0]].isin(names)]
    return frame.reset_index(drop=True)


def arguments(filters: Mapping[str, Any]) -> list[str]:
    """Return the filters as options of the command line, sorted, so that equal filters read alike."""
    return [
        f"{option} {shlex.quote(name)}"
        for kind, (_, _, option) in _KINDS.items()
        for name in sorted(set(filters.get(kind, ())))
    ]


def check_stored(kind: str, names: Sequence[str], frame: pd.DataFrame) -> None:
    """Raise UnknownNameError for a name of this kind, a key of Filters, that no run has."""
    column, title, _ = _KINDS[kind]
    stored = {str(name) for name in frame[column].dropna()}
    for name in names:
        if name not in stored:
            raise UnknownNameError(f"{title} in these results", name, stored)
