"""A model as a folder: everything that predicting with it takes, and nothing of the benchmark.

MODEL_DIR/model.json            what the model is: method, data set, inputs, encoders, and the format's version
MODEL_DIR/model.safetensors     weights and memory; its header holds the receipts of all deletions
MODEL_DIR/encoder.safetensors   the state of the key encoder, if it was fitted
MODEL_DIR/receipts/0001.json    the receipt of each deletion
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from filelock import FileLock
from pydantic import BaseModel, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from unbench.config.cards import Preset, Value
from unbench.data.encoders.base import Encoder
from unbench.errors import StoreError, refusals_as
from unbench.store.files import atomic_path, write_text
from unbench.store.tensors import storable

FORMAT = 1
"""Version of the folder's layout."""

MEMORY = "memory."
"""Prefix of the names of a memory's tensors."""


class EncoderRecord(BaseModel, extra="forbid", frozen=True):
    """An encoder that a model needs."""

    name: str
    version: int
    trained_on: str

    @classmethod
    def of(cls, encoder: Encoder | None) -> EncoderRecord | None:
        """Return the record of an encoder; None if there is none."""
        if encoder is None:
            return None
        return cls(name=encoder.name, version=encoder.version, trained_on=encoder.trained_on)


class ModelRecord(BaseModel, extra="forbid", frozen=True):
    """The content of model.json: what a saved model is.

    Attributes:
        shape: channels and side of its input.
        key_dim: length of a key; 0 without keys.
        stem: the frozen backbone whose feature maps it is fed instead of pixels, if any.
    """

    format: int = FORMAT
    unbench_version: str
    method: str
    method_version: int
    hparams: dict[str, Value]
    preset: Preset
    dataset: str
    dataset_version: int
    classes: tuple[str, ...]
    channels: int
    shape: tuple[int, int]
    key_dim: int
    stem: EncoderRecord | None
    key_encoder: EncoderRecord | None
    seed: int


class Receipt(TypedDict):
    """The record of one deletion, as it is stored and printed.

    Attributes:
        receipt: its number, from 1.
        deleted, not_stored: the ids of the request.
        deleted_at: UTC.
        model_before, model_after: SHA-256 over the tensors (unbench.store.tensors.content_hash).
    """

    receipt: int
    method: str
    dataset: str
    deleted: list[int]
    not_stored: list[int]
    entries_left: int
    deleted_at: str
    model_before: str
    model_after: str
    unbench_version: str


@dataclass(frozen=True)
class SavedModel:
    """A folder with a model in it."""

    folder: Path

    def locked(self) -> AbstractContextManager[object]:
        """Keep other processes out until the block ends; raise StoreError if the folder cannot be written."""
        with refusals_as(StoreError, f"cannot write in {self.folder}"):
            return FileLock(self.folder / ".lock").acquire()

    @property
    def weights(self) -> Path:
        """The file of weights and memory."""
        return self.folder / "model.safetensors"

    @property
    def has_memory(self) -> bool:
        """Whether images can be deleted from the model."""
        with safe_open(self.weights, "pt") as file:
            return any(name.startswith(MEMORY) for name in file.keys())  # noqa: SIM118 - not a mapping

    def write(self, record: ModelRecord, state: Mapping[str, Tensor], encoder: Mapping[str, Tensor]) -> None:
        """Save a new model; model.json is written last, so that an incomplete folder does not pass for a model.

        Raises:
            StoreError: the folder already holds a model, or cannot be written.
        """
        if (self.folder / "model.json").exists():
            raise StoreError(f"{self.folder} already holds a model, which is not overwritten")
        self.write_state(state, [])
        if encoder:
            with atomic_path(self.folder / "encoder.safetensors") as path:
                save_file(storable(encoder), path)
        write_text(self.folder / "model.json", record.model_dump_json(indent=1) + "\n")

    def write_state(self, state: Mapping[str, Tensor], receipts: list[Receipt]) -> None:
        """Replace weights, memory and receipts in one step: a reader sees all of the old or all of the new."""
        with atomic_path(self.weights) as path:
            save_file(storable(state), path, metadata={"receipts": json.dumps(receipts)})

    def read_record(self) -> ModelRecord:
        """Return what the model is; raise StoreError if there is none, or another version wrote it."""
        path = self.folder / "model.json"
        if not path.exists():
            raise StoreError(f"{self.folder} holds no model: it has no {path.name}")
        with faults_as(f"cannot read {path}"):
            content = json.loads(path.read_text("utf-8"))
        found = content.get("format") if isinstance(content, dict) else None
        if found != FORMAT:
            raise StoreError(f"{path} has format {found}; this version of unbench reads format {FORMAT}")
        try:
            return ModelRecord.model_validate(content)
        except ValidationError as error:
            fault = error.errors()[0]
            raise StoreError(f"{path} is not valid: {'.'.join(map(str, fault['loc']))}: {fault['msg']}") from error

    def read_state(self) -> tuple[dict[str, Tensor], list[Receipt]]:
        """Return the tensors by name, and the receipts so far; raise StoreError if the file is damaged or missing."""
        with faults_as(f"{self.weights} is missing or damaged"):
            with safe_open(self.weights, "pt") as file:
                receipts = json.loads((file.metadata() or {})["receipts"])
            return load_file(self.weights), receipts

    def read_encoder(self) -> dict[str, Tensor]:
        """Return the state of the fitted key encoder; empty if it has none."""
        path = self.folder / "encoder.safetensors"
        with faults_as(f"{path} is damaged"):
            return load_file(path) if path.exists() else {}


@contextmanager
def faults_as(what: str) -> Iterator[None]:
    """Raise what reading damaged files or fitting their tensors raises as a StoreError: `what`, and the reason."""
    try:
        yield
    except (SafetensorError, OSError, ValueError, KeyError, RuntimeError) as error:
        raise StoreError(f"{what}: {' '.join(str(error).split())}") from error
