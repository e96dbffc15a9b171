"""The command line: each command a few lines over the Python function of the same name.

Results go to standard output, everything said along the way to standard error. Exit codes: 0 all well; 1 a run or a
check failed; 2 the request or the files are wrong (one line says how); 130 interrupted.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from unbench.console import (
    console,
    print_json,
    print_leaderboard,
    print_record,
    print_rows,
    print_runs,
    say,
    say_what_happened,
)
from unbench.errors import UnbenchError, UnknownNameError

if TYPE_CHECKING:
    from unbench.cards import MethodCard

app = typer.Typer(
    name="unbench",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Results = Annotated[Path, typer.Option("--results", help="Folder of results.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on standard output.")]
DataRoot = Annotated[
    Path | None,
    typer.Option("--data-root", envvar="UNBENCH_DATA", help="Folder with the data sets' files."),
]

Preset = Annotated[str, typer.Option(help="smoke, cpu or paper.")]
Model = Annotated[str | None, typer.Option(help="vit, resnet18 or convnet; the data set decides if left out.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")]
Hparams = Annotated[
    str, typer.Option(help="tuned or default: what stands where -m gives no value. See 'unbench tune'.")
]
Checksums = Annotated[str, typer.Option(help="auto, strict or accept: may files differ from the published ones?")]


def _add_plugins(paths: list[Path] | None) -> None:
    if paths:
        from unbench import registry

        for path in paths:
            registry.add_plugin(path)


Plugin = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugin",
        envvar="UNBENCH_PLUGINS",
        callback=_add_plugins,
        help="A method of your own: NAME.py with its card NAME.toml beside it, or a folder of such. May be repeated.",
    ),
]
"""What it names is known before a command begins, which has no use for its value."""


@app.callback(invoke_without_command=True)
def _main(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Compare machine-unlearning methods for image classification, honestly."""
    if version:
        from importlib.metadata import version as installed

        print(installed("unbench"))
        raise typer.Exit


@app.command()
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
    from unbench.spec import RunSpec, Start
    from unbench.text import expand

    _check_checksums(checksums)
    methods = [one for m in method or ["munkey"] for one in expand(m)]
    wanted = [(m, d, s) for d in dataset or ["digits"] for s in seed or [0] for m in methods]
    # Every mistake is found before the first hour of training.
    start = cast(Start, hparams)
    specs = [RunSpec.parse(m, d, scenario, preset, s, model, start) for m, d, s in wanted]
    _begin(spec.method for spec in specs)
    from unbench.catalogue import decode_json
    from unbench.progress import ConsoleProgress
    from unbench.runner import run as run_one

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


@app.command()
def tune(
    method: Annotated[list[str], typer.Option("-m", "--method", help="May be repeated; values in brackets stay.")],
    dataset: Annotated[list[str] | None, typer.Option("-d", "--dataset", help="May be repeated.")] = None,
    trials: Annotated[int, typer.Option(help="Of each method, those of earlier calls included.")] = 20,
    scenario: Annotated[str, typer.Option(help="What to forget; see 'unbench list scenarios'.")] = "random10",
    preset: Preset = "cpu",
    model: Model = None,
    rule: Annotated[str, typer.Option(help="Column of a run's row to minimise.")] = "val_gap",
    time_limit: Annotated[
        float | None, typer.Option(help="Seconds of unlearning in a trial; else twice what retraining takes.")
    ] = None,
    results: Results = Path("results"),
    data_root: DataRoot = None,
    device: Device = "auto",
    plugin: Plugin = None,
    as_json: AsJson = False,
) -> None:
    """Choose hyper-parameters with equal budgets, on a forget set of their own, and write them to the method's card."""
    from unbench.spec import RunSpec
    from unbench.tuning.study import check_installed

    check_installed()
    wanted = [(m, d) for d in dataset or ["digits"] for m in method]
    specs = [RunSpec.parse(m, d, scenario, preset, 0, model) for m, d in wanted]
    _begin(spec.method for spec in specs)
    from unbench.progress import ConsoleProgress
    from unbench.tuning import tune as tune_one
    from unbench.tuning.record import write_to_card

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
            tell=lambda line, m=m, d=d: say(f"{m} on {d}: {line}"),  # type: ignore[misc]
        )
        say(f"{m} on {d}: chosen values are in {write_to_card(tuning)}, all trials in {tuning.study}")
        rows.append({"method": m, "dataset": d, **tuning.chosen.model_dump(mode="json")})
    print_rows(rows, as_json)


@app.command()
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
    from unbench.spec import RunSpec, Start

    start = cast(Start, hparams)
    wanted = [(m, d) for d in dataset or ["digits"] for m in method]
    specs = [RunSpec.parse(m, d, scenario, preset, 0, model, start) for m, d in wanted]
    _begin(spec.method for spec in specs)
    from unbench.progress import ConsoleProgress
    from unbench.shadows.grow import shadow as grow

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
            tell=say,
        )
        rows.append({"method": m, "dataset": d, "models": grown.models, "failed": len(grown.failed)})
    print_rows(rows, as_json)
    say(f"next: unbench evaluate --results {results}")
    if any(row["failed"] for row in rows):
        raise typer.Exit(1)


@app.command()
def evaluate(
    results: Results = Path("results"),
    metric: Annotated[
        list[str] | None, typer.Option("--metric", help="May be repeated; else all but the slow ones.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compute what stored runs lack of the metrics, without training or loading a model, and print the metrics."""
    from unbench.evaluation import evaluate as compute
    from unbench.progress import ConsoleProgress

    frame = compute(results, metric or [], progress=ConsoleProgress(console()), tell=say)
    shown = frame[frame["metric"].isin(metric)] if metric else frame
    columns = ["dataset", "scenario", "method", "seed", "metric", "of", "value", "low", "high", "missing"]
    print_rows(json.loads(shown[columns].to_json(orient="records")), as_json)


@app.command()
def report(
    results: Results = Path("results"),
    out: Annotated[Path, typer.Option(help="Folder to write.")] = Path("reports"),
    plugin: Plugin = None,
) -> None:
    """Write leaderboard.md, leaderboard.csv and plots from stored results."""
    from unbench.reporting import report as write

    say(f"reading {results} ...")
    for path in write(results, out, show=print_leaderboard if sys.stdout.isatty() else None):
        print(path)


@app.command()
def train(
    model_dir: Annotated[Path, typer.Argument(help="A new folder.")],
    method: Annotated[
        str, typer.Option("-m", "--method", help="Whose model; it may carry hyper-parameters.")
    ] = "munkey",
    dataset: Annotated[str, typer.Option("-d", "--dataset")] = "digits",
    seed: Annotated[int, typer.Option(help="Seed of the training.")] = 0,
    preset: Preset = "cpu",
    model: Model = None,
    results: Results = Path("results"),
    data_root: DataRoot = None,
    device: Device = "auto",
    checksums: Checksums = "auto",
    plugin: Plugin = None,
) -> None:
    """Train a model on all training images and save it as a folder, for 'forget' and 'predict'."""
    from unbench.spec import RunSpec

    _check_checksums(checksums)
    RunSpec.parse(method, dataset, "random10", preset, seed, model)
    say("unbench is starting ...")
    from unbench.deployment.train import train as train_one
    from unbench.progress import ConsoleProgress

    folder = train_one(
        model_dir,
        method,
        dataset,
        seed=seed,
        preset=preset,
        model=model,
        results=results,
        data_root=data_root,
        device=device,
        checksums=checksums,  # type: ignore[arg-type]
        progress=ConsoleProgress(console()),
    )
    print(folder)
    say(f"next: unbench predict {folder} IMAGES, unbench forget {folder} --ids FILE")


@app.command()
def forget(
    model_dir: Annotated[Path, typer.Argument(help="A folder written by 'unbench train'.")],
    ids: Annotated[Path, typer.Option("--ids", help="File with one training image's id a line; - reads from a pipe.")],
    strict: Annotated[bool, typer.Option("--strict", help="Refuse if one of the ids is not stored.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete images from a saved model that has a memory: needs no data, prints a receipt."""
    from unbench.files import read_text

    text = sys.stdin.read() if str(ids) == "-" else read_text(ids)
    say("unbench is starting ...")
    from unbench.deployment.forget import forget as delete
    from unbench.deployment.forget import read_ids

    receipt = delete(model_dir, read_ids(text, "standard input" if str(ids) == "-" else str(ids)), strict)
    absent = receipt["not_stored"]
    if absent:
        say(f"{len(absent)} of the ids were not in the model, such as {absent[0]}")
    print_record(receipt, as_json)


@app.command()
def predict(
    model_dir: Annotated[Path, typer.Argument(help="A folder written by 'unbench train'.")],
    images: Annotated[list[Path], typer.Argument(help="Image files.")],
    device: Device = "auto",
    plugin: Plugin = None,
    as_json: AsJson = False,
) -> None:
    """The class of each image, and its probability, by a saved model."""
    say("unbench is starting ...")
    from unbench.deployment.predict import predict as ask
    from unbench.progress import ConsoleProgress

    print_rows(ask(model_dir, images, device, ConsoleProgress(console())), as_json)


@app.command()
def cost(
    entries: Annotated[str, typer.Option(help="Sizes of the memory, separated by commas.")] = "10000,100000,1000000",
    dim: Annotated[int, typer.Option(help="Dimension of a key.")] = 768,
    request: Annotated[int, typer.Option(help="Ids that one request deletes.")] = 1000,
    index: Annotated[str, typer.Option(help="auto, exact or approximate.")] = "auto",
    as_json: AsJson = False,
) -> None:
    """Measure what a memory costs as it grows: bytes, build, deletion, prediction beside a plain transformer."""
    sizes = [word.strip() for word in entries.split(",")]
    if not all(word.isascii() and word.isdigit() for word in sizes):
        raise UnbenchError(f"--entries must be whole numbers separated by commas, not '{entries}'")
    say("unbench is starting ...")
    from unbench.deployment.costs import cost as measure
    from unbench.progress import ConsoleProgress

    rows = measure([int(word) for word in sizes], dim, request, index)
    print_rows(list(ConsoleProgress(console(), "memories").track(rows, "sizes", len(sizes))), as_json)


list_app = typer.Typer(no_args_is_help=True, help="List methods, datasets, scenarios, metrics or runs.")
app.add_typer(list_app, name="list")


@list_app.command("methods")
def list_methods(plugin: Plugin = None, as_json: AsJson = False) -> None:
    """Every unlearning method."""
    from unbench import catalogue

    print_rows(catalogue.list_methods(), as_json)


@list_app.command("datasets")
def list_datasets(as_json: AsJson = False) -> None:
    """Every data set."""
    from unbench import catalogue

    print_rows(catalogue.list_datasets(), as_json)


@list_app.command("scenarios")
def list_scenarios(as_json: AsJson = False) -> None:
    """Every forget scenario."""
    from unbench import catalogue

    print_rows(catalogue.list_scenarios(), as_json)


@list_app.command("metrics")
def list_metrics(as_json: AsJson = False) -> None:
    """Every metric, with its unit and ideal value."""
    from unbench import catalogue

    print_rows(catalogue.list_metrics(), as_json)


@list_app.command("runs")
def list_runs(results: Results = Path("results"), as_json: AsJson = False) -> None:
    """Every stored run."""
    from unbench import catalogue

    print_rows(catalogue.list_runs(results), as_json)


show_app = typer.Typer(no_args_is_help=True, help="Show one method, dataset, metric or run in full.")
app.add_typer(show_app, name="show")


@show_app.command("method")
def show_method(name: str, plugin: Plugin = None, as_json: AsJson = False) -> None:
    """The card of a method."""
    from unbench import catalogue

    print_record(catalogue.show_method(name), as_json)


@show_app.command("dataset")
def show_dataset(name: str, as_json: AsJson = False) -> None:
    """The card of a data set."""
    from unbench import catalogue

    print_record(catalogue.show_dataset(name), as_json)


@show_app.command("metric")
def show_metric(name: str, as_json: AsJson = False) -> None:
    """Definition, formula, range, ideal value and source of a metric."""
    from unbench import catalogue

    print_record(catalogue.show_metric(name), as_json)


@show_app.command("run")
def show_run(key: str, results: Results = Path("results"), as_json: AsJson = False) -> None:
    """A stored run, by the beginning of its key."""
    from unbench import catalogue

    print_record(catalogue.show_run(key, results), as_json)


new_app = typer.Typer(no_args_is_help=True, help="Begin a method of your own.")
app.add_typer(new_app, name="new")


@new_app.command("method")
def new_method(
    name: Annotated[str, typer.Argument(help="Small letters, digits and _.")],
    out: Annotated[Path, typer.Option(help="Folder to write in.")] = Path(),
) -> None:
    """Write NAME.py, its card NAME.toml and test_NAME.py: a method that works, to put your idea in."""
    from unbench.scaffold import new_method as write

    paths = write(name, out)
    for path in paths:
        print(path)
    say(f"next: {shlex.join(['unbench', 'check', 'method', name, '--plugin', str(paths[0])])}")


@app.command()
def check(
    kind: Annotated[str | None, typer.Argument(help="method or dataset")] = None,
    name: Annotated[str | None, typer.Argument(help="Its name.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every card.")] = False,
    data_root: DataRoot = None,
    plugin: Plugin = None,
) -> None:
    """Run the tool's own tests on one card, or on all."""
    if everything == (kind is not None) or (kind is not None and name is None):
        raise UnbenchError("say 'unbench check method NAME', 'unbench check dataset NAME' or 'unbench check --all'")
    if kind is not None and kind not in ("method", "dataset"):
        raise UnknownNameError("kind of card", kind, ["method", "dataset"])
    from unbench import registry

    if name is not None:
        (registry.method if kind == "method" else registry.dataset)(name)
    _begin([registry.method(name)] if name is not None and kind == "method" else [])
    from unbench import check as checks

    if everything:
        results = checks.check_all(data_root)
    elif kind == "method":
        results = checks.check_method(str(name))
    else:
        results = checks.check_dataset(str(name), data_root)
    failed = 0
    for result in results:
        print(result, flush=True)
        failed += result.outcome == "FAILED"
    if failed:
        raise typer.Exit(1)


def main() -> None:
    """Entry point: turns a user's mistake into one line and exit code 2."""
    # Threads that wait by spinning make two runs on one machine tenfold slower than one after the other; asleep they
    # cost a lone run about a tenth. Read when torch loads its OpenMP, which is later; a user's own choice stands.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        sys.exit(app(standalone_mode=False))
    except UnbenchError as error:
        say(f"unbench: {error}")
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        say("unbench: interrupted; what was finished is stored, and the same command goes on from there")
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone, as `head` does
        sys.exit(0)
    except Exception as error:
        # Typer's complaints about arguments; their class has moved between its versions.
        if not hasattr(error, "format_message"):
            raise
        message = error.format_message()
        say(message if message.startswith("Usage") else f"unbench: {message}")
        sys.exit(2)


def _begin(methods: Iterable[MethodCard]) -> None:
    """Say that work begins, and import its methods' code: what is wrong with that shows before the work."""
    from unbench import registry

    say("unbench is starting ...")
    for card in methods:
        registry.load_code(card)


def _check_checksums(value: str) -> None:
    if value not in ("auto", "strict", "accept"):
        raise UnknownNameError("value of --checksums", value, ["auto", "strict", "accept"])
