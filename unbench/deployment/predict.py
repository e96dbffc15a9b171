"""Predictions of a saved model for image files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from unbench.config import registry
from unbench.data import encoders
from unbench.data.batches import normalise
from unbench.data.cache import to_bytes
from unbench.data.encoders.base import Encoder, FeatureEncoder
from unbench.deployment.saved import EncoderRecord, ModelRecord, SavedModel, faults_as
from unbench.errors import DataError, StoreError
from unbench.methods.base import Context, Method, load_method
from unbench.progress import Progress
from unbench.training.devices import choose_device

BATCH = 32


# Not a class statement, because "class" is one of the names.
Prediction = TypedDict("Prediction", {"image": str, "class": str, "probability": float})


@dataclass(frozen=True)
class Predictor:
    """A saved model with the encoders that it needs, ready to predict.

    Attributes:
        record: what the model is.
        model: in eval mode; returns logits.
        frozen_backbone: its feature maps replace the pixels, if there is one.
        key_encoder: by its keys the model looks images up in its memory, if it has one.
    """

    record: ModelRecord
    model: nn.Module
    frozen_backbone: FeatureEncoder | None
    key_encoder: Encoder | None

    @classmethod
    def load(cls, model_dir: Path | str, device: str = "auto") -> Predictor:
        """Read a folder written by `unbench train`.

        Raises:
            StoreError: there is no model, or it is damaged or of another version.
            EncoderUnavailableError: an encoder that it needs cannot be loaded.
        """
        saved = SavedModel(Path(model_dir))
        record = saved.read_record()
        card = registry.method(record.method)
        if card.version != record.method_version:
            raise StoreError(
                f"{saved.folder} was trained by {card.name} version {record.method_version}; "
                f"this unbench has version {card.version}"
            )
        chosen = choose_device(device)
        backbone = _load_encoder(record.stem, chosen)
        assert backbone is None or isinstance(backbone, FeatureEncoder)
        keys = backbone if record.key_encoder == record.stem else _load_encoder(record.key_encoder, chosen)
        if keys is not None and (fitted := saved.read_encoder()):
            keys.load_state(fitted)
        context = Context(
            card,
            card.resolve_hparams(record.hparams),
            record.preset,
            record.shape,
            len(record.classes),
            record.key_dim,
            record.seed,
            chosen,
            Progress(),
        )
        method: Method = load_method(card)(context)
        model = method.build(0).to(chosen)
        state = saved.read_state()[0]
        with faults_as(f"{saved.weights} does not fit its model.json"):
            model.load_state_dict(state)
        return cls(record, model.eval(), backbone, keys)

    @torch.inference_mode()
    def probabilities(self, pixels: Tensor) -> Tensor:
        """Compute class probabilities (B, K) of images, uint8 (B, C, S, S) of the preset's size."""
        device = next(self.model.parameters()).device
        pixels = pixels.to(device)
        if self.frozen_backbone is None:
            fed, keys = normalise(pixels), None
        else:
            found = self.frozen_backbone.features(pixels)
            keys = found["keys"]
            fed = found["maps"].half().float()  # rounded as in training, where maps are stored in half precision
        if self.key_encoder is not self.frozen_backbone:
            keys = None if self.key_encoder is None else self.key_encoder.keys(pixels)
        inputs = (fed,) if keys is None else (fed, keys)
        return self.model(*inputs).softmax(1).cpu()


def predict(
    model_dir: Path | str, images: Sequence[Path | str], device: str = "auto", progress: Progress | None = None
) -> list[Prediction]:
    """Predict the class of each image file, and its probability in 0..1, with a saved model.

    Raises:
        DataError: a file is not an image.
        StoreError, EncoderUnavailableError: as Predictor.load.
    """
    predictor = Predictor.load(model_dir, device)
    record = predictor.record
    rows: list[Prediction] = []
    starts = range(0, len(images), BATCH)
    for start in (progress or Progress()).named("predicting").track(starts, "batches"):
        paths = images[start : start + BATCH]
        pixels = [_read(Path(path), record.channels, record.preset.image_size) for path in paths]
        for path, row in zip(paths, predictor.probabilities(torch.from_numpy(np.stack(pixels))), strict=True):
            best = int(row.argmax())
            rows.append({"image": str(path), "class": record.classes[best], "probability": float(row[best])})
    return rows


def _read(path: Path, channels: int, size: int) -> np.ndarray:
    try:
        with Image.open(path) as image:
            return to_bytes(image, channels, size)
    except (OSError, Image.DecompressionBombError) as error:
        raise DataError(f"{path} cannot be read as an image: {error}") from error


def _load_encoder(record: EncoderRecord | None, device: torch.device) -> Encoder | None:
    if record is None:
        return None
    encoder = encoders.load(record.name, device)
    if (encoder.version, encoder.trained_on) != (record.version, record.trained_on):
        raise StoreError(
            f"the model was trained with {record.name} version {record.version} ({record.trained_on}); "
            f"here it is version {encoder.version} ({encoder.trained_on})"
        )
    return encoder
