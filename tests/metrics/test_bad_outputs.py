"""Every metric of stored outputs that are odd or broken: a number in its range, or missing with its reason."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from unbench.metrics import METRICS, RunOutputs
from unbench.metrics.estimates import estimate

SIZES = {"retain": 40, "forget": 12, "val": 15, "test": 20}
CLASSES = 3


def sound(sizes: dict[str, int] = SIZES, seed: int = 0) -> RunOutputs:
    """Outputs of four models that lean towards the label."""
    random = np.random.default_rng(seed)
    splits = np.repeat(list(sizes), list(sizes.values()))
    labels = random.integers(0, CLASSES, len(splits))
    leaning = 2 * np.eye(CLASSES)[labels]
    names = ("original", "unlearned", "oracle", "oracle_2")
    logits = {name: (leaning + random.normal(size=leaning.shape)).astype(np.float32) for name in names}
    return RunOutputs(labels, splits, logits)  # type: ignore[arg-type]


def with_logits(value: float, split: str | None = None) -> RunOutputs:
    """One value in place of a logit of each model in a split, or of all logits."""
    run = sound()
    for logits in run.logits.values():
        if split is None:
            logits[:] = value
        else:
            logits[np.flatnonzero(run.splits == split)[0], 0] = value
    return run


def one_class() -> RunOutputs:
    run = sound()
    return replace(run, labels=np.zeros_like(run.labels), logits={n: v[:, :1] for n, v in run.logits.items()})


def one_label() -> RunOutputs:
    run = sound()
    return replace(run, labels=np.zeros_like(run.labels))


def without(*models: str) -> RunOutputs:
    """As an older schema stores it, which knew fewer models."""
    run = sound()
    return replace(run, logits={name: value for name, value in run.logits.items() if name not in models})


ODD = {
    **{f"no {split}": lambda split=split: sound({**SIZES, split: 0}) for split in SIZES},
    "nothing at all": lambda: sound(dict.fromkeys(SIZES, 0)),
    "a single example each": lambda: sound(dict.fromkeys(SIZES, 1)),
    "a single forgotten example": lambda: sound({**SIZES, "forget": 1}),
    "one class": one_class,
    "one label": one_label,
    "ties everywhere": lambda: with_logits(0.0),
    "huge and equal": lambda: with_logits(3e38),
    **{f"infinite logits in {split}": lambda split=split: with_logits(np.inf, split) for split in SIZES},
    **{f"minus infinity in {split}": lambda split=split: with_logits(-np.inf, split) for split in SIZES},
    "a NaN among the forgotten": lambda: with_logits(np.nan, "forget"),
    "certain beyond float32": lambda: with_logits(1e38, "test"),
    "no second oracle": lambda: without("oracle_2"),
    "no oracle": lambda: without("oracle", "oracle_2"),
    "no original": lambda: without("original"),
    "the class that was forgotten has no test images": lambda: replace(sound(), forget_class=CLASSES),
}


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", [name for name, metric in METRICS.items() if metric.needs == "outputs"])
def test_odd_outputs_give_a_number_in_range_or_a_reason(name: str, odd: str) -> None:
    run, metric = ODD[odd](), METRICS[name]
    resampled = run.resampled(40)
    for model in metric.models:
        found = estimate(metric, model, lambda: metric.of(run, model), lambda: metric.of(resampled, model))  # noqa: B023
        if found.value is None:
            assert found.missing
            continue
        low, high = metric.bounds
        assert low <= found.value <= high, (model, found)
        if found.low is not None and found.high is not None:
            assert low <= found.low <= found.high <= high, (model, found)


@pytest.mark.parametrize(
    ("name", "odd"),
    [
        *((name, "a NaN among the forgotten") for name in ("mia_auroc", "forget_acc", "avg_gap", "js_forget", "tow")),
        *((name, "no forget") for name in ("mia_auroc", "forget_acc", "avg_gap", "js_forget", "tow")),
        # An infinite logit is still the largest one: accuracies are defined, losses are not.
        *((name, "infinite logits in forget") for name in ("mia_auroc", "avg_gap", "mia_logistic_acc", "js_forget")),
    ],
)
def test_what_stands_on_broken_outputs_is_missing(name: str, odd: str) -> None:
    run = ODD[odd]()
    found = estimate(METRICS[name], "unlearned", lambda: METRICS[name].of(run, "unlearned"), lambda: np.zeros(40))

    assert found.value is None
    assert found.missing
