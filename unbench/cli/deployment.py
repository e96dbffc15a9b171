"""Commands for models in use: train, forget, predict, cost."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from unbench.cli.console import console, log, print_record, print_rows
from unbench.cli.options import AsJson, Checksums, DataRoot, Device, Model, Plugin, Preset, Results
from unbench.cli.starting import check_checksums
from unbench.errors import UnbenchError


def train(
    model_dir: Annotated[Path, typer.Argument(help="A new folder.")],
    method: Annotated[
        str, typer.Option("-m", "--method", help="Method to train; it may carry hyper-parameters.")
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
    from unbench.experiment.spec import RunSpec

    check_checksums(checksums)
    RunSpec.parse(method, dataset, "random10", preset, seed, model, results=results)
    log("unbench is starting ...")
    from unbench.deployment.saved import SavedModel
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
    forgets = f", unbench forget {folder} --ids FILE" if SavedModel(folder).has_memory else ""
    log(f"next: unbench predict {folder} IMAGES{forgets}")


def forget(
    model_dir: Annotated[Path, typer.Argument(help="A folder written by 'unbench train'.")],
    ids: Annotated[Path, typer.Option("--ids", help="File with one training image's id per line; - reads a pipe.")],
    strict: Annotated[bool, typer.Option("--strict", help="Refuse if one of the ids is not stored.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete images from a saved model that has a memory, without any data, and print a receipt."""
    from unbench.store.files import read_text

    text, source = (sys.stdin.read(), "standard input") if str(ids) == "-" else (read_text(ids), str(ids))
    log("unbench is starting ...")
    from unbench.deployment.forget import forget as delete
    from unbench.deployment.forget import read_ids

    receipt = delete(model_dir, read_ids(text, source), strict)
    absent = receipt["not_stored"]
    if absent:
        log(f"{len(absent)} of the ids were not in the model, such as {absent[0]}")
    print_record(dict(receipt), as_json)


def predict(
    model_dir: Annotated[Path, typer.Argument(help="A folder written by 'unbench train'.")],
    images: Annotated[list[Path], typer.Argument(help="Image files.")],
    device: Device = "auto",
    plugin: Plugin = None,
    as_json: AsJson = False,
) -> None:
    """Predict the class of each image, and its probability, with a saved model."""
    log("unbench is starting ...")
    from unbench.deployment.predict import predict as ask
    from unbench.progress import ConsoleProgress

    rows = ask(model_dir, images, device, ConsoleProgress(console()))
    print_rows([dict(row) for row in rows], as_json)


def cost(
    entries: Annotated[str, typer.Option(help="Sizes of the memory, separated by commas.")] = "10000,100000,1000000",
    dim: Annotated[int, typer.Option(help="Length of a key.")] = 768,
    request: Annotated[int, typer.Option(help="Number of ids that one request deletes.")] = 1000,
    index: Annotated[str, typer.Option(help="auto, exact or approximate.")] = "auto",
    as_json: AsJson = False,
) -> None:
    """Measure what a memory costs as it grows: bytes, building, deletion, and prediction beside a plain transformer."""
    sizes = [word.strip() for word in entries.split(",")]
    if not all(word.isascii() and word.isdigit() for word in sizes):
        raise UnbenchError(f"--entries must be whole numbers separated by commas, not '{entries}'")
    log("unbench is starting ...")
    from unbench.deployment.costs import cost as measure
    from unbench.progress import ConsoleProgress

    rows = measure([int(word) for word in sizes], dim, request, index)
    tracked = ConsoleProgress(console(), "memories").track(rows, "sizes", len(sizes))
    print_rows([dict(row) for row in tracked], as_json)
