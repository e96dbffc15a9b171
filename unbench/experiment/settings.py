"""Where and how runs are done: everything that a user may choose and that decides no number."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypedDict

from unbench.data.loading import Checksums
from unbench.errors import SpecError
from unbench.experiment.spec import RunSpec, Start
from unbench.store.results import Store


class PlaceOptions(TypedDict, total=False):
    """Keyword arguments of every function that reads data and a results folder.

    Attributes:
        results: results folder; default "results".
        data_root: see unbench.load_dataset.
        device: "auto", or a torch device.
        checksums: "auto", "strict" or "accept"; see unbench.load_dataset.
    """

    results: Path | str
    data_root: Path | str | None
    device: str
    checksums: Checksums


class CellOptions(PlaceOptions, total=False):
    """Keyword arguments that choose what to run besides method, data set and seed.

    Attributes:
        scenario: who is forgotten; default "random10".
        preset: of the data set's card; default "cpu".
        model: backbone in place of the preset's.
    """

    scenario: str
    preset: str
    model: str | None


class TuneOptions(CellOptions, total=False):
    """Keyword arguments of `unbench.tune`.

    Attributes:
        time_limit: seconds that unlearning may take; a longer run ends with status "timed_out". On a CPU, time in which
            other programs have the processor does not count.
    """

    time_limit: float | None


class ShadowOptions(CellOptions, total=False):
    """Keyword arguments of `unbench.shadow`.

    Attributes:
        start: "tuned" takes hyper-parameters that are not given from what tune chose for this data set, preset and
            scenario, if anything; "default" from the card.
    """

    start: Start


class RunOptions(ShadowOptions, TuneOptions, total=False):
    """Keyword arguments of `unbench.run`.

    Attributes:
        seed: of the forget set, the training and the unlearning; default 0.
        probe: also ask the models themselves, for metrics that need them: features, relearning, restoration. Takes as
            long as some epochs of training; a run that is stored without the answers is run again.
        force: run again even if a stored result exists; the new attempt is stored beside it.
    """

    seed: int
    probe: bool
    force: bool


class TrainOptions(PlaceOptions, total=False):
    """Keyword arguments of `unbench.train`; see RunOptions."""

    preset: str
    model: str | None
    seed: int


@dataclass(frozen=True)
class Settings:
    """Where and how to work; plain values, to be sent to other processes.

    Attributes:
        results, data_root, device, checksums, time_limit, probe, force: see the options above.
        threads: CPU threads of a worker of a sweep; sums on a CPU depend on it, so it is in every row.
        evaluate: compute all metrics of a run as soon as it is done.
        memory_limit: MiB that a process of a run may hold; None for no limit.
        wait: for another process that is at work on the same run, rather than raise BusyError.
        environment: variables of unbench, such as UNBENCH_PLUGINS, for processes that do not inherit them.
    """

    results: Path = Path("results")
    data_root: Path | None = None
    device: str = "auto"
    checksums: Checksums = "auto"
    time_limit: float | None = None
    probe: bool = False
    force: bool = False
    threads: int = 1
    evaluate: bool = True
    memory_limit: float | None = None
    wait: bool = True
    environment: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        """Raise SpecError for a time limit that is not a positive number."""
        if self.time_limit is not None and not 0 < self.time_limit < math.inf:
            raise SpecError(f"the time limit must be a positive number of seconds, not {self.time_limit:g}")

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Settings:
        """Take from keyword arguments what settings have, leaving the rest."""
        found = {one.name: options[one.name] for one in fields(cls) if one.name in options}
        paths = {name: Path(found[name]) for name in ("results", "data_root") if found.get(name) is not None}
        return cls(**{**found, **paths})

    @property
    def store(self) -> Store:
        """The results folder."""
        return Store(self.results)

    def portable(self) -> Settings:
        """Return the same settings for a process elsewhere: absolute paths, and the variables of unbench."""
        return replace(
            self,
            results=self.results.absolute(),
            data_root=self.data_root and self.data_root.absolute(),
            environment=tuple((name, value) for name, value in os.environ.items() if name.startswith("UNBENCH_")),
        )


def check_keywords(function: str, options: Mapping[str, Any], known: type) -> None:
    """Raise TypeError, as Python does, for a keyword argument that a function's options do not have."""
    for name in options:
        if name not in known.__optional_keys__:  # type: ignore[attr-defined]
            raise TypeError(f"{function}() got an unexpected keyword argument '{name}'")


def resolve(method: str, dataset: str, options: Mapping[str, Any], **fixed: Any) -> tuple[RunSpec, Settings]:
    """Return what to run and how, from the arguments of a function; `fixed` are further ones of RunSpec.parse.

    Raises:
        SpecError: a name is unknown or a value is wrong.
    """
    chosen = {name: options[name] for name in ("scenario", "preset", "seed", "model", "start") if name in options}
    settings = Settings.of(options)
    return RunSpec.parse(method, dataset, **chosen, **fixed, results=settings.results), settings
