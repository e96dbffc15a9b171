"""Commands for models in use: train, forget, predict, cost."""

import sys
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

import unbench
from unbench.cli.console import log, print_record, print_rows, progress
from unbench.cli.options import AsJson, Checksums, DataRoot, Device, Model, Plugin, Preset, Results
from unbench.errors import UnbenchError
from unbench.store.files import read_text

ModelDir = Annotated[Path, Argument(help="A folder written by 'unbench train'.")]


def train(
    model_dir: Annotated[Path, Argument(help="A new folder.")],
    method: Annotated[str, Option("-m", "--method", help="Method to train; it may carry hyper-parameters.")] = "munkey",
    dataset: Annotated[str, Option("-d", "--dataset")] = "digits",
    seed: Annotated[int, Option(help="Seed of the training.")] = 0,
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

    cell: dict[str, Any] = {"preset": preset, "seed": seed, "model": model, "results": results}
    RunSpec.parse(method, dataset, **cell)
    log("unbench is starting ...")
    place: dict[str, Any] = {"data_root": data_root, "device": device, "checksums": checksums}
    folder = unbench.train(model_dir, method, dataset, progress=progress(), **cell, **place)
    print(folder)
    from unbench.deployment.saved import SavedModel

    forgets = f", unbench forget {folder} --ids FILE" if SavedModel(folder).has_memory else ""
    log(f"next: unbench predict {folder} IMAGES{forgets}")


def forget(
    model_dir: ModelDir,
    ids: Annotated[Path, Option("--ids", help="File with one training image's id per line; - reads a pipe.")],
    strict: Annotated[bool, Option("--strict", help="Refuse if one of the ids is not stored.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete images from a saved model that has a memory, without any data, and print a receipt."""
    text, source = (sys.stdin.read(), "standard input") if str(ids) == "-" else (read_text(ids), str(ids))
    log("unbench is starting ...")
    from unbench.deployment.forget import read_ids

    receipt = unbench.forget(model_dir, read_ids(text, source), strict)
    absent = receipt["not_stored"]
    if absent:
        log(f"{len(absent)} of the ids were not in the model, such as {absent[0]}")
    print_record(receipt, as_json)


def predict(
    model_dir: ModelDir,
    images: Annotated[list[Path], Argument(help="Image files.")],
    device: Device = "auto",
    plugin: Plugin = None,
    as_json: AsJson = False,
) -> None:
    """Predict the class of each image, and its probability, with a saved model."""
    log("unbench is starting ...")
    print_rows(unbench.predict(model_dir, images, device, progress()), as_json)


def cost(
    entries: Annotated[str, Option(help="Sizes of the memory, separated by commas.")] = "10000,100000,1000000",
    dim: Annotated[int, Option(help="Length of a key.")] = 768,
    request: Annotated[int, Option(help="Number of ids that one request deletes.")] = 1000,
    index: Annotated[str, Option(help="auto, exact or approximate.")] = "auto",
    as_json: AsJson = False,
) -> None:
    """Measure what a memory costs as it grows: bytes, building, deletion, and prediction beside a plain transformer."""
    sizes = [word.strip() for word in entries.split(",")]
    if not all(word.isascii() and word.isdigit() for word in sizes):
        raise UnbenchError(f"--entries must be whole numbers separated by commas, not '{entries}'")
    log("unbench is starting ...")
    rows = unbench.cost([int(word) for word in sizes], dim, request, index)
    print_rows(list(progress("memories").track(rows, "sizes", len(sizes))), as_json)
