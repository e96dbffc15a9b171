"""The columns of a result: one row per attempt of a run, and one row per example beside it.

Changing a column's meaning or type raises SCHEMA_VERSION; adding one at the end does not, because readers fill
what an older file lacks with nulls.
"""

from __future__ import annotations

from typing import NamedTuple

SCHEMA_VERSION = 1


class Column(NamedTuple):
    """Name, Arrow type and meaning of one column."""

    name: str
    type: str
    meaning: str


COLUMNS: tuple[Column, ...] = (
    Column("run_key", "string", "16 hexadecimal digits made of everything that decides the numbers"),
    Column("attempt", "int64", "1 for the first try of this run_key, then counting up"),
    Column("status", "string", "ok, failed, diverged or skipped"),
    Column("error", "string", "why the status is not ok"),
    Column("warnings", "string", "JSON list: what a reader of the numbers should know"),
    Column("missing", "string", "JSON object: columns without a value here, each with its reason"),
    Column("method", "string", "name of the method card"),
    Column("method_version", "int64", "version of the method card"),
    Column("method_family", "string", "post-hoc, by-design or reference"),
    Column("dataset", "string", "name of the data set card"),
    Column("dataset_version", "int64", "version of the data set card"),
    Column("data_fingerprint", "string", "hash of all pixels, labels and class names in use"),
    Column("data_checksum", "string", "source files against the publisher's: matches, differs, none published"),
    Column("family", "string", "family of the data set"),
    Column("scenario", "string", "forget scenario"),
    Column("forget_class", "string", "label and name of the forgotten class, for scenario class"),
    Column("split_hash", "string", "hash of the frozen index file"),
    Column("n_train", "int64", "training images: forget and retain together"),
    Column("n_forget", "int64", "images to forget"),
    Column("n_test", "int64", "test images"),
    Column("model", "string", "backbone"),
    Column("model_options", "string", "JSON"),
    Column("preset", "string", "name of the preset in the data set card"),
    Column("training", "string", "JSON: the recipe shared by original and oracle"),
    Column("seed", "int64", "seed of split, training and unlearning"),
    Column("hparams", "string", "JSON: every hyper-parameter of the method, defaults included"),
    Column("test_acc", "double", "accuracy on test after unlearning, percent"),
    Column("retain_acc", "double", "accuracy on the retain set after unlearning, percent"),
    Column("forget_acc", "double", "accuracy on the forget set after unlearning, percent"),
    Column("mia_auroc", "double", "AUROC of the loss attack, forget against test, percent, never folded"),
    Column(
        "forget_class_test_acc",
        "double",
        "test accuracy on the forgotten class, percent; scenario class only",
    ),
    Column("avg_gap", "double", "mean absolute difference of the four measures to the oracle, points"),
    Column("avg_gap_floor", "double", "the same for a second oracle with another seed: the noise floor"),
    Column("original_test_acc", "double", "the original's test_acc"),
    Column("original_retain_acc", "double", "the original's retain_acc"),
    Column("original_forget_acc", "double", "the original's forget_acc"),
    Column("original_mia_auroc", "double", "the original's mia_auroc"),
    Column("oracle_test_acc", "double", "the oracle's test_acc"),
    Column("oracle_retain_acc", "double", "the oracle's retain_acc"),
    Column("oracle_forget_acc", "double", "the oracle's forget_acc"),
    Column("oracle_mia_auroc", "double", "the oracle's mia_auroc"),
    Column("unlearn_seconds", "double", "wall-clock of unlearning alone: precomputation in, evaluation out"),
    Column("train_seconds", "double", "wall-clock of training the original"),
    Column("oracle_seconds", "double", "wall-clock of training the oracle"),
    Column("peak_memory_mb", "double", "highest memory in use during unlearning above that at its start, MiB"),
    Column("device", "string", "cpu, cuda or mps, with the device's name"),
    Column("threads", "int64", "CPU threads of the run; sums on a CPU depend on it"),
    Column("python_version", "string", "version"),
    Column("torch_version", "string", "version"),
    Column("unbench_version", "string", "version"),
    Column("git_commit", "string", "commit of the unbench checkout, null for an installed wheel"),
    Column("git_dirty", "bool", "whether that checkout had uncommitted changes"),
    Column("started_at", "string", "UTC, ISO 8601"),
    Column("command", "string", "the command that repeats this run"),
)

OUTPUT_COLUMNS: tuple[Column, ...] = (
    Column("example_id", "int64", "position in the published split (train for retain, forget and a carved val)"),
    Column("split", "string", "retain, forget, val or test"),
    Column("label", "int64", "true class"),
    Column("original", "list<float>", "logits of the original model, one per class"),
    Column("unlearned", "list<float>", "logits after unlearning"),
    Column("oracle", "list<float>", "logits of the model retrained on the retain set"),
    Column("oracle_2", "list<float>", "logits of a second oracle with another seed"),
)
