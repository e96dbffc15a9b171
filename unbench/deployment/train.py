"""Train a model and save it as a folder of its own."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from unbench.data import load_dataset
from unbench.data.loading import Checksums
from unbench.deployment.saved import FORMAT, EncoderRecord, ModelRecord, SavedModel
from unbench.errors import SpecError, StoreError
from unbench.experiment.inputs import make_method, prepare
from unbench.experiment.reference_models import train_or_load
from unbench.experiment.spec import RunSpec
from unbench.progress import Progress
from unbench.store.results import Store
from unbench.training.devices import choose_device, make_deterministic


def train(
    model_dir: Path | str,
    method: str = "munkey",
    dataset: str = "digits",
    *,
    seed: int = 0,
    preset: str = "cpu",
    model: str | None = None,
    results: Path | str = "results",
    data_root: Path | str | None = None,
    device: str = "auto",
    checksums: Checksums = "auto",
    progress: Progress | None = None,
) -> Path:
    """Train the original of a run on all training images, or take it from `results`, and save it in `model_dir`.

    The folder is a copy: deleting from it does not change the results folder, nor the reverse.

    Args:
        model_dir: a new folder.
        method, dataset, seed, preset, model, results, data_root, device, checksums, progress: as for unbench.run.

    Returns:
        `model_dir`, ready for unbench.forget and unbench.predict.

    Raises:
        UnbenchError: the request or the files are wrong, or the folder is not empty.
    """
    spec = RunSpec.parse(method, dataset, "random10", preset, seed, model)
    if spec.method.family == "reference":
        raise SpecError(
            f"'{spec.method.name}' is a reference without a model of its own; train a method such as munkey instead"
        )
    saved = SavedModel(Path(model_dir))
    if saved.folder.exists() and (not saved.folder.is_dir() or any(saved.folder.iterdir())):
        raise StoreError(f"{saved.folder} is not empty; name a new folder for the model")
    progress = progress or Progress()
    store = Store(results)
    store.check_writable()
    chosen = choose_device(device)
    make_deterministic()
    data = load_dataset(spec.dataset, spec.preset, data_root, checksums, progress)
    inputs = prepare(data, spec, chosen, progress)
    trainer = make_method(spec, inputs, chosen, progress.named(f"{spec.method.name} on {data.name}"))
    original = train_or_load("original", store, spec, trainer, inputs.data, inputs.data.train)
    state = original.load(trainer).state_dict()
    record = ModelRecord(
        format=FORMAT,
        unbench_version=version("unbench"),
        method=spec.method.name,
        method_version=spec.method.version,
        hparams=spec.hparams,
        preset=spec.preset,
        dataset=data.name,
        dataset_version=data.version,
        classes=data.classes,
        channels=data.train.pixels.shape[1],
        shape=inputs.shape,
        key_dim=inputs.key_dim,
        stem=EncoderRecord.of(inputs.stem),
        key_encoder=EncoderRecord.of(inputs.key_encoder),
        seed=seed,
    )
    saved.write(record, state, inputs.key_encoder.state() if inputs.key_encoder else {})
    return saved.folder
