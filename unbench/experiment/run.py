"""One run, top to bottom: data, original, oracles, unlearning, outputs, metrics, row."""

from __future__ import annotations

import json
import logging
import math
import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from unbench.config import plugins
from unbench.config.grammar import write_call
from unbench.data import Dataset, load_dataset
from unbench.data.loading import Checksums
from unbench.errors import FOREIGN, DivergedError, NotApplicableError, SpecError, TimedOutError, UnbenchError, describe
from unbench.experiment.inputs import Inputs, make_method, prepare
from unbench.experiment.probes import probe as probe_models
from unbench.experiment.provenance import device_name, now, versions
from unbench.experiment.reference_models import ReferenceModel, train_or_load
from unbench.experiment.spec import NUMERICS_VERSION, RunSpec, Start
from unbench.experiment.splits import Split, freeze_split
from unbench.experiment.unlearn import Forgotten, forget
from unbench.methods.base import Method
from unbench.metrics import RunOutputs
from unbench.metrics.probed import ProbeOutputs
from unbench.metrics.row_columns import columns_of
from unbench.progress import Deadline, Progress
from unbench.store.locks import locked
from unbench.store.results import Store
from unbench.store.schema import OUTPUT_COLUMNS
from unbench.store.tables import arrow_schema
from unbench.training.cost import Cost, working_clock
from unbench.training.devices import choose_device, make_deterministic

if TYPE_CHECKING:
    import pyarrow as pa

logger = logging.getLogger("unbench")


def run(
    method: str = "munkey",
    dataset: str = "digits",
    *,
    scenario: str = "random10",
    seed: int = 0,
    preset: str = "cpu",
    model: str | None = None,
    results: Path | str = "results",
    data_root: Path | str | None = None,
    device: str = "auto",
    checksums: Checksums = "auto",
    start: Start = "tuned",
    time_limit: float | None = None,
    probe: bool = False,
    force: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Run one method on one data set and return its row (unbench.store.schema.COLUMNS), stored in `results`.

    A run that is already stored with status ok is returned as it is, unless `force`. Whatever the method does wrong
    becomes the row's status and reason.

    Args:
        method: name, or name with hyper-parameters such as "ft[lr=0.01,epochs=3]".
        dataset, scenario, preset, model, seed: what to run; `model` overrides the data set card's choice.
        results: results folder, made if it is not there.
        data_root: see unbench.data.load_dataset.
        device: "auto", or a torch device.
        checksums: "auto", "strict" or "accept"; see unbench.data.load_dataset.
        start: "tuned" takes hyper-parameters that are not given from what tune chose for this cell, if anything;
            "default" from the card's defaults.
        time_limit: seconds that unlearning may take; longer runs end with status "timed_out". On a CPU time of the
            processor counts, so that other programs change no result.
        probe: also ask the models themselves, for metrics that need them: features, relearning, restoration. Takes as
            long as some epochs of training; a run that is stored without the answers is run again.
        force: run again even if a stored result exists; the new attempt is stored beside it.
        progress: tells how far the work is.

    Raises:
        UnbenchError: the request or the files are wrong; nothing was stored.
    """
    spec = RunSpec.parse(method, dataset, scenario, preset, seed, model, start)
    order, store = Order(device, time_limit, probe, force), Store(results)
    store.check_writable()
    data = load_dataset(spec.dataset, spec.preset, data_root, checksums, progress or Progress())
    return run_spec(spec, data, store, order, progress)


@dataclass(frozen=True)
class Order:
    """How a run is to be done; see `run`.

    Attributes:
        wait: for another process that is at work on the same run, rather than raise BusyError.
        attempts: that were known when the run was asked for; one that came since is taken for the result. None: only
            one with status ok is.
    """

    device: str = "auto"
    time_limit: float | None = None
    probe: bool = False
    force: bool = False
    wait: bool = True
    attempts: int | None = None

    def __post_init__(self) -> None:
        """Raise SpecError for a time limit that is none."""
        if self.time_limit is not None and not 0 < self.time_limit < math.inf:
            raise SpecError(f"the time limit must be a positive number of seconds, not {self.time_limit:g}")


def run_spec(
    spec: RunSpec, data: Dataset, store: Store, order: Order | None = None, progress: Progress | None = None
) -> dict[str, Any]:
    """What `run` does, on data that are loaded.

    Raises:
        UnbenchError: the request or the files are wrong; nothing was stored.
        BusyError: another process is at work on this run, and the order is not to wait.
    """
    order, progress = order or Order(), progress or Progress()
    device = choose_device(order.device)
    make_deterministic()
    split = freeze_split(store, data, spec.scenario, spec.seed)
    key = spec.key(data.fingerprint, split.hash)
    with locked(store.locks, f"run-{key}", order.wait):
        done = None if order.force else store.completed(key, verify=True)
        if done is not None and (store.probes_path(done).exists() or not order.probe):
            return done
        newest = store.newest_attempt(key)
        if newest is not None and order.attempts is not None and newest["attempt"] > order.attempts:
            return newest
        inputs = prepare(data, spec, device, progress)
        row = _identity(key, spec, inputs, split, device)
        begun = time.perf_counter()
        try:
            finished = _Runner(spec, store, inputs, split, device, progress, order.time_limit, order.probe).run()
        except UnbenchError:
            raise
        except FOREIGN as error:  # whatever a method does wrong is a result, and the next run goes on
            logger.debug("%s", spec, exc_info=True)
            return store.write_run({**row, "status": status_of(error), "error": reason_of(error)}, None)
        taken = {"seconds": time.perf_counter() - begun - finished.waited}
        return store.write_run({**row, **finished.columns, **taken}, finished.outputs, finished.probed)


def record(spec: RunSpec, data: Dataset, store: Store, order: Order, status: str, error: str) -> dict[str, Any]:
    """Store why a run could not even begin, unless an attempt that the order does not know of is there by now.

    Raises:
        UnbenchError: the request or the files are wrong; nothing was stored.
    """
    split = freeze_split(store, data, spec.scenario, spec.seed)
    key = spec.key(data.fingerprint, split.hash)
    with locked(store.locks, f"run-{key}", wait=True):
        newest = store.newest_attempt(key)
        if newest is not None and newest["attempt"] > (order.attempts or 0):
            return newest
        device = choose_device(order.device)
        row = _identity(key, spec, prepare(data, spec, device, Progress()), split, device)
        return store.write_run({**row, "status": status, "error": error}, None)


def status_of(error: BaseException) -> str:
    """The status of a run that ended with an error."""
    return next((status for kind, status in _STATUSES.items() if isinstance(error, kind)), "failed")


def reason_of(error: BaseException) -> str:
    """What is said of it in the row: where it was raised only matters for a defect."""
    return str(error) if status_of(error) != "failed" else describe(error)


_STATUSES = {NotApplicableError: "skipped", DivergedError: "diverged", TimedOutError: "timed_out"}


def command(spec: RunSpec) -> str:
    """The command line that repeats a run, today and after another tuning: what differs from the defaults is said."""
    defaults = spec.method.resolve_hparams({}, stem=bool(spec.preset.stem))
    method = write_call(spec.method.name, {k: v for k, v in spec.hparams.items() if v != defaults[k]})
    words = ["unbench", "run", "-m", method, "-d", spec.dataset.name, "--scenario", spec.scenario.name]
    words += ["--seed", str(spec.seed), "--preset", spec.preset_name]
    if spec.preset.model != spec.dataset.presets[spec.preset_name].model:
        words += ["--model", spec.preset.model]
    if any(knob.search for knob in spec.method.hparams.values()):
        words += ["--hparams", "default"]
    if spec.method.path in plugins.loose_cards():
        words += ["--plugin", f"{spec.method.path.stem}.py"]  # without its folder, which is that of one machine
    return shlex.join(words)


def _identity(key: str, spec: RunSpec, inputs: Inputs, split: Split, device: torch.device) -> dict[str, Any]:
    data, forget_class = inputs.data, split.forget_class
    return {
        "run_key": key,
        "started_at": now(),
        "command": command(spec),
        "method": spec.method.name,
        "method_version": spec.method.version,
        "method_family": spec.method.family,
        "dataset": data.name,
        "dataset_version": data.version,
        "data_fingerprint": data.fingerprint,
        "data_checksum": data.checksum,
        "family": spec.dataset.family,
        "scenario": spec.scenario.name,
        "forget_class": None if forget_class is None else f"{forget_class}: {data.classes[forget_class]}",
        "split_hash": split.hash,
        "n_train": len(data.train),
        "n_forget": len(split.forget),
        "n_test": len(data.test),
        "model": spec.preset.model,
        "model_options": json.dumps(spec.preset.model_options, sort_keys=True),
        "preset": spec.preset_name,
        "training": json.dumps(spec.preset.training.model_dump(mode="json"), sort_keys=True),
        "seed": spec.seed,
        "hparams": json.dumps(spec.hparams, sort_keys=True),
        "tuned": spec.tuned,
        "numerics_version": NUMERICS_VERSION,
        "device": device_name(device),
        "threads": torch.get_num_threads(),
        "warnings": json.dumps(list(data.mismatches)),
        "stem": inputs.stem and inputs.stem.name,
        "stem_trained_on": inputs.stem and inputs.stem.trained_on,
        "key_encoder": inputs.key_encoder and inputs.key_encoder.name,
        "key_encoder_trained_on": inputs.key_encoder and inputs.key_encoder.trained_on,
        **versions(),
    }


@dataclass(frozen=True)
class _Finished:
    columns: dict[str, Any]
    outputs: pa.Table
    probed: ProbeOutputs | None
    waited: float
    """Seconds that training the shared models took, or waiting for them."""


@dataclass(frozen=True)
class _Runner:
    """The stages of one run, in order."""

    spec: RunSpec
    store: Store
    inputs: Inputs
    split: Split
    device: torch.device
    progress: Progress
    time_limit: float | None
    probing: bool

    @property
    def data(self) -> Dataset:
        """What models are fed."""
        return self.inputs.data

    def run(self) -> _Finished:
        self.spec.check_applicable()
        method, begun = self._method("original"), time.perf_counter()
        original = self._stage("original", method)
        oracle = self._stage("oracle", self._method("oracle"))
        oracle_2 = self._stage("oracle_2", self._method("second oracle"))
        waited = time.perf_counter() - begun
        if method.is_oracle:
            # The result is the oracle: it costs what training it cost.
            cost = Cost(oracle.seconds, oracle.peak_memory_mb)
            done = Forgotten(oracle.load(method), {"": oracle.logits, **oracle.pathways}, cost, {}, [])
        else:
            done = forget(self._method("unlearning", self.time_limit), original, self.split, self.data)
            cost = done.cost
        logits = {
            "original": original.logits,
            "oracle": oracle.logits,
            "oracle_2": oracle_2.logits,
            **{f"original_{name}": part for name, part in original.pathways.items()},
            **{f"oracle_{name}": part for name, part in oracle.pathways.items()},
            **{f"unlearned_{name}" if name else "unlearned": part for name, part in done.logits.items()},
        }
        outputs = self._outputs(logits)
        values, missing = columns_of(RunOutputs.from_table(outputs, self.split.forget_class))
        if cost.peak_memory_mb is None:
            missing["peak_memory_mb"] = cost.missing or "not measured when the oracle was trained"
        stages = {"original": original, "oracle": oracle, "oracle_2": oracle_2}
        columns = {
            "status": "ok",
            **values,
            **done.deployment,
            "missing": json.dumps(missing, sort_keys=True),
            "warnings": json.dumps([*self.data.mismatches, *done.warnings]),
            "unlearn_seconds": cost.seconds,
            "peak_memory_mb": cost.peak_memory_mb,
            "train_seconds": original.seconds,
            "oracle_seconds": oracle.seconds,
            "stages": json.dumps({role: stage.folder.name for role, stage in stages.items()}),
        }
        probed = self._probed(method, done.model, stages) if self.probing else None
        return _Finished(columns, outputs, probed, waited)

    def _probed(self, method: Method, unlearned: nn.Module, stages: Mapping[str, ReferenceModel]) -> ProbeOutputs:
        models = {"unlearned": unlearned, **{name: stage.load(method) for name, stage in stages.items()}}
        shown = self._method("probing").context.progress
        size = self.spec.preset.training.batch_size
        return probe_models(models, self.data, self.split, size, self.spec.seed, self.device, shown)

    def _method(self, doing: str, time_limit: float | None = None) -> Method:
        shown = self.progress.named(f"{self.spec.method.name} on {self.data.name}: {doing}")
        progress = shown if time_limit is None else Deadline(shown, time_limit, working_clock(self.device))
        return make_method(self.spec, self.inputs, self.device, progress)

    def _stage(self, role: Any, method: Method) -> ReferenceModel:
        images = self.data.train if role == "original" else self.split.retained(self.data)
        return train_or_load(role, self.store, self.spec, method, self.data, images)

    def _outputs(self, logits: dict[str, dict[str, Tensor]]) -> pa.Table:
        import pyarrow as pa

        data = self.data
        parts = (
            ("retain", "train", data.train, torch.from_numpy(self.split.retain)),
            ("forget", "train", data.train, torch.from_numpy(self.split.forget)),
            ("val", "val", data.val, torch.arange(len(data.val))),
            ("test", "test", data.test, torch.arange(len(data.test))),
        )
        tables = []
        for name, source, images, rows in parts:
            columns: dict[str, Any] = {
                "example_id": images.ids[rows.numpy()],
                "split": pa.array([name] * len(rows)),
                "label": images.labels[rows.numpy()],
            }
            for model, by_split in logits.items():
                columns[model] = pa.FixedSizeListArray.from_arrays(
                    by_split[source][rows].flatten().numpy(), by_split[source].shape[1]
                ).cast(pa.list_(pa.float32()))
            schema = arrow_schema(OUTPUT_COLUMNS)
            absent = {field.name: pa.nulls(len(rows), field.type) for field in schema if field.name not in columns}
            tables.append(pa.table({field.name: {**columns, **absent}[field.name] for field in schema}, schema=schema))
        return pa.concat_tables(tables)
