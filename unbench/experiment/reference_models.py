"""Reference models: trained once and shared by all methods, namely the original and the oracles.

RESULTS/stages/<role>-<key>/ holds the weights, the logits on every image of the data set, by the whole model and by
each of the pathways that its method has audited, and what it cost. The key is made of what decides the weights, so a
method that trains models of its own gets reference models of its own.
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from torch import Tensor, nn

from unbench.config.seeds import derive_seed, digest
from unbench.data.batches import first_batch
from unbench.data.images import Dataset, Images, Ints
from unbench.errors import DamagedError, DivergedError
from unbench.experiment.spec import NUMERICS_VERSION, RunSpec
from unbench.methods.base import Method
from unbench.store.files import atomic_folder, read_verified
from unbench.store.json_files import read_json, write_json
from unbench.store.locks import locked
from unbench.store.results import Store
from unbench.store.tensors import load_tensors, save_tensors
from unbench.training.checkpoints import Checkpoint, read_checkpoint
from unbench.training.cost import Cost, measured, warm_up
from unbench.training.loops import predict

logger = logging.getLogger("unbench")

LAYOUT_VERSION = 3
"""Raised when the files of a reference model change, so that none of an older layout is read."""

PartLogits = dict[str, dict[str, Tensor]]
"""Logits of each part of a model on each split of the data set, float32: "train" (N, K) in the order of Dataset.train,
"val", "test"."""

Role = Literal["original", "oracle", "oracle_2", "shadow", "shadow_oracle"]

RunRole = Literal["original", "oracle", "oracle_2"]

ROLES: tuple[RunRole, ...] = ("original", "oracle", "oracle_2")
"""Reference models of a run, in the order in which they are trained."""

ROLE_NAMES: dict[Role, str] = {
    "original": "original",
    "oracle": "oracle",
    "oracle_2": "second oracle",
    "shadow": "shadow model",
    "shadow_oracle": "retrained shadow model",
}
"""Roles as a reader sees them."""


@dataclass(frozen=True)
class ReferenceModel:
    """A trained model on disk and its outputs in memory.

    Attributes:
        folder: on disk.
        images: size of its training set.
        logits: of the whole model, under "", and of each of its pathways.
        cost: of its training.
    """

    folder: Path
    images: int
    logits: PartLogits
    cost: Cost

    def load(self, method: Method) -> nn.Module:
        """Return a fresh copy of the model, on the method's device, in eval mode; raise DamagedError or StoreError."""
        model = method.build(self.images).to(method.context.device)
        path = self.folder / "model.safetensors"
        state, _ = load_tensors(path)
        try:
            model.load_state_dict(state)
        except RuntimeError as error:
            raise DamagedError(path, error) from error
        return model.eval()


def train_or_load(
    role: Role, store: Store, spec: RunSpec, method: Method, data: Dataset, images: Images, wait: bool = True
) -> ReferenceModel:
    """Return the model of `role` trained on `images`, from disk if it is intact; set a damaged one aside.

    Raises:
        DivergedError: training gave weights or outputs that are not finite; nothing was stored.
        BusyError: another process is training it, and `wait` is false.
    """
    name = reference_model_name(role, spec, method.own_training, data, images.ids)
    folder = store.stages / name
    with locked(store.locks, name, wait):
        stored = store.recover(folder, read_reference_model)
        if stored is not None:
            return stored
        seed = derive_seed(role, data.name, spec.seed)
        device = method.context.device
        warm_up(method.build(len(images)).to(device), first_batch(images, spec.preset.training.batch_size, device))
        left = store.stages / f".{name}.checkpoint"
        method.checkpoint = Checkpoint(left, store.recover(left, read_checkpoint))
        with measured(device) as cost:
            model = method.train(images, seed)
        # Of the others, only the whole model is audited.
        outputs = predict_parts(model, method, data, f"training the {role} gave", role in ("original", "oracle"))
        files = {
            "model": model.state_dict(),
            "logits": {f"{part}/{split}": tensor for part, by in outputs.items() for split, tensor in by.items()},
        }
        seconds = cost.seconds + method.checkpoint.seconds
        about = {"role": role, "images": len(images), "seconds": seconds, "peak_memory_mb": cost.peak_memory_mb}
        with atomic_folder(folder) as temporary:
            for file, tensors in files.items():
                save_tensors(temporary / f"{file}.safetensors", tensors)
            write_json(temporary / "stage.json", about)
        method.checkpoint.remove()
        logger.info("trained %s in %.1f s", name, cost.seconds)
        return read_reference_model(folder)


def read_reference_model(folder: Path) -> ReferenceModel:
    """Return the model in a folder, its weights verified but not loaded; raise DamagedError or StoreError."""
    about = read_json(folder / "stage.json")
    parts: PartLogits = {}
    for name, tensor in load_tensors(folder / "logits.safetensors")[0].items():
        part, _, split = name.partition("/")
        parts.setdefault(part, {})[split] = tensor
    # The weights are loaded later, when a damaged file could no longer be trained again.
    read_verified(folder / "model.safetensors")
    try:
        logits = {"": parts.pop(""), **parts}
        return ReferenceModel(folder, about["images"], logits, Cost(about["seconds"], about["peak_memory_mb"]))
    except KeyError as error:
        raise DamagedError(folder, f"it lacks {error}") from error


def predict_parts(model: nn.Module, method: Method, data: Dataset, origin: str, pathways: bool = True) -> PartLogits:
    """Return the logits of the whole model, under "", and of each of its pathways, as `predict` gives them.

    Raises:
        DivergedError: some are not finite; the message begins with their `origin`.
    """
    parts = {"": model, **(method.pathways(model) if pathways else {})}
    context = method.context
    found = {name: predict(part, data.splits, context.device, context.progress) for name, part in parts.items()}
    if not all(logits.isfinite().all() for splits in found.values() for logits in splits.values()):
        raise DivergedError(f"{origin} outputs that are not finite")
    return found


def reference_model_name(role: Role, spec: RunSpec, own_training: bool, data: Dataset, ids: Ints) -> str:
    """Return the name of the folder of a reference model: its role, and a digest of all that decides the weights.

    Args:
        role, spec, data: of the model.
        own_training: whether the method trains models of its own kind, so that its settings count.
        ids: of the training images, (N,).
    """
    card = spec.method
    trainer = [card.name, card.version, spec.hparams] if own_training else ["standard"]
    key = digest(
        {
            "numerics": NUMERICS_VERSION,
            "layout": LAYOUT_VERSION,
            "role": role,
            "trainer": trainer,
            "dataset": [data.name, data.version, data.fingerprint],
            "images": digest(ids.tolist()),
            "preset": spec.preset.meaning(),
            "seed": spec.seed,
        }
    )
    return f"{role}-{key}"


def is_stored(store: Store, name: str) -> bool:
    """Return True if a reference model is on disk, intact or not."""
    return (store.stages / name / "stage.json").exists()
