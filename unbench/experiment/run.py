"""One run, top to bottom: data, reference models, unlearning, outputs, metrics, row."""

from __future__ import annotations

import json
import logging
import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import torch

from unbench.config.grammar import write_call
from unbench.config.plugins import plugin_name
from unbench.data import Dataset
from unbench.errors import FOREIGN, NotApplicableError, UnbenchError
from unbench.experiment.failures import reason_of, status_of
from unbench.experiment.inputs import Inputs, LoadedDatasets, make_method, prepare
from unbench.experiment.measuring import remeasured
from unbench.experiment.probes import probe as probe_models
from unbench.experiment.provenance import device_name, now, versions
from unbench.experiment.reference_models import ROLE_NAMES, ROLES, PartLogits, ReferenceModel, Role, train_or_load
from unbench.experiment.settings import RunOptions, Settings, check_keywords, resolve
from unbench.experiment.spec import NUMERICS_VERSION, RunSpec
from unbench.experiment.splits import FrozenSplit, freeze_split
from unbench.experiment.time_limit import forget_in_time
from unbench.experiment.unlearn import Unlearned, forget
from unbench.methods.base import Method
from unbench.metrics import RunOutputs
from unbench.metrics.estimates import measure
from unbench.metrics.probed import ProbeOutputs
from unbench.progress import Progress
from unbench.store.locks import locked
from unbench.store.metric_rows import MetricRow
from unbench.store.schema import OUTPUT_COLUMNS
from unbench.store.tables import arrow_schema
from unbench.training.devices import choose_device, make_deterministic

if TYPE_CHECKING:
    import pyarrow as pa

logger = logging.getLogger("unbench")


def run(
    method: str = "munkey",
    dataset: str = "digits",
    *,
    progress: Progress | None = None,
    **options: Unpack[RunOptions],
) -> dict[str, Any]:
    """Run one method on one data set and return its row (unbench.store.schema.COLUMNS), stored in the results folder.

    A run that is already stored with status ok is returned as it is, unless `force`. Whatever the method does wrong
    becomes the row's status and reason.

    Args:
        method: name, or name with hyper-parameters such as "ft[lr=0.01,epochs=3]".
        dataset: name of a data set card.
        progress: shows how far the work is.
        **options: scenario, preset, model, seed, start, results, data_root, device, checksums, time_limit, probe and
            force; see unbench.experiment.settings.RunOptions.

    Raises:
        UnbenchError: the request or the files are wrong; nothing was stored.
    """
    check_keywords("run", options, RunOptions)
    spec, settings = resolve(method, dataset, options)
    settings.store.check_writable()
    return run_spec(spec, LoadedDatasets(settings, progress).load(spec), settings, progress)


def run_spec(
    spec: RunSpec,
    data: Dataset,
    settings: Settings,
    progress: Progress | None = None,
    attempts: int | None = None,
) -> dict[str, Any]:
    """Do what `run` does, on data that are loaded.

    Args:
        spec, data, settings, progress: what to run and how.
        attempts: known when the run was planned; a newer one is returned as the result. None: only one with status ok.

    Raises:
        UnbenchError: the request or the files are wrong; nothing was stored.
        BusyError: another process is at work on this run, and the settings say not to wait.
    """
    store, work = settings.store, Run.open(spec, data, settings, progress)
    with locked(store.locks, f"run-{work.key}", settings.wait):
        done = None if settings.force else store.completed(work.key, verify=True)
        if done is not None and (store.probes_path(done).exists() or not settings.probe):
            return remeasured(store, done)
        newest = store.newest_attempt(work.key)
        if newest is not None and attempts is not None and newest["attempt"] > attempts:
            return newest
        row = work.identity()
        try:
            columns, outputs, probed, metrics = work.finish()
        except UnbenchError:
            raise
        except FOREIGN as error:  # whatever a method does wrong is a result, and the next run goes on
            logger.debug("%s", spec, exc_info=True)
            return store.write_run({**row, "status": status_of(error), "error": reason_of(error)}, None)
        answers = None if probed is None else (probed.arrays, probed.missing)
        return store.write_run({**row, **columns}, outputs, answers, metrics)


def record(spec: RunSpec, data: Dataset, settings: Settings, attempts: int, status: str, error: str) -> dict[str, Any]:
    """Store why a run could not begin, unless an attempt beyond those known is stored by now; return the newest row.

    Raises:
        UnbenchError: the request or the files are wrong; nothing was stored.
    """
    store, work = settings.store, Run.open(spec, data, settings)
    with locked(store.locks, f"run-{work.key}", wait=True):
        newest = store.newest_attempt(work.key)
        if newest is not None and newest["attempt"] > attempts:
            return newest
        return store.write_run({**work.identity(), "status": status, "error": error}, None)


def command(spec: RunSpec) -> str:
    """Return the command line that repeats a run, today and after another tuning: it names all non-defaults."""
    defaults = spec.method.resolve_hparams({}, stem=bool(spec.preset.stem))
    method = write_call(spec.method.name, {k: v for k, v in spec.hparams.items() if v != defaults[k]})
    words = ["unbench", "run", "-m", method, "-d", spec.dataset.name, "--scenario", spec.scenario.name]
    words += ["--seed", str(spec.seed), "--preset", spec.preset_name]
    if spec.preset.model != spec.dataset.presets[spec.preset_name].model:
        words += ["--model", spec.preset.model]
    if any(knob.search for knob in spec.method.hparams.values()):
        words += ["--hparams", "default"]
    for name in filter(None, map(plugin_name, (spec.method, spec.dataset))):
        words += ["--plugin", name]
    return shlex.join(words)


@dataclass(frozen=True)
class Run:
    """One run and its steps, in order.

    Attributes:
        spec, settings: what to run and how.
        images: the data set, as loaded.
        device: where to compute.
        progress: shows how far each step is.
        started_at: UTC.
    """

    spec: RunSpec
    settings: Settings
    images: Dataset
    device: torch.device
    progress: Progress
    started_at: str = field(default_factory=now)

    @classmethod
    def open(cls, spec: RunSpec, data: Dataset, settings: Settings, progress: Progress | None = None) -> Run:
        """Choose the device; raise SpecError if it does not exist."""
        device = choose_device(settings.device)
        make_deterministic()
        return cls(spec, settings, data, device, progress or Progress())

    @cached_property
    def split(self) -> FrozenSplit:
        """The forget set and the rest; raises UnbenchError, see unbench.experiment.splits.freeze_split."""
        return freeze_split(self.settings.store, self.images, self.spec.scenario, self.spec.seed)

    @cached_property
    def inputs(self) -> Inputs:
        """What models are fed; raises UnbenchError, see unbench.experiment.inputs.prepare."""
        return prepare(self.images, self.spec, self.device, self.progress)

    @property
    def data(self) -> Dataset:
        """The data set as models see it."""
        return self.inputs.data

    @property
    def key(self) -> str:
        """Key of the run."""
        return self.spec.key(self.images.fingerprint, self.split.hash)

    def identity(self) -> dict[str, Any]:
        """Return the columns of the row that are known before anything is trained."""
        spec, split, data, forget_class = self.spec, self.split, self.data, self.split.forget_class
        encoders = {"stem": self.inputs.stem, "key_encoder": self.inputs.key_encoder}
        return {
            "run_key": self.key,
            "started_at": self.started_at,
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
            "training": json.dumps(spec.preset.training.meaning(), sort_keys=True),
            "seed": spec.seed,
            "hparams": json.dumps(spec.hparams, sort_keys=True),
            "tuned": spec.tuned,
            "numerics_version": NUMERICS_VERSION,
            "device": device_name(self.device),
            "threads": torch.get_num_threads(),
            "warnings": json.dumps(list(data.mismatches)),
            **{role: encoder and encoder.name for role, encoder in encoders.items()},
            **{f"{role}_trained_on": encoder and encoder.trained_on for role, encoder in encoders.items()},
            **versions(),
        }

    def method(self, step: str) -> Method:
        """Return the method, which shows its progress as that of `step`."""
        shown = self.progress.named(f"{self.spec.method.name} on {self.data.name}: {step}")
        return make_method(self.spec, self.inputs, self.device, shown)

    def reference_model(self, role: Role, wait: bool = True) -> ReferenceModel:
        """Train the model of `role`, or load it; for what it raises see train_or_load."""
        images = self.data.train if role == "original" else self.split.retained(self.data)
        method, store = self.method(ROLE_NAMES[role]), self.settings.store
        return train_or_load(role, store, self.spec, method, self.data, images, wait)

    def finish(self) -> tuple[dict[str, Any], pa.Table, ProbeOutputs | None, list[MetricRow]]:
        """Train or load the reference models and unlearn; return further columns, outputs, probes and metrics."""
        begun = time.perf_counter()
        if self.spec.misfit:
            raise NotApplicableError(self.spec.misfit)
        method, wait = self.method("unlearning"), time.perf_counter()
        models: dict[str, ReferenceModel] = {role: self.reference_model(role) for role in ROLES}
        waited = time.perf_counter() - wait  # for models that runs share
        original, oracle = models["original"], models["oracle"]
        done = self._unlearn(method, original, oracle)
        outputs = self._outputs({"unlearned": done.logits, **{role: model.logits for role, model in models.items()}})
        metrics = measure(RunOutputs.from_table(outputs, self.split.forget_class))
        probed = self._probe(done, models) if self.settings.probe else None
        missing = {}
        if done.cost.peak_memory_mb is None:
            missing["peak_memory_mb"] = done.cost.missing or "not measured when the oracle was trained"
        columns = {
            "status": "ok",
            **done.deployment,
            "missing": json.dumps(missing, sort_keys=True),
            "warnings": json.dumps([*self.data.mismatches, *done.warnings]),
            "unlearn_seconds": done.cost.seconds,
            "peak_memory_mb": done.cost.peak_memory_mb,
            "train_seconds": original.cost.seconds,
            "oracle_seconds": oracle.cost.seconds,
            "stages": json.dumps({role: model.folder.name for role, model in models.items()}),
            "seconds": time.perf_counter() - begun - waited,
        }
        return columns, outputs, probed, metrics

    def _unlearn(self, method: Method, original: ReferenceModel, oracle: ReferenceModel) -> Unlearned:
        if method.is_oracle:
            # The result is the oracle: it costs what training it cost.
            return Unlearned(oracle.load(method), oracle.logits, oracle.cost, {}, [])
        if self.settings.time_limit is not None:
            return forget_in_time(self.spec, self.settings, self.images, self.split, original)
        return forget(method, original, self.split, self.data)

    def _probe(self, done: Unlearned, references: Mapping[str, ReferenceModel]) -> ProbeOutputs:
        assert done.model is not None
        method = self.method("probing")
        models = {"unlearned": done.model, **{role: model.load(method) for role, model in references.items()}}
        return probe_models(models, self.data, self.split, method.context)

    def _outputs(self, logits: Mapping[str, PartLogits]) -> pa.Table:
        """Return a row per example with the logits of each part of each model, null where a model has no such part."""
        import pyarrow as pa

        schema = arrow_schema(OUTPUT_COLUMNS)
        tables = [schema.empty_table()]
        places = {"retain": ("train", self.split.retain), "forget": ("train", self.split.forget)}
        for name in ("val", "test"):
            places[name] = name, np.arange(len(self.data.splits[name]))
        for name, (split, rows) in places.items():
            images = self.data.splits[split]
            columns = {"example_id": images.ids[rows], "split": [name] * len(rows), "label": images.labels[rows]}
            for model, parts in logits.items():
                for part, by_split in parts.items():
                    values = by_split[split].numpy()[rows]
                    lists = pa.FixedSizeListArray.from_arrays(values.ravel(), values.shape[1])
                    columns[f"{model}_{part}" if part else model] = lists.cast(pa.list_(pa.float32()))
            tables.append(pa.table(columns))
        return pa.concat_tables(tables, promote_options="default").select(schema.names)
