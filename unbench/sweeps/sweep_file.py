"""A sweep as a TOML file or as flags describe it, with the same names in both, and as a results folder keeps it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from unbench.config import registry
from unbench.config.grammar import expand
from unbench.config.seeds import digest
from unbench.errors import SpecError, StoreError, UnknownNameError
from unbench.experiment.shadow_models.pool import check_count
from unbench.experiment.spec import RunSpec, Start
from unbench.store.files import read_text
from unbench.store.json_files import read_json, write_json
from unbench.store.results import Store

FAMILIES = ("post-hoc", "by-design", "reference")
"""Words that stand for all methods of a family, as "all" does for every method."""


class SweepBlock(BaseModel):
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

    def specs(self, results: Path | None = None) -> Iterator[RunSpec]:
        """Yield every run of a complete block: data set by data set, seed by seed; raise SpecError.

        Args:
            results: results folder whose tuned values come before the shipped ones.
        """
        methods = [one for name in self.methods or [] for one in _methods(name)]
        for dataset, scenario in product(self.datasets or [], self.scenarios or []):
            options: dict[str, Any] = {"scenario": scenario, "preset": self.preset, "model": self.model}
            options |= {"start": self.hparams or "tuned", "results": results}
            parsed = [RunSpec.parse(method, dataset, **options) for method in methods]
            for seed in self.seeds or []:
                yield from (spec.with_seed(seed) for spec in parsed)


class SweepCard(SweepBlock):
    """A sweep: one block of runs, or several that take from the top what they leave out."""

    group: list[SweepBlock] = []
    evaluate: bool | None = None
    jobs: int | None = Field(default=None, ge=1)
    threads: int | None = Field(default=None, ge=1)
    executor: Literal["local", "ray", "slurm"] | None = None
    time_limit: float | None = Field(default=None, gt=0)
    memory_limit: float | None = Field(default=None, gt=0)
    ray: dict[str, Any] = {}
    slurm: dict[str, Any] = {}

    def with_flags(self, flags: Mapping[str, Any]) -> SweepCard:
        """Return the same sweep with the values of flags; a flag that is None changes nothing.

        Raises:
            SpecError: a value is wrong.
        """
        given = {name: value for name, value in flags.items() if value is not None}
        of_block = {name: value for name, value in given.items() if name in SweepBlock.model_fields}
        groups = [{**group.model_dump(exclude_none=True), **of_block} for group in self.group]
        return _checked({**self.model_dump(exclude_none=True), **given, "group": groups}, "the sweep")

    def blocks(self) -> list[SweepBlock]:
        """Return its blocks, each complete."""
        standard = {"methods": ["munkey"], "datasets": ["digits"], "scenarios": ["random10"], "seeds": [0]}
        standard |= {"preset": "cpu", "hparams": "tuned", "probe": False, "shadows": 0}
        top = self.model_dump(include=set(SweepBlock.model_fields), exclude_none=True)
        groups = [group.model_dump(exclude_none=True) for group in self.group] or [{}]
        return [SweepBlock.model_validate({**standard, **top, **group}) for group in groups]

    def runs(self, results: Path | None = None) -> dict[RunSpec, bool]:
        """Return every run, each once, and whether its models are to be probed.

        They go data set by data set and seed by seed, so that what is trained is soon used.

        Args:
            results: results folder whose tuned values come before the shipped ones.

        Raises:
            SpecError: there are none, or a name or a value is wrong.
        """
        found: dict[RunSpec, bool] = {}
        for block in self.blocks():
            for spec in block.specs(results):
                found[spec] = found.get(spec, False) or bool(block.probe)
        if not found:
            names = ("methods", "datasets", "scenarios", "seeds")
            empty = next(name for name in names if any(not getattr(block, name) for block in self.blocks()))
            raise SpecError(f"empty sweep: no {empty}")
        return found

    def shadows_of_cells(self, results: Path | None = None) -> dict[RunSpec, int]:
        """Return each run with seed 0 that wants shadow models, and how many it wants; raise SpecError."""
        found: dict[RunSpec, int] = {}
        for block in self.blocks():
            if block.shadows:
                check_count(block.shadows)
                found |= dict.fromkeys(block.model_copy(update={"seeds": [0]}).specs(results), block.shadows)
        return found


def read_sweep(path: Path) -> SweepCard:
    """Read a sweep file.

    Raises:
        SpecError: it cannot be read, or has an unknown key or value; the message names the nearest key.
    """
    try:
        content = tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"{path} is not valid TOML: {error}") from error
    return _checked(content, f"the sweep file {path}")


def store_card(store: Store, card: SweepCard) -> None:
    """Store a sweep's card, so that its progress is known without its file; once, however often it is resumed."""
    content = card.model_dump(mode="json")
    path = store.sweeps / f"{digest(content)}.json"
    if not path.exists():
        write_json(path, content)


def stored_cards(store: Store) -> list[SweepCard]:
    """Return every stored card.

    Raises:
        StoreError: one is damaged, or was written by a version of unbench with other keys.
    """
    found = []
    for path in sorted(store.sweeps.glob("*.json")):
        try:
            found.append(SweepCard.model_validate(read_json(path)))
        except ValidationError as error:
            raise StoreError(f"{path} is from another version of unbench; move it away") from error
    return found


def parse_seeds(text: str) -> list[int]:
    """Return the seeds that a command line gives.

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


def _methods(word: str) -> list[str]:
    """Return the methods that a word of a sweep stands for."""
    if word == "all" or word in FAMILIES:
        return [name for name, card in registry.methods().items() if word in ("all", card.family)]
    return expand(word)


def _checked(content: Mapping[str, Any], source: str) -> SweepCard:
    try:
        return SweepCard.model_validate(content)
    except ValidationError as error:
        fault = min(error.errors(), key=lambda fault: fault["type"] != "extra_forbidden")
        where, inside = fault["loc"][-1], "group" in fault["loc"][:-1]
        if fault["type"] == "extra_forbidden":
            known = SweepBlock.model_fields if inside else SweepCard.model_fields
            raise SpecError(f"{source}: {UnknownNameError('key', str(where), known)}") from error
        path = ".".join(map(str, fault["loc"]))
        raise SpecError(f"{source}: {path}: {fault['msg']}") from error
