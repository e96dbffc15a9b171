"""Commands that train: run, tune, shadow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Exit, Option

from unbench.cli import options
from unbench.cli.console import log, print_json, print_rows, print_runs, progress, say_what_happened
from unbench.cli.options import Names

if TYPE_CHECKING:
    from unbench.config.cards import MethodCard
    from unbench.experiment.spec import RunSpec


def begin(methods: Iterable[MethodCard]) -> None:
    """Announce that work begins, and import the code of its methods; raise CardError if it cannot be used."""
    from unbench.methods.base import load_method

    log("unbench is starting ...")
    for card in methods:
        load_method(card)


def _begin(methods: Sequence[str], datasets: Names, seeds: Sequence[int] = (0,), **cell: Any) -> list[RunSpec]:
    """Return the runs that were asked for, each once, and import their code: a mistake costs no hour of training."""
    from unbench.experiment.spec import RunSpec

    wanted = product(datasets or ["digits"], seeds, methods)
    specs = list(dict.fromkeys(RunSpec.parse(m, d, seed=s, **cell) for d, s, m in wanted))
    begin(spec.method for spec in specs)
    return specs


def run(
    method: Annotated[Names, Option("-m", "--method", help="May be repeated.")] = None,
    dataset: options.Datasets = None,
    scenario: options.Scenario = "random10",
    seed: Annotated[
        list[int] | None, Option(help="Seed of forget set, training and unlearning; may be repeated.")
    ] = None,
    preset: options.Preset = "cpu",
    model: options.Model = None,
    results: options.Results = Path("results"),
    data_root: options.DataRoot = None,
    device: options.Device = "auto",
    checksums: options.Checksums = "auto",
    hparams: options.Hparams = "tuned",
    time_limit: options.TimeLimit = None,
    probe: Annotated[
        bool, Option("--probe", help="Also ask the models themselves: features, relearning, restoration.")
    ] = False,
    force: Annotated[bool, Option("--force", help="Run again what is already stored.")] = False,
    plugin: options.Plugin = None,
    as_json: options.AsJson = False,
) -> None:
    """Train, unlearn and measure; by default MUNKEY against its oracle on digits.

    A method may carry hyper-parameters, each with alternatives: -m "ft[lr=0.01|0.1,epochs=3]" is two runs.
    """
    from unbench.config.grammar import expand

    methods = [one for text in method or ["munkey"] for one in expand(text)]
    specs = _begin(
        methods, dataset, seed or [0], scenario=scenario, preset=preset, model=model, start=hparams, results=results
    )
    from unbench.experiment.inputs import LoadedDatasets
    from unbench.experiment.run import run_spec
    from unbench.experiment.settings import Settings
    from unbench.store.results import decode_json

    place: dict[str, Any] = {"results": results, "data_root": data_root, "device": device, "checksums": checksums}
    settings = Settings(**place, time_limit=time_limit, probe=probe, force=force)
    settings.store.check_writable()
    datasets, rows = LoadedDatasets(settings, progress()), []
    for spec in specs:
        row = run_spec(spec, datasets.load(spec), settings, progress())
        rows.append(row)
        say_what_happened(row)
        if as_json:
            print_json(decode_json(row))
    if not as_json:
        print_runs(rows, results)
    if any(row["status"] not in ("ok", "skipped") for row in rows):
        raise Exit(1)


def tune(
    method: Annotated[list[str], Option("-m", "--method", help="May be repeated; values in brackets stay.")],
    dataset: options.Datasets = None,
    trials: Annotated[int, Option(help="Of each method, those of an earlier call among them.")] = 20,
    scenario: options.Scenario = "random10",
    preset: options.Preset = "cpu",
    model: options.Model = None,
    rule: Annotated[str, Option(help="Column of a run's row to minimise.")] = "val_gap",
    time_limit: Annotated[
        float | None, Option(help="Seconds of unlearning in a trial; else twice what retraining takes.")
    ] = None,
    results: options.Results = Path("results"),
    out: Annotated[
        Path | None, Option(help="File of tuned values to write to; RESULTS/tuning/tuned.toml if left out.")
    ] = None,
    data_root: options.DataRoot = None,
    device: options.Device = "auto",
    plugin: options.Plugin = None,
    as_json: options.AsJson = False,
) -> None:
    """Choose hyper-parameters with equal budgets, on forget sets of their own; later runs in RESULTS use them."""
    from unbench.config.tuned import tuned_path
    from unbench.experiment.tuning.study import check_installed

    check_installed()
    specs = _begin(method, dataset, scenario=scenario, preset=preset, model=model, start="default")
    from unbench.experiment.settings import Settings
    from unbench.experiment.tuning.record import check_out, write_choice
    from unbench.experiment.tuning.search import tune_spec

    settings = Settings(results, data_root, device, time_limit=time_limit)
    file, rows = out or tuned_path(results), []
    check_out(file)
    for spec in specs:
        where = f"{spec.written} on {spec.dataset.name}"
        tuning = tune_spec(spec, settings, trials, rule, progress(), lambda line, where=where: log(f"{where}: {line}"))  # type: ignore[misc]
        write_choice(tuning, file)
        log(f"{where}: chosen values are in {file}, all trials in {tuning.study}")
        rows.append({"method": spec.written, "dataset": spec.dataset.name, **tuning.chosen.model_dump(mode="json")})
    print_rows(rows, as_json)


def shadow(
    method: Annotated[list[str], Option("-m", "--method", help="May be repeated.")],
    dataset: options.Datasets = None,
    count: Annotated[int, Option(help="Shadow models in all, those of earlier calls included; even.")] = 32,
    scenario: options.Scenario = "random10",
    preset: options.Preset = "cpu",
    model: options.Model = None,
    jobs: Annotated[int, Option(help="Models that are made at once, each with one thread.")] = 2,
    hparams: options.Hparams = "tuned",
    results: options.Results = Path("results"),
    data_root: options.DataRoot = None,
    device: options.Device = "auto",
    plugin: options.Plugin = None,
    as_json: options.AsJson = False,
) -> None:
    """Train models on random halves, once for all methods, and make each forget: what U-LiRA, RMIA and others need."""
    specs = _begin(method, dataset, scenario=scenario, preset=preset, model=model, start=hparams, results=results)
    from unbench.experiment.settings import Settings
    from unbench.experiment.shadow_models.grow import make_shadows

    settings, rows = Settings(results, data_root, device), []
    for spec in specs:
        made = make_shadows(spec, settings, count, jobs, progress(), log)
        name = {"method": spec.written, "dataset": spec.dataset.name}
        rows.append({**name, "models": made.models, "failed": len(made.failed)})
    print_rows(rows, as_json)
    log(f"next: unbench evaluate --results {results}")
    if any(row["failed"] for row in rows):
        raise Exit(1)
