"""Which of the stored runs a report is about."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unbench.errors import UnknownNameError

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = {
    "datasets": ("dataset", "data set"),
    "methods": ("method", "method"),
    "families": ("method_family", "family of methods"),
    "data_families": ("family", "family of data sets"),
    "scenarios": ("scenario", "scenario"),
    "presets": ("preset", "preset"),
}
"""Of each filter the column of a run, and what it is called."""

_OPTIONS = {
    "datasets": "-d",
    "methods": "-m",
    "families": "--family",
    "data_families": "--data-family",
    "scenarios": "--scenario",
    "presets": "--preset",
}


@dataclass(frozen=True)
class Selection:
    """Names to keep, of each kind; none keeps all of that kind."""

    datasets: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    data_families: tuple[str, ...] = ()
    scenarios: tuple[str, ...] = ()
    presets: tuple[str, ...] = ()

    def of(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The runs that every filter keeps.

        Raises:
            UnknownNameError: no stored run has such a name; the message offers the nearest one that is stored.
        """
        for kind in _COLUMNS:
            check_stored(kind, getattr(self, kind), frame)
        return self.kept(frame)

    def kept(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The same of runs that need not have every name, such as older ones."""
        for kind, (column, _) in _COLUMNS.items():
            if names := getattr(self, kind):
                frame = frame[frame[column].isin(names)]
        return frame.reset_index(drop=True)

    @property
    def arguments(self) -> list[str]:
        """The same as options of the command line, sorted, so that equal selections read alike."""
        return [
            f"{option} {shlex.quote(name)}"
            for kind, option in _OPTIONS.items()
            for name in sorted(set(getattr(self, kind)))
        ]


def check_stored(kind: str, names: Sequence[str], frame: pd.DataFrame) -> None:
    """Raise UnknownNameError for a name of this kind, a field of Selection, that no run has."""
    column, called = _COLUMNS[kind]
    stored = {str(name) for name in frame[column].dropna()}
    for name in names:
        if name not in stored:
            raise UnknownNameError(f"{called} in these results", name, stored)
