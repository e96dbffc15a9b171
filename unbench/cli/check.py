"""Tests that every card must pass, for contributors (`unbench check`) and for our own test suite."""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import unbench
from unbench.config import registry
from unbench.config.cards import DatasetCard
from unbench.errors import FOREIGN, DataMissingError
from unbench.experiment.spec import MODELS
from unbench.scenarios import SCENARIOS, draw_forget_set
from unbench.store.schema import Row

Outcome = Literal["passed", "FAILED", "skipped"]


@dataclass(frozen=True)
class CheckResult:
    """One check of one card: the question, the outcome, and why if it did not pass."""

    card: str
    question: str
    outcome: Outcome
    detail: str = ""

    def __str__(self) -> str:
        line = f"{self.outcome}  {self.card}: {self.question}"
        return f"{line} ({self.detail})" if self.detail else line


def check_all(data_root: Path | str | None = None) -> Iterator[CheckResult]:
    """Check every method on every scenario it claims, and every data set; methods share what they train."""
    with tempfile.TemporaryDirectory() as results:
        for name in registry.methods():
            yield from check_method(name, results)
    for name in registry.datasets():
        yield from check_dataset(name, data_root)


def check_method(name: str, results: Path | str | None = None) -> Iterator[CheckResult]:
    """Run a method on the synthetic data set in every scenario it claims.

    Checks that it runs to finite outputs with the access it declares, and that two runs agree to the last bit.

    Raises:
        UnknownNameError: there is no such method.
    """
    card = registry.method(name)
    served = [scenario.name for scenario in SCENARIOS.values() if scenario.kind in card.scenarios]
    with tempfile.TemporaryDirectory() as own:
        folder = results or own
        for scenario in served:
            yield _ask(name, f"runs on {scenario}", _runs, name, scenario, folder)
        yield _ask(name, "gives the same bits twice", _repeats, name, served[0], folder)


def check_dataset(name: str, data_root: Path | str | None = None) -> Iterator[CheckResult]:
    """Check the card of a data set and, if its files are present, its loader; nothing is downloaded.

    Raises:
        UnknownNameError: there is no such data set.
    """
    card = registry.dataset(name)
    for preset in card.presets:
        yield _ask(name, f"preset {preset} builds models that fit", _model_fits, card, preset)
    yield _ask(name, "loads, with disjoint splits and labels in range", _loads, card, data_root)


def _ask(card: str, question: str, test: Callable[..., object], *arguments: object) -> CheckResult:
    try:
        test(*arguments)
    except DataMissingError as error:
        return CheckResult(card, question, "skipped", str(error))
    except FOREIGN as error:  # whatever a card does wrong is what this function reports
        return CheckResult(card, question, "FAILED", f"{type(error).__name__}: {error}")
    return CheckResult(card, question, "passed")


def _runs(method: str, scenario: str, results: Path | str) -> None:
    row = _run(method, scenario, results)
    for column in ("test_acc", "retain_acc", "forget_acc", "mia_auroc", "avg_gap", "avg_gap_floor"):
        if row[column] is None:
            raise AssertionError(f"{column} is missing: {row['missing']}")


def _repeats(method: str, scenario: str, results: Path | str) -> None:
    stored, again = (unbench.load_outputs(results, _run(method, scenario, results, force)) for force in (False, True))
    if not stored.equals(again):
        raise AssertionError("two runs of one spec differ in their outputs")


def _run(method: str, scenario: str, results: Path | str, force: bool = False) -> Row:
    """Run on the synthetic data set, with the smallest backbone that the method works with."""
    able = registry.method(method).models or MODELS
    model = next(model for model in MODELS if model in able)  # smallest first
    # The largest one trains for two epochs: enough to see that it works.
    preset = "smoke" if model == MODELS[-1] else "cpu"
    row = unbench.run(
        method, "synthetic", scenario=scenario, preset=preset, model=model, results=results, device="cpu", force=force
    )
    if row["status"] != "ok":
        raise AssertionError(f"status {row['status']}: {row['error']}")
    return row


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
        images = stem.features(images.byte())["maps"]
    for name in preset.models:
        model = build(preset.with_model(name), (images.shape[1], images.shape[2]), classes).eval()
        with torch.inference_mode():
            shape = model(images).shape
        if shape != (1, classes):
            raise AssertionError(f"model {name} gives outputs of shape {tuple(shape)} for {classes} classes")


def _loads(card: DatasetCard, data_root: Path | str | None) -> None:
    import numpy as np

    preset = card.presets.get("smoke") or next(iter(card.presets.values()))
    data = unbench.load_dataset(card, preset, data_root, checksums="accept", download=False)
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
