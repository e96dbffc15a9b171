"""The generic tests that every card must pass, for contributors (`unbench check`) and for our own test suite."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from unbench.config import registry
from unbench.config.cards import DatasetCard
from unbench.errors import FOREIGN, DataMissingError
from unbench.experiment.spec import MODELS
from unbench.scenarios import SCENARIOS

Outcome = Literal["passed", "FAILED", "skipped"]


@dataclass(frozen=True)
class CheckResult:
    """One check on one card: what was asked, what came out, and why if it did not pass."""

    card: str
    question: str
    outcome: Outcome
    detail: str = ""

    def __str__(self) -> str:
        line = f"{self.outcome}  {self.card}: {self.question}"
        return f"{line} ({self.detail})" if self.detail else line


def check_all(data_root: Path | str | None = None) -> Iterator[CheckResult]:
    """Every method on every scenario it claims, every data set; methods share what they train."""
    with tempfile.TemporaryDirectory() as results:
        for name in registry.methods():
            yield from check_method(name, results)
    for name in registry.datasets():
        yield from check_dataset(name, data_root)


def check_method(name: str, results: Path | str | None = None) -> Iterator[CheckResult]:
    """Run a method on the synthetic data set in every scenario it claims; raises UnknownNameError.

    Asks: does it run to finite outputs with the access it declares, and do two runs agree to the last bit?
    """
    card = registry.method(name)
    with tempfile.TemporaryDirectory() as own:
        folder = results or own
        for scenario in SCENARIOS:
            if SCENARIOS[scenario].kind in card.scenarios:
                yield _ask(name, f"runs on {scenario}", lambda s=scenario: _runs(name, s, folder))  # type: ignore[misc]
        first = next(s for s in SCENARIOS if SCENARIOS[s].kind in card.scenarios)
        yield _ask(name, "gives the same bits twice", lambda: _repeats(name, first, folder))


def check_dataset(name: str, data_root: Path | str | None = None) -> Iterator[CheckResult]:
    """Check a data set's card and, where its files are at hand, its loader; nothing is downloaded."""
    card = registry.dataset(name)
    for preset in card.presets:
        yield _ask(name, f"preset {preset} builds a model that fits", lambda p=preset: _model_fits(card, p))  # type: ignore[misc]
    yield _ask(name, "loads, with disjoint splits and labels in range", lambda: _loads(card, data_root))


def _ask(card: str, question: str, test: Callable[[], None]) -> CheckResult:
    try:
        test()
    except DataMissingError as error:
        return CheckResult(card, question, "skipped", str(error))
    except FOREIGN as error:  # whatever a card does wrong is what this function is there to report
        return CheckResult(card, question, "FAILED", f"{type(error).__name__}: {error}")
    return CheckResult(card, question, "passed")


def _runs(method: str, scenario: str, results: Path | str) -> None:
    from unbench.experiment.run import run

    row = run(method, scenario=scenario, results=results, **_on_synthetic(method))
    if row["status"] != "ok":
        raise AssertionError(f"status {row['status']}: {row['error']}")
    for column in ("test_acc", "retain_acc", "forget_acc", "mia_auroc", "avg_gap", "avg_gap_floor"):
        if row[column] is None:
            raise AssertionError(f"{column} is missing: {row['missing']}")


def _on_synthetic(method: str) -> dict[str, Any]:
    """Where methods are checked, with the smallest backbone that the method can work with."""
    able = registry.method(method).models or MODELS
    model = next(model for model in MODELS if model in able)  # smallest first
    # A large one takes two epochs: enough to see that it works.
    preset = "smoke" if model == MODELS[-1] else "cpu"
    return {"dataset": "synthetic", "preset": preset, "device": "cpu", "model": model}


def _repeats(method: str, scenario: str, results: Path | str) -> None:
    from unbench.experiment.run import run
    from unbench.store.results import load_outputs

    tables = []
    for force in (False, True):  # the first is there already
        row = run(method, scenario=scenario, results=results, force=force, **_on_synthetic(method))
        if row["status"] != "ok":
            raise AssertionError(f"status {row['status']}: {row['error']}")
        tables.append(load_outputs(results, row))
    if not tables[0].equals(tables[1]):
        raise AssertionError("two runs of one spec differ in their outputs")


def _model_fits(card: DatasetCard, preset_name: str) -> None:
    import torch

    from unbench.data import encoders
    from unbench.data.encoders.base import FeatureEncoder
    from unbench.models import build

    preset = card.presets[preset_name]
    classes = card.classes or 2
    images = torch.zeros(1, card.channels, preset.image_size, preset.image_size)
    if preset.stem:
        stem = encoders.load(preset.stem, "cpu")
        assert isinstance(stem, FeatureEncoder)
        images = stem.maps(images.byte())
    model = build(preset, (images.shape[1], images.shape[2]), classes).eval()
    with torch.inference_mode():
        shape = model(images).shape
    if shape != (1, classes):
        raise AssertionError(f"the model gives outputs of shape {tuple(shape)} for {classes} classes")


def _loads(card: DatasetCard, data_root: Path | str | None) -> None:
    import numpy as np

    from unbench.data import load_dataset
    from unbench.scenarios import draw_forget_set

    preset = card.presets.get("smoke") or next(iter(card.presets.values()))
    data = load_dataset(card, preset, data_root, checksums="accept", download=False)
    for part in data.splits.values():
        if not len(part) or part.labels.min() < 0 or part.labels.max() >= len(data.classes):
            raise AssertionError("a split is empty or has labels out of range")
        if len(np.unique(part.ids)) != len(part) or part.pixels.shape[1] != card.channels:
            raise AssertionError("a split repeats an image or has the wrong number of channels")
    for name, scenario in SCENARIOS.items():
        if scenario.kind in card.scenarios:
            drawn = draw_forget_set(scenario, data.train.labels, len(data.classes), seed=0)
            if not np.array_equal(np.union1d(drawn.forget, drawn.retain), np.arange(len(data.train))):
                raise AssertionError(f"scenario {name} does not divide the training set")
