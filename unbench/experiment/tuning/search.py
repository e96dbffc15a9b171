"""Equal budgets for every method: the same trials, time and rule, on forget sets that are never reported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import mean
from typing import Any

from unbench.config.cards import Hyperparameter, Value
from unbench.config.grammar import parse_call, write_call
from unbench.config.reference_names import NOTHING
from unbench.config.tuned import Tuned
from unbench.errors import SpecError, UnknownNameError
from unbench.experiment.spec import NUMERICS_VERSION, RunSpec
from unbench.experiment.tuning.study import Study, Trial, open_study, study_name
from unbench.progress import Progress
from unbench.store.locks import locked
from unbench.store.results import Store
from unbench.store.schema import Row

TUNING_SEED = 1000
"""Seed of the forget set, original and oracle that trials are judged on; reports are about seeds 0, 1, 2, ..."""

FINAL_SEEDS = (1001, 1002)
"""Seeds of the further forget sets that finalists are judged on: what wins on one forget set may ruin another."""

FINALISTS = 2
"""Number of the best trials that meet the defaults in the final."""

RULES = {"val_gap": "smallest Average Gap to the oracle, with the validation set in place of the test set"}
"""Columns of a row that trials can be chosen by; the smallest value wins."""

WORST = 100.0
"""Score, in points, of a trial that diverged or ran out of time; no gap is larger."""

TIME_FACTOR, LEAST_SECONDS = 2.0, 20.0
"""Time limit of a trial: this multiple of the oracle's training time, and at least this many seconds."""


@dataclass(frozen=True)
class Tuning:
    """Outcome of a study.

    Attributes:
        spec: of the runs, with the defaults of the method's card.
        chosen: values of the hyper-parameters that were searched, their score, and those it is compared with.
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
    """Search the hyper-parameters that have a `search` in the method's card, with Optuna's TPE sampler.

    Every trial is a run like any other, with seed TUNING_SEED, stored in RESULTS/tuning. The first has the defaults of
    the card. The best FINALISTS and the defaults then run on FINAL_SEEDS as well, and the smallest mean over all tuning
    seeds wins, so the choice is never worse than the defaults by the rule. Each suggestion depends only on the trials
    before it, and all are on disk: an interrupted search continues, with the same outcome. What was chosen is returned;
    `unbench tune` writes it to a file.

    Args:
        method: name; values in brackets stay fixed.
        dataset, scenario, preset, model, data_root, device: as for `unbench.run`.
        trials: total number. Trials of an earlier call count, up to this number.
        rule: one of RULES.
        time_limit: seconds of unlearning in a trial; by default TIME_FACTOR times the oracle's training, and at least
            LEAST_SECONDS.
        results: results folder, created if missing.
        progress: shows how far a trial is.
        log: is called with a line after each trial.

    Raises:
        UnbenchError: the request or the files are wrong, or Optuna is not installed.
        SpecError: there is nothing to search, the method cannot serve this, or no trial finished.
    """
    if rule not in RULES:
        raise UnknownNameError("rule of tuning", rule, RULES)
    if trials < 1:
        raise SpecError(f"tuning needs at least one trial, not {trials}")
    spec = RunSpec.parse(method, dataset, scenario, preset, TUNING_SEED, model, start="default")
    fixed = {name: spec.hparams[name] for name in parse_call(method)[1]}
    space = {name: knob for name, knob in spec.method.hparams.items() if knob.search and name not in fixed}
    if not space:
        raise SpecError(f"method '{spec.method.name}' has nothing to tune: its card gives no hyper-parameter to search")
    from unbench.experiment.run import Order, run

    Order(device, time_limit)  # finds a mistake before any work is done
    folder = Path(results) / "tuning"
    run_here = partial(
        run,
        dataset=dataset,
        scenario=scenario,
        preset=preset,
        model=model,
        results=folder,
        data_root=data_root,
        device=device,
        progress=progress,
        start="default",
    )
    nothing = run_here(NOTHING, seed=TUNING_SEED)
    limit = time_limit if time_limit is not None else max(LEAST_SECONDS, TIME_FACTOR * nothing["oracle_seconds"])
    trial_runs = _Trials(spec.method.name, fixed, rule, partial(run_here, time_limit=limit), log)
    meaning = _meaning(spec, fixed, space, rule, nothing, time_limit)
    # One process at a time: each suggestion depends on the trials before it, and two processes would make the same.
    with locked(Store(folder).locks, study_name(meaning)):
        study = open_study(folder / "studies", meaning)
        while len(study) < trials:
            trial_runs.next(study, trials, space, spec.hparams)
    ranked = study.ranked(trials)
    if ranked[0].score >= WORST:
        raise SpecError(f"no trial of '{spec.method.name}' on {dataset} gave finite outputs within the time limit")

    finalists = {trial.number: trial for trial in (study.first, *ranked[:FINALISTS])}
    finals = {number: trial_runs.final(trial) for number, trial in finalists.items()}
    winner = min(finals, key=lambda number: (finals[number], number))
    idle = [nothing, *(run_here(NOTHING, seed=seed) for seed in FINAL_SEEDS)]
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
    """Runs of the method, by which values are tried.

    Attributes:
        method: its name.
        fixed: hyper-parameters that are not searched.
        rule: one of RULES.
        run: `unbench.run` with all but method and seed given.
        log: is called with a line for each trial.
    """

    method: str
    fixed: Mapping[str, Value]
    rule: str
    run: Callable[..., Row]
    log: Callable[[str], None]

    def next(
        self, study: Study, trials: int, space: Mapping[str, Hyperparameter], defaults: Mapping[str, Value]
    ) -> None:
        """Run the next trial of a study and record it."""
        number, values = len(study) + 1, study.suggest(space, defaults)
        row = self._run(values, TUNING_SEED)
        score = _score(row, self.rule)
        study.record(space, values, score, row["run_key"])
        best, tried = study.ranked()[0].score, write_call(self.method, values)
        self.log(f"trial {number} of {trials}: {self.rule} {score:.2f}, best {best:.2f}; {tried}")

    def final(self, trial: Trial) -> float:
        """Return the mean score over all tuning seeds."""
        scores = [trial.score, *(_score(self._run(trial.values, seed), self.rule) for seed in FINAL_SEEDS)]
        tried = write_call(self.method, trial.values)
        self.log(f"final: {self.rule} {mean(scores):.2f} over {len(scores)} forget sets; {tried}")
        return round(mean(scores), 4)

    def _run(self, values: Mapping[str, Value], seed: int) -> Row:
        row = self.run(write_call(self.method, {**self.fixed, **values}), seed=seed)
        if row["status"] in ("failed", "skipped"):
            raise SpecError(f"a trial of '{self.method}' {row['status']}: {row['error']}")
        return row


def _score(row: Row, rule: str) -> float:
    """Return what is minimised: the column that the rule names, or WORST for a run without numbers."""
    return round(float(row[rule]), 4) if row[rule] is not None else WORST


def _meaning(
    spec: RunSpec,
    fixed: dict[str, Value],
    space: dict[str, Hyperparameter],
    rule: str,
    nothing: Row,
    time_limit: float | None,
) -> dict[str, Any]:
    """Return everything that decides a trial's score, but not the number of trials: the identity of a study."""
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
