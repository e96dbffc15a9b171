"""Commands that train: run, tune, shadow."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast

import typer

from unbench.cli.console import console, log, print_json, print_rows, print_runs, say_what_happened
from unbench.cli.options import AsJson, Checksums, DataRoot, Device, Hparams, Model, Plugin, Preset, Results
from unbench.cli.starting import begin, check_checksums


def run(
    method: Annotated[list[str] | None, typer.Option("-m", "--method", help="May be repeated.")] = None,
    dataset: Annotated[list[str] | None, typer.Option("-d", "--dataset", help="May be repeated.")] = None,
    scenario: Annotated[str, typer.Option(help="What to forget; see 'unbench list scenarios'.")] = "random10",
    seed: Annotated[
        list[int] | None, typer.Option(help="Seed of forget set, training and unlearning; may be repeated.")
    ] = None,
    preset: Preset = "cpu",
    model: Model = None,
    results: Results = Path("results"),
    data_root: DataRoot = None,
    device: Device = "auto",
    checksums: Checksums = "auto",
    hparams: Hparams = "tuned",
    probe: Annotated[
        bool, typer.Option("--probe", help="Also ask the models themselves: features, relearning, restoration.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Run again what is already stored.")] = False,
    plugin: Plugin = None,
    as_json: AsJson = False,
) -> None:
    """Train, unlearn and measure; by default MUNKEY against its oracle on digits.

    A method may carry hyper-parameters, each with alternatives: -m "ft[lr=0.01|0.1,epochs=3]" is two runs.
    """
    from unbench.config.grammar import expand
    from unbench.experiment.spec import RunSpec, Start

    check_checksums(checksums)
    methods = [one for m in method or ["munkey"] for one in expand(m)]
    wanted = dict.fromkeys((m, d, s) for d in dataset or ["digits"] for s in seed or [0] for m in methods)
    # Every mistake is found before the first hour of training.
    start = cast(Start, hparams)
    specs = [RunSpec.parse(m, d, scenario, preset, s, model, start, results) for m, d, s in wanted]
    begin(spec.method for spec in specs)
    from unbench.experiment.run import run as run_one
    from unbench.progress import ConsoleProgress
    from unbench.store.results import decode_json

    rows = []
    for m, d, s in wanted:
        row = run_one(
            m,
            d,
            scenario=scenario,
            seed=s,
            preset=preset,
            model=model,
            results=results,
            data_root=data_root,
            device=device,
            checksums=checksums,  # type: ignore[arg-type]
            start=start,
            probe=probe,
            force=force,
            progress=ConsoleProgress(console()),
        )
        rows.append(row)
        say_what_happened(row)
        if as_json:
            print_json(decode_json(row))
    if not as_json:
        print_runs(rows, results)
    if any(row["status"] not in ("ok", "skipped") for row in rows):
        raise typer.Exit(1)


def tune(
    method: Annotated[list[str], typer.Option("-m", "--method", help="May be repeated; values in brackets stay.")],
    dataset: Annotated[list[str] | None, typer.Option("-d", "--dataset", help="May be repeated.")] = None,
    trials: Annotated[int, typer.Option(help="Of each method, those of an earlier call among them.")] = 20,
    scenario: Annotated[str, typer.Option(help="What to forget; see 'unbench list scenarios'.")] = "random10",
    preset: Preset = "cpu",
    model: Model = None,
    rule: Annotated[str, typer.Option(help="Column of a run's row to minimise.")] = "val_gap",
    time_limit: Annotated[
        float | None, typer.Option(help="Seconds of unlearning in a trial; else twice what retraining takes.")
    ] = None,
    results: Results = Path("results"),
    data_root: DataRoot = None,
    out: Annotated[
        Path | None, typer.Option(help="File of tuned values to write to; RESULTS/tuning/tuned.toml if left out.")
    ] = None,
    device: Device = "auto",
    plugin: Plugin = None,
    as_json: AsJson = False,
) -> None:
    """Choose hyper-parameters with equal budgets, on forget sets of their own; later runs in RESULTS use them."""
    from unbench.config.tuned import tuned_path
    from unbench.experiment.spec import RunSpec
    from unbench.experiment.tuning.study import check_installed

    check_installed()
    wanted = dict.fromkeys((m, d) for d in dataset or ["digits"] for m in method)
    specs = [RunSpec.parse(m, d, scenario, preset, 0, model) for m, d in wanted]
    begin(spec.method for spec in specs)
    from unbench.experiment.tuning import tune as tune_one
    from unbench.experiment.tuning.record import check_out, write_choice
    from unbench.progress import ConsoleProgress

    file = out or tuned_path(results)
    check_out(file)
    rows = []
    for m, d in wanted:
        tuning = tune_one(
            m,
            d,
            trials=trials,
            scenario=scenario,
            preset=preset,
            model=model,
            rule=rule,
            time_limit=time_limit,
            results=results,
            data_root=data_root,
            device=device,
            progress=ConsoleProgress(console()),
            log=lambda line, m=m, d=d: log(f"{m} on {d}: {line}"),  # type: ignore[misc]
        )
        write_choice(tuning, file)
        log(f"{m} on {d}: chosen values are in {file}, all trials in {tuning.study}")
        rows.append({"method": m, "dataset": d, **tuning.chosen.model_dump(mode="json")})
    print_rows(rows, as_json)


def shadow(
    method: Annotated[list[str], typer.Option("-m", "--method", help="May be repeated.")],
    dataset: Annotated[list[str] | None, typer.Option("-d", "--dataset", help="May be repeated.")] = None,
    count: Annotated[int, typer.Option(help="Shadow models in all, those of earlier calls included; even.")] = 32,
    scenario: Annotated[str, typer.Option(help="What to forget; see 'unbench list scenarios'.")] = "random10",
    preset: Preset = "cpu",
    model: Model = None,
    jobs: Annotated[int, typer.Option(help="Models that are made at once, each with one thread.")] = 2,
    hparams: Hparams = "tuned",
    results: Results = Path("results"),
    data_root: DataRoot = None,
    device: Device = "auto",
    plugin: Plugin = None,
    as_json: AsJson = False,
) -> None:
    """Train models on random halves, once for all methods, and make each forget: what U-LiRA, RMIA and others need."""
    from unbench.experiment.spec import RunSpec, Start

    start = cast(Start, hparams)
    wanted = dict.fromkeys((m, d) for d in dataset or ["digits"] for m in method)
    specs = [RunSpec.parse(m, d, scenario, preset, 0, model, start, results) for m, d in wanted]
    begin(spec.method for spec in specs)
    from unbench.experiment.shadow_models.grow import shadow as grow
    from unbench.progress import ConsoleProgress

    rows = []
    for m, d in wanted:
        grown = grow(
            m,
            d,
            count=count,
            scenario=scenario,
            preset=preset,
            model=model,
            jobs=jobs,
            start=start,
            results=results,
            data_root=data_root,
            device=device,
            progress=ConsoleProgress(console()),
            log=log,
        )
        rows.append({"method": m, "dataset": d, "models": grown.models, "failed": len(grown.failed)})
    print_rows(rows, as_json)
    log(f"next: unbench evaluate --results {results}")
    if any(row["failed"] for row in rows):
        raise typer.Exit(1)
