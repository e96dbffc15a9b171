"""Train a model and save it as a folder of its own."""

from importlib.metadata import version
from pathlib import Path
from typing import Unpack

from unbench.deployment.saved import EncoderRecord, ModelRecord, SavedModel
from unbench.errors import SpecError, StoreError
from unbench.experiment.inputs import LoadedDatasets
from unbench.experiment.run import Run
from unbench.experiment.settings import TrainOptions, check_keywords, resolve
from unbench.progress import Progress


def train(
    model_dir: Path | str,
    method: str = "munkey",
    dataset: str = "digits",
    *,
    progress: Progress | None = None,
    **options: Unpack[TrainOptions],
) -> Path:
    """Train the original of a run on all training images, or take it from the results folder, and save it.

    The folder is a copy: deleting from it does not change the results folder, nor the reverse.

    Args:
        model_dir: a new folder.
        method, dataset, progress: as for unbench.run.
        **options: seed, preset, model, results, data_root, device and checksums, as for unbench.run.

    Returns:
        `model_dir`, ready for unbench.forget and unbench.predict.

    Raises:
        UnbenchError: the request or the files are wrong, or the folder is not empty.
    """
    check_keywords("train", options, TrainOptions)
    spec, settings = resolve(method, dataset, options)
    if spec.method.family == "reference":
        raise SpecError(
            f"'{spec.method.name}' is a reference without a model of its own; train a method such as munkey instead"
        )
    saved = SavedModel(Path(model_dir))
    if saved.folder.exists() and (not saved.folder.is_dir() or any(saved.folder.iterdir())):
        raise StoreError(f"{saved.folder} is not empty; name a new folder for the model")
    settings.store.check_writable()
    work = Run.open(spec, LoadedDatasets(settings, progress).load(spec), settings, progress)
    inputs, data = work.inputs, work.data
    state = work.reference_model("original").load(work.method("saving")).state_dict()
    record = ModelRecord(
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
        seed=spec.seed,
    )
    saved.write(record, state, inputs.key_encoder.state() if inputs.key_encoder else {})
    return saved.folder
