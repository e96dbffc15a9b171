"""What a sweep is made of, as a TOML file or as flags say it: the two have the same names."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from unbench.config import registry
from unbench.config.grammar import expand
from unbench.errors import SpecError, UnknownNameError
from unbench.experiment.shadow_models.count import check_count
from unbench.experiment.spec import RunSpec, Start
from unbench.store.files import read_text

FAMILIES = ("post-hoc", "by-design", "reference")
"""Words that stand for all methods of a family, as "all" does for every method."""


@dataclass(frozen=True)
class RunRequest:
    """One run as a user asks for it; plain values, to be sent to other processes."""

    method: str
    dataset: str
    scenario: str = "random10"
    preset: str = "cpu"
    seed: int = 0
    model: str | None = None
    start: Start = "tuned"
    probe: bool = False

    def spec(self, results: Path | None = None) -> RunSpec:
        """Look names up and fill defaults in, with tuned values of `results` first; raise SpecError."""
        return RunSpec.parse(
            self.method, self.dataset, self.scenario, self.preset, self.seed, self.model, self.start, results
        )

    @property
    def place(self) -> str:
        """All but the method, for a reader."""
        return f"{self.dataset} ({self.scenario}, {self.preset}, seed {self.seed})"

    def __str__(self) -> str:
        return f"{self.method} on {self.place}"


class Cells(BaseModel):
    """Runs of every method on every data set, in every scenario, with every seed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    methods: list[str] | None = None
    datasets: list[str] | None = None
    scenarios: list[str] | None = None
    seeds: list[int] | None = None
    preset: str | None = None
    model: str | None = None
    hparams: Start | None = None
    probe: bool | None = None
    shadows: int | None = Field(default=None, ge=0)


class SweepCard(Cells):
    """A sweep: one block of cells, or several that take from the top what they do not say themselves."""

    group: list[Cells] = []
    evaluate: bool | None = None
    jobs: int | None = Field(default=None, ge=1)
    threads: int | None = Field(default=None, ge=1)
    executor: Literal["local", "ray", "slurm"] | None = None
    time_limit: float | None = Field(default=None, gt=0)
    memory_limit: float | None = Field(default=None, gt=0)
    ray: dict[str, Any] = {}
    slurm: dict[str, Any] = {}

    def with_flags(self, flags: Mapping[str, Any]) -> SweepCard:
        """The same with what the flags say in the place of what is here; flags that are None say nothing.

        Raises:
            SpecError: a value is wrong.
        """
        said = {name: value for name, value in flags.items() if value is not None}
        cells = {name: value for name, value in said.items() if name in Cells.model_fields}
        groups = [{**group.model_dump(exclude_none=True), **cells} for group in self.group]
        return _checked({**self.model_dump(exclude_none=True), **said, "group": groups}, "the sweep")

    def blocks(self) -> list[Cells]:
        """Its blocks of cells, each complete."""
        top = {name: getattr(self, name) for name in Cells.model_fields}
        standard = {"methods": ["munkey"], "datasets": ["digits"], "scenarios": ["random10"], "seeds": [0]}
        standard |= {"preset": "cpu", "hparams": "tuned", "probe": False, "shadows": 0}
        said = [group.model_dump(exclude_none=True) for group in self.group] or [{}]
        from_top = {name: value for name, value in top.items() if value is not None}
        return [Cells.model_validate({**standard, **from_top, **block}) for block in said]

    def requests(self) -> list[RunRequest]:
        """Every run, each once: data set by data set, seed by seed, so that what is trained is soon made use of.

        Raises:
            SpecError: there are none.
        """
        found = dict.fromkeys(request for block in self.blocks() for request in _requests(block))
        if not found:
            empty = next(name for name in ("methods", "datasets", "scenarios", "seeds") if self._is_empty(name))
            raise SpecError(f"the sweep is of no runs: '{empty}' is empty")
        return list(found)

    def shadow_requests(self) -> dict[RunRequest, int]:
        """Each cell that wants shadow models, as a run with seed 0, and how many it wants; raises SpecError."""
        for block in self.blocks():
            if block.shadows:
                check_count(block.shadows)
        return {
            request: block.shadows
            for block in self.blocks()
            if block.shadows
            for request in _requests(block.model_copy(update={"seeds": [0], "probe": False}))
        }

    def _is_empty(self, name: str) -> bool:
        return any(not getattr(block, name) for block in self.blocks())


def read_sweep(path: Path) -> SweepCard:
    """Read a sweep file.

    Raises:
        SpecError: it cannot be read, or says something that is not known; the message names the nearest key.
    """
    try:
        content = tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"the sweep file {path} is no TOML: {error}") from error
    return _checked(content, f"the sweep file {path}")


def parse_seeds(text: str) -> list[int]:
    """Seeds as a command line gives them.

    >>> parse_seeds("0,1,4-6")
    [0, 1, 4, 5, 6]
    """
    found: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", part, re.ASCII)
        if match is None:
            raise SpecError(f"seeds are whole numbers such as 0,1,2 or 0-4, not '{text}'")
        found += range(int(match[1]), int(match[2] or match[1]) + 1)
    return found


def _requests(block: Cells) -> Iterator[RunRequest]:
    assert None not in (block.methods, block.datasets, block.scenarios, block.seeds)
    methods = [one for name in block.methods or [] for one in _methods(name)]
    for dataset, scenario, seed, method in product(
        block.datasets or [], block.scenarios or [], block.seeds or [], methods
    ):
        yield RunRequest(
            method,
            dataset,
            scenario,
            block.preset or "cpu",
            seed,
            block.model,
            block.hparams or "tuned",
            bool(block.probe),
        )


def _methods(word: str) -> list[str]:
    """The methods that a word of a sweep stands for."""
    if word == "all" or word in FAMILIES:
        return [name for name, card in registry.methods().items() if word in ("all", card.family)]
    return expand(word)


def _checked(content: Mapping[str, Any], said: str) -> SweepCard:
    try:
        return SweepCard.model_validate(content)
    except ValidationError as error:
        fault = min(error.errors(), key=lambda fault: fault["type"] != "extra_forbidden")
        where, inside = fault["loc"][-1], "group" in fault["loc"][:-1]
        if fault["type"] == "extra_forbidden":
            known = Cells.model_fields if inside else SweepCard.model_fields
            raise SpecError(f"{said}: {UnknownNameError('key', str(where), known)}") from error
        path = ".".join(map(str, fault["loc"]))
        raise SpecError(f"{said}: {path}: {fault['msg']}") from error
