"""The columns of a results folder: one row per attempt of a run, one per metric of it, and one per example.

Changing a column's meaning or type raises SCHEMA_VERSION; adding one at the end does not, because readers fill
what an older file lacks with nulls.

Schema 2 has the columns of schema 1; its files carry a checksum (unbench.store.checksum), and one without a valid
checksum is corrupt. Schema 3 keeps metrics out of the files of rows: `MEASURED` columns are null there, and are read
from the table of metrics. Folders of any older schema are read as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

Row = Mapping[str, Any]
"""One stored row: column name to value. What the columns mean is in the tuples of Column below."""

SCHEMA_VERSION = 3

CHECKSUMS_SINCE = 2
"""First schema version whose files carry a checksum; those of schema 1 are read without one."""

PATHWAYS = ("image", "memory")
"""Parts of a memory model that are audited as models of their own: the image alone, and the memory alone."""

AUDITED = {"": "after unlearning", "original_": "of the original", "oracle_": "of the oracle"}
"""Column prefixes of the three models of a run whose pathways are audited."""


class Column(NamedTuple):
    """Name, Arrow type and meaning of one column; in a run's row also the metric and the model that its value is of."""

    name: str
    type: str
    meaning: str
    metric: tuple[str, str] | None = None


def _measured(name: str, meaning: str, metric: str | None = None, of: str = "unlearned") -> Column:
    return Column(name, "double", meaning, (metric or name, of))


def _audit_columns() -> Iterator[Column]:
    """Yield pathway accuracies, membership inference and sensitivity; null for methods without pathways."""
    measures = {
        "test_acc": "accuracy on test",
        "retain_acc": "accuracy on the retain set",
        "forget_acc": "accuracy on the forget set",
        "mia_auroc": "AUROC of the loss attack",
    }
    for prefix, when in AUDITED.items():
        model = prefix.rstrip("_") or "unlearned"
        for pathway in PATHWAYS:
            for measure, meaning in measures.items():
                text = f"{meaning} by the {pathway} pathway alone {when}, percent"
                yield _measured(f"{prefix}{pathway}_{measure}", text, measure, f"{model}_{pathway}")
        for split in ("val", "forget"):
            text = f"P_s on {split} {when}: accuracy by the image pathway alone minus by the memory's, points"
            yield _measured(f"{prefix}pathway_sensitivity_{split}", text, f"pathway_sensitivity_{split}", model)


AUDIT: tuple[Column, ...] = tuple(_audit_columns())

DEPLOYMENT: tuple[Column, ...] = (
    Column("memory_entries", "int64", "entries of the method's memory after unlearning; null for no memory"),
    Column("memory_bytes_per_entry", "double", "bytes of id, key, token and share of the index"),
    Column("memory_index", "string", "exact or approximate search"),
    Column("index_build_seconds", "double", "wall-clock of building the memory's index from its keys"),
    Column("delete_seconds", "double", "wall-clock of deleting as many entries as the forget set from the memory"),
    Column("predict_ms_ensemble", "double", "milliseconds an image: K passes, one for each neighbour; median"),
    Column("predict_ms_softmax", "double", "milliseconds an image: one pass, neighbours merged by similarity; median"),
    Column("predict_ms_rank", "double", "milliseconds an image: one pass, neighbours merged by rank; median"),
    Column("predict_ms_plain", "double", "milliseconds an image: the same transformer without a memory; median"),
)

COLUMNS: tuple[Column, ...] = (
    Column("run_key", "string", "16 hexadecimal digits, the hash of everything that decides the numbers"),
    Column("attempt", "int64", "1 for the first try of this run_key, then counting up"),
    Column("status", "string", "ok, failed, diverged, timed_out or skipped"),
    Column("error", "string", "why the status is not ok"),
    Column("warnings", "string", "JSON list of warnings about the numbers"),
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
    _measured("test_acc", "accuracy on test after unlearning, percent"),
    _measured("retain_acc", "accuracy on the retain set after unlearning, percent"),
    _measured("forget_acc", "accuracy on the forget set after unlearning, percent"),
    _measured("mia_auroc", "AUROC of the loss attack, forget against test, percent, never folded"),
    _measured("forget_class_test_acc", "test accuracy on the forgotten class, percent; scenario class only"),
    _measured("avg_gap", "mean absolute difference of the four measures to the oracle, points"),
    _measured("avg_gap_floor", "avg_gap of a second oracle with another seed: the noise floor", "avg_gap", "oracle_2"),
    *(
        _measured(f"{model}_{metric}", f"the {model}'s {metric}", metric, model)
        for model in ("original", "oracle")
        for metric in ("test_acc", "retain_acc", "forget_acc", "mia_auroc")
    ),
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
    _measured("val_acc", "accuracy on validation after unlearning, percent"),
    Column("stem", "string", "encoder whose frozen feature maps take the place of the pixels; null if there is none"),
    Column("stem_trained_on", "string", "data that the stem was trained on"),
    Column("key_encoder", "string", "encoder of the keys by which the method finds images; null if there is none"),
    Column("key_encoder_trained_on", "string", "data that this encoder was trained on"),
    *AUDIT,
    *DEPLOYMENT,
    _measured("val_gap", "avg_gap with validation in the place of test, points: the score that tune minimises"),
    Column("tuned", "bool", "whether tune chose the hyper-parameters for this cell"),
    Column("seconds", "double", "wall-clock of the whole run, without training the models that runs share"),
    Column("stages", "string", "JSON object: stored models that the run starts from or is compared with"),
    Column("numerics_version", "int64", "version of the shared code that decides numbers; null means 1"),
    Column("metric_versions", "string", "JSON object: columns whose metric's definition is of a later version than 1"),
)

MEASURED: dict[str, tuple[str, str]] = {column.name: column.metric for column in COLUMNS if column.metric}
"""Columns of a run's row that are read from its table of metrics: column name to metric and model (`of`)."""

NEEDS_PATHWAY = {column.name: f"{MEASURED[column.name][1].partition('_')[0]}_{PATHWAYS[0]}" for column in AUDIT}
"""Columns that apply only to models with pathways, each with the pathway whose outputs such a model has."""

OUTPUT_COLUMNS: tuple[Column, ...] = (
    Column("example_id", "int64", "position in the published split (train for retain, forget and a carved val)"),
    Column("split", "string", "retain, forget, val or test"),
    Column("label", "int64", "true class"),
    Column("original", "list<float>", "logits of the original model, one per class"),
    Column("unlearned", "list<float>", "logits after unlearning"),
    Column("oracle", "list<float>", "logits of the model retrained on the retain set"),
    Column("oracle_2", "list<float>", "logits of a second oracle with another seed"),
    *(
        Column(f"{model}_{pathway}", "list<float>", f"logits of {model} by the {pathway} pathway alone, if it has one")
        for model in ("original", "unlearned", "oracle")
        for pathway in PATHWAYS
    ),
)

PLACE = ("dataset", "scenario", "preset", "backbone")
"""Columns that name where methods are compared."""

BUT_SEED = (*PLACE, "method", "method_version", "hparams")
"""Columns that runs of several seeds have in common."""

METRIC_COLUMNS: tuple[Column, ...] = (
    Column("run_key", "string", "key of the run, or of the pool and cell of shadow models"),
    Column("attempt", "int64", "of the run, null for shadow models"),
    Column("method", "string", "name of the method card"),
    Column("method_version", "int64", "version of the method card"),
    Column("hparams", "string", "JSON: every hyper-parameter of the method, defaults included"),
    Column("dataset", "string", "name of the data set card"),
    Column("scenario", "string", "forget scenario"),
    Column("preset", "string", "name of the preset in the data set card"),
    Column("backbone", "string", "backbone, as in the column `model` of a run"),
    Column("seed", "int64", "of the run, null for shadow models"),
    Column("metric", "string", "name, as in unbench show metric"),
    Column("metric_version", "int64", "version of its definition"),
    Column("of", "string", "model of the run: unlearned, original, oracle, oracle_2, or a pathway: oracle_image, ..."),
    Column("value", "double", "in the metric's unit; null if it cannot be computed"),
    Column("low", "double", "lower end of the 95 % bootstrap interval; null if there is none"),
    Column("high", "double", "its upper end"),
    Column("missing", "string", "why there is no value"),
    Column("shadows", "int64", "number of shadow models that it was computed from; null if there is none"),
    Column("unbench_version", "string", "version"),
)
"""One row for each metric of each model of a run: the one place where a metric's value is stored."""

SEEDS_COLUMNS: tuple[Column, ...] = (
    *(column for column in METRIC_COLUMNS if column.name in BUT_SEED),
    Column("metric", "string", "name, as in unbench show metric"),
    Column("of", "string", "model of the runs"),
    Column("seeds", "int64", "number of runs with a value"),
    Column("mean", "double", "over the seeds, in the metric's unit"),
    Column("low", "double", "lower end of the 95 % t-interval over the seeds; null if there is none"),
    Column("high", "double", "its upper end"),
    Column("reason", "string", "why there is no interval"),
)
"""One row for each metric of each method over its seeds."""

POWER_COLUMNS: tuple[Column, ...] = (
    *(column for column in METRIC_COLUMNS if column.name in PLACE),
    Column("metric", "string", "name of an attack"),
    Column("idle", "double", "its value on models that forgot nothing"),
    Column("oracle", "double", "its value on models that never saw the forget set"),
    Column("low", "double", "lower end of the 95 % interval of idle minus oracle; null if it is not defined"),
    Column("high", "double", "its upper end"),
    Column("powerful", "bool", "whether that interval excludes 0; if not, the attack clears no method here"),
)
"""One row for each attack on the same data: can it tell doing nothing from retraining?"""

COMPARISON_COLUMNS: tuple[Column, ...] = (
    *(column for column in METRIC_COLUMNS if column.name in PLACE),
    Column("metric", "string", "name, as in unbench show metric"),
    Column("first", "string", "a method, with its hyper-parameters where it was run with several"),
    Column("second", "string", "another"),
    Column("seeds", "string", "JSON list: seeds for which both have a value"),
    Column("difference", "double", "mean over these seeds of first minus second, in the metric's unit"),
    Column("low", "double", "lower end of its 95 % t-interval, of this comparison alone"),
    Column("high", "double", "its upper end"),
    Column("p_value", "double", "two-sided, of the paired t-test"),
    Column("p_holm", "double", "corrected for all comparisons of this metric in this place, by Holm's method"),
    Column("reason", "string", "why there is no p-value"),
)
"""One row for each two methods on the same data, by each metric."""
