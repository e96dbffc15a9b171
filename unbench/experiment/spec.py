"""What one run is: names looked up, defaults filled in, and a key made of meaning only.

A RunSpec holds everything that decides the numbers of a run besides the data. It is made once, from what the user
wrote, and passed down as it is: to tasks of a sweep, to worker processes, to the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from operator import index
from pathlib import Path
from typing import Literal, get_args

from unbench.config import registry
from unbench.config.cards import Backbone, DatasetCard, MethodCard, Preset, Value
from unbench.config.grammar import parse_call, write_call
from unbench.config.seeds import digest
from unbench.config.tuned import TunedValues
from unbench.errors import SpecError, UnknownNameError
from unbench.scenarios import Scenario, parse_scenario

NUMERICS_VERSION = 1
"""Raised when shared code (training loop, models, splits) changes numbers, so that no old result is reused."""

SEEDS = 2**63
"""Number of valid seeds, from 0: what a column of a row can hold."""

MODELS = get_args(Backbone)
"""Backbones, fastest first on small images."""

Start = Literal["tuned", "default"]
"""Source of hyper-parameters that are not given: what tune chose for this data set, preset and scenario, or the card's
defaults."""


@dataclass(frozen=True)
class RunSpec:
    """One run. Two specs are equal if they mean the same run, however the method was written.

    Attributes:
        method, dataset: cards.
        hparams: every hyper-parameter of the method, typed and checked.
        scenario: who is forgotten.
        preset_name, preset: size of the experiment and its training recipe.
        seed: of the forget set, the training and the unlearning.
        written: the method as the user wrote it, for logs and tables.
        results: results folder whose tuned values come before the shipped ones, if any.
    """

    method: MethodCard
    hparams: dict[str, Value]
    dataset: DatasetCard
    scenario: Scenario
    preset_name: str
    preset: Preset
    seed: int
    written: str = field(default="", compare=False)
    results: Path | None = field(default=None, compare=False)

    @classmethod
    def parse(
        cls,
        method: str = "munkey",
        dataset: str = "digits",
        scenario: str = "random10",
        preset: str = "cpu",
        seed: int = 0,
        model: str | None = None,
        start: Start = "tuned",
        results: Path | str | None = None,
    ) -> RunSpec:
        """Look up every name and check every value.

        Args:
            results: results folder whose tuned values come before the shipped ones; None leaves the shipped ones alone.

        Raises:
            SpecError: a name is unknown or a value is wrong.
            CardError: a card, or a file of tuned values, cannot be used.
        """
        if start not in get_args(Start):
            raise UnknownNameError("choice of hyper-parameters", start, get_args(Start))
        method_name, options = parse_call(method)
        method_card = registry.method(method_name)
        dataset_card = registry.dataset(dataset)
        parsed_scenario = parse_scenario(scenario)
        if preset not in dataset_card.presets:
            raise UnknownNameError("preset", preset, dataset_card.presets, f"for dataset '{dataset}'")
        chosen = dataset_card.presets[preset]
        if model is not None:
            if model not in MODELS:
                raise UnknownNameError("model", model, MODELS)
            if model not in chosen.models:
                raise SpecError(
                    f"preset '{preset}' of dataset '{dataset}' has no recipe for model '{model}', only for "
                    f"{', '.join(chosen.models)}; add [presets.{preset}.recipes.{model}] to its card"
                )
            chosen = chosen.with_model(model)
        values = TunedValues.of(results)
        tuned = values.find(method_card, dataset, preset, parsed_scenario.name, chosen.model)
        given = {**(tuned.hparams if tuned and start == "tuned" else {}), **dict(options)}
        return cls(
            method=method_card,
            hparams=method_card.resolve_hparams(given, stem=bool(chosen.stem)),
            dataset=dataset_card,
            scenario=parsed_scenario,
            preset_name=preset,
            preset=chosen,
            seed=_checked_seed(seed),
            written=method,
            results=None if results is None else Path(results).absolute(),
        )

    def __hash__(self) -> int:
        # Cards cannot be hashed; their names are enough, since equality compares the rest.
        hparams = tuple(self.hparams.items())
        names = (self.method.name, self.dataset.name, self.scenario.name, self.preset_name, self.preset.model)
        return hash((names, hparams, self.seed))

    @property
    def tuned(self) -> bool:
        """Whether its hyper-parameters are those that tune chose for this data set, preset and scenario."""
        values = TunedValues.of(self.results)
        found = values.find(self.method, self.dataset.name, self.preset_name, self.scenario.name, self.preset.model)
        stem = bool(self.preset.stem)
        return found is not None and self.hparams == self.method.resolve_hparams(found.hparams, stem)

    def with_seed(self, seed: int) -> RunSpec:
        """Return the same run with another seed; raise SpecError for an invalid one."""
        return replace(self, seed=_checked_seed(seed))

    def with_method(self, name: str, hparams: Mapping[str, Value]) -> RunSpec:
        """Return the same run of another method, or with other hyper-parameters; those left out get the card's default.

        Raises:
            SpecError, UnknownNameError: the method or a value is unknown.
        """
        card = registry.method(name)
        resolved = card.resolve_hparams(dict(hparams), stem=bool(self.preset.stem))
        return replace(self, method=card, hparams=resolved, written=write_call(name, hparams))

    @property
    def misfit(self) -> str | None:
        """Why method, data set, scenario and model do not go together; None if they do."""
        card, kind, model = self.method, self.scenario.kind, self.preset.model
        if kind not in card.scenarios:
            return f"method '{card.name}' does not serve scenario '{kind}'"
        if kind not in self.dataset.scenarios:
            return f"data set '{self.dataset.name}' does not offer scenario '{kind}'"
        if card.models and model not in card.models:
            return f"method '{card.name}' needs model {' or '.join(card.models)}, not '{model}'"
        return None

    def key(self, fingerprint: str, split_hash: str) -> str:
        """Return sixteen hexadecimal digits that name this run on these data, free of paths, dates and devices."""
        return digest(
            {
                "numerics": NUMERICS_VERSION,
                "method": [self.method.name, self.method.version, self.hparams],
                "dataset": [self.dataset.name, self.dataset.version, fingerprint],
                "scenario": self.scenario.name,
                "split": split_hash,
                "preset": self.preset.meaning(),
                "seed": self.seed,
            }
        )

    @property
    def place(self) -> str:
        """Everything but the method, for a reader."""
        return f"{self.dataset.name} ({self.scenario.name}, {self.preset_name}, seed {self.seed})"

    def __str__(self) -> str:
        return f"{self.written or self.method.name} on {self.place}"


def _checked_seed(seed: int) -> int:
    try:
        whole = index(seed)
    except TypeError:
        raise SpecError(f"the seed must be a whole number, not {seed!r}") from None
    if not 0 <= whole < SEEDS:
        raise SpecError(f"the seed must be from 0 to 2^63 - 1, not {whole}")
    return whole
