"""What one run is: names checked, defaults filled in, and a key made of meaning only."""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import index
from pathlib import Path
from typing import Literal, get_args

from unbench.config import registry
from unbench.config.cards import Backbone, DatasetCard, MethodCard, Preset, Value
from unbench.config.grammar import parse_call
from unbench.config.tuned import TunedValues
from unbench.errors import NotApplicableError, SpecError, UnknownNameError
from unbench.scenarios import Scenario, parse_scenario
from unbench.seeds import digest

NUMERICS_VERSION = 1
"""Raised when shared code (training loop, models, splits) changes numbers, so that no old result is reused."""

SEEDS = 2**63
"""How many there are, from 0: what a column of a row can hold."""

MODELS = get_args(Backbone)
"""Backbones by the time they take on small images."""

Start = Literal["tuned", "default"]
"""Which hyper-parameters stand where none are given: those that tune chose for the cell, if any, or the card's."""


@dataclass(frozen=True)
class RunSpec:
    """One run, fully said: everything that decides its numbers besides the data themselves."""

    method: MethodCard
    hparams: dict[str, Value]
    dataset: DatasetCard
    scenario: Scenario
    preset_name: str
    preset: Preset
    seed: int
    results: Path | str | None = field(default=None, compare=False)
    """Results folder whose tuned values come before the shipped ones."""

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
        try:
            whole = index(seed)
        except TypeError:
            raise SpecError(f"the seed must be a whole number, not {seed!r}") from None
        if not 0 <= whole < SEEDS:
            raise SpecError(f"the seed must be from 0 to 2^63 - 1, not {whole}")
        chosen = dataset_card.presets[preset]
        if model is not None and model != chosen.model:
            if model not in MODELS:
                raise UnknownNameError("model", model, MODELS)
            chosen = chosen.model_copy(update={"model": model, "model_options": {}})
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
            seed=whole,
            results=results,
        )

    @property
    def tuned(self) -> bool:
        """Whether its hyper-parameters are those that tune chose for this data set, preset and scenario."""
        values = TunedValues.of(self.results)
        found = values.find(self.method, self.dataset.name, self.preset_name, self.scenario.name, self.preset.model)
        stem = bool(self.preset.stem)
        return found is not None and self.hparams == self.method.resolve_hparams(found.hparams, stem)

    def check_applicable(self) -> None:
        """Raise NotApplicableError if method, data set, scenario and model do not go together."""
        card, kind, model = self.method, self.scenario.kind, self.preset.model
        if kind not in card.scenarios:
            raise NotApplicableError(f"method '{card.name}' does not serve scenario '{kind}'")
        if kind not in self.dataset.scenarios:
            raise NotApplicableError(f"data set '{self.dataset.name}' does not offer scenario '{kind}'")
        if card.models and model not in card.models:
            raise NotApplicableError(f"method '{card.name}' needs model {' or '.join(card.models)}, not '{model}'")

    def key(self, fingerprint: str, split_hash: str) -> str:
        """Sixteen hexadecimal digits that name this run on these data: no paths, dates or devices in them."""
        return digest(
            {
                "numerics": NUMERICS_VERSION,
                "method": [self.method.name, self.method.version, self.hparams],
                "dataset": [self.dataset.name, self.dataset.version, fingerprint],
                "scenario": self.scenario.name,
                "split": split_hash,
                "preset": self.preset.model_dump(mode="json"),
                "seed": self.seed,
            }
        )

    def __str__(self) -> str:
        return f"{self.method.name} on {self.dataset.name} ({self.scenario.name}, {self.preset_name}, seed {self.seed})"
