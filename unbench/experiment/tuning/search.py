"""Equal budgets for every method: as many trials, as much time, chosen by one rule on a forget set of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from unbench.config.cards import Hyperparameter, Tuned, Value
from unbench.config.grammar import parse_call, write_call
from unbench.config.reference_names import NOTHING
from unbench.errors import SpecError, UnknownNameError
from unbench.experiment.spec import NUMERICS_VERSION, RunSpec
from unbench.experiment.tuning.study import Study, Trial, open_study, study_name
from unbench.progress import Progress
from unbench.store.locks import locked
from unbench.store.results import Store

TUNING_SEED = 1000
"""Of the forget set, original and oracle that trials are judged on; results are reported for seeds 0, 1, 2, ..."""

FINAL_SEEDS = (1001, 1002)
"""Of the further forget sets on which the finalists are judged: what wins on one of them alone may ruin another."""

FINALISTS = 2
"""Trials, the best ones, that meet the defaults in the final."""

RULES = {"val_gap": "smallest Average Gap to the oracle with the validation set in the place of the test set"}
"""Columns of a row that trials may be chosen by, the smallest value winning."""

WORST = 100.0
"""Score, in points, of a trial that diverged or ran out of time: no gap is larger."""

TIME_FACTOR, LEAST_SECONDS = 2.0, 20.0
"""A trial may unlearn for this many times the training of the oracle, and for so long in any case."""


@dataclass(frozen=True)
class Tuning:
    """What came out of a study.

    Attributes:
        spec: of the runs, with the method's plain defaults.
        chosen: values of the hyper-parameters that were searched, with their score and what it is compared with.
        study: Optuna's journal, with every trial and the key of its run.
    """

    spec: RunSpec
    chosen: Tuned
    study: Path


def tune(
    method: str,
    dataset: str = "digits",
    *,
    trials: int = 20,
    scenario: str = "random10",
    preset: str = "cpu",
    model: str | None = None,
    rule: str = "val_gap",
    time_limit: float | None = None,
    results: Path | str = "results",
    data_root: Path | str | None = None,
    device: str = "auto",
    progress: Progress | None = None,
    log: Callable[[str], None] = lambda line: None,
) -> Tuning:
    """Search the hyper-parameters that the method's card has a `search` for, by Optuna's TPE sampler.

    Every trial is a run like any other, with seed TUNING_SEED, stored in RESULTS/tuning. The first is the method's
    default. The best FINALISTS and the default then run on FINAL_SEEDS too, and the smallest mean over all tuning
    seeds wins: the choice is never worse than the default by the rule. Each suggestion follows from the trials before
    it, and all is on disk: a search that was interrupted goes on, and gives what it would have given.

    Args:
        method: name; values in brackets stay fixed.
        dataset, scenario, preset, model, data_root, device: as for `unbench.run`.
        trials: in all. Those of an earlier call are among them; what it made beyond does not count.
        rule: one of RULES.
        time_limit: seconds of unlearning in a trial; default TIME_FACTOR times the training of the oracle, at
            least LEAST_SECONDS.
        results: results folder, made if it is not there.
        progress: tells how far a trial is.
        tell: is given a line when a trial is done.

    Raises:
        UnbenchError: the request or the files are wrong, or Optuna is not installed.
        SpecError: there is nothing to search, the method cannot serve this, or no trial ran to its end.
    """
    if rule not in RULES:
        raise UnknownNameError("rule of tuning", rule, RULES)
    if trials < 1:
        raise SpecError(f"tuning takes at least one trial, not {trials}")
    spec = RunSpec.parse(method, dataset, scenario, preset, TUNING_SEED, model, start="default")
    fixed = {name: spec.hparams[name] for name in parse_call(method)[1]}
    space = {name: knob for name, knob in spec.method.hparams.items() if knob.search and name not in fixed}
    if not space:
        raise SpecError(f"method '{spec.method.name}' has nothing to tune: no hyper-parameter of its card has a search")
    from unbench.experiment.run import Order, run

    Order(device, time_limit)  # which finds a mistake before any work is done
    folder = Path(results) / "tuning"
    common: dict[str, Any] = {
        "dataset": dataset,
        "scenario": scenario,
        "preset": preset,
        "model": model,
        "results": folder,
        "data_root": data_root,
        "device": device,
        "progress": progress,
        "start": "default",
    }
    nothing = run(NOTHING, seed=TUNING_SEED, **common)
    limit = time_limit if time_limit is not None else max(LEAST_SECONDS, TIME_FACTOR * nothing["oracle_seconds"])
    trial_runs = _Trials(spec.method.name, fixed, rule, {**common, "time_limit": limit}, log)
    meaning = _meaning(spec, fixed, space, rule, nothing, time_limit)
    # Alone: each suggestion counts the trials before it, and two processes would make the same.
    with locked(Store(folder).locks, study_name(meaning)):
        study = open_study(folder / "studies", meaning)
        while len(study) < trials:
            trial_runs.next(study, trials, space, spec.hparams)
    ranked = study.ranked(trials)
    if ranked[0].score >= WORST:
        raise SpecError(f"no trial of '{spec.method.name}' on {dataset} gave finite outputs in time")

    finalists = {trial.number: trial for trial in (study.first, *ranked[:FINALISTS])}
    finals = {number: trial_runs.final(trial) for number, trial in finalists.items()}
    winner = min(finals, key=lambda number: (finals[number], number))
    idle = [nothing, *(run(NOTHING, seed=seed, **common) for seed in FINAL_SEEDS)]
    chosen = Tuned(
        version=spec.method.version,
        model=spec.preset.model,
        rule=rule,
        trials=trials,
        score=finals[winner],
        default_score=finals[study.first.number] if study.first.score < WORST else None,
        none_score=round(mean(_score(row, rule) for row in idle), 4),
        hparams={**fixed, **finalists[winner].values},
    )
    return Tuning(spec, chosen, study.file)


@dataclass(frozen=True)
class _Trials:
    """How values are tried: by runs of the method, told in a line.

    Attributes:
        method: its name.
        fixed: hyper-parameters that are not searched.
        rule: one of RULES.
        order: what else `unbench.run` is told.
        tell: is given a line for each trial.
    """

    method: str
    fixed: Mapping[str, Value]
    rule: str
    order: Mapping[str, Any]
    log: Callable[[str], None]

    def next(
        self, study: Study, trials: int, space: Mapping[str, Hyperparameter], defaults: Mapping[str, Value]
    ) -> None:
        """Make the next trial of a study."""
        number, values = len(study) + 1, study.suggest(space, defaults)
        row = self._run(values, TUNING_SEED)
        score = _score(row, self.rule)
        study.record(space, values, score, row["run_key"])
        best, tried = study.ranked()[0].score, write_call(self.method, values)
        self.log(f"trial {number} of {trials}: {self.rule} {score:.2f}, best {best:.2f}; {tried}")

    def final(self, trial: Trial) -> float:
        """The mean score over all tuning seeds."""
        scores = [trial.score, *(_score(self._run(trial.values, seed), self.rule) for seed in FINAL_SEEDS)]
        tried = write_call(self.method, trial.values)
        self.log(f"final: {self.rule} {mean(scores):.2f} over {len(scores)} forget sets; {tried}")
        return round(mean(scores), 4)

    def _run(self, values: Mapping[str, Value], seed: int) -> dict[str, Any]:
        from unbench.experiment.run import run

        row = run(write_call(self.method, {**self.fixed, **values}), seed=seed, **self.order)
        if row["status"] in ("failed", "skipped"):
            raise SpecError(f"a trial of '{self.method}' {row['status']}: {row['error']}")
        return row


def _score(row: dict[str, Any], rule: str) -> float:
    """What is minimised: the column that the rule names, or the worst for runs without numbers."""
    return round(float(row[rule]), 4) if row[rule] is not None else WORST


def _meaning(
    spec: RunSpec,
    fixed: dict[str, Value],
    space: dict[str, Hyperparameter],
    rule: str,
    nothing: dict[str, Any],
    time_limit: float | None,
) -> dict[str, Any]:
    """What makes two calls one study: everything that decides a trial's score, but not how many there are."""
    return {
        "numerics": NUMERICS_VERSION,
        "method": [spec.method.name, spec.method.version, fixed],
        "space": {name: [knob.search, knob.log, spec.hparams[name]] for name, knob in space.items()},
        "dataset": [spec.dataset.name, spec.dataset.version, nothing["data_fingerprint"]],
        "scenario": spec.scenario.name,
        "preset": spec.preset.model_dump(mode="json"),
        "rule": rule,
        **({} if time_limit is None else {"time_limit": time_limit}),
    }
