"""What models are fed: the images of a data set, or a frozen backbone's maps of them, and keys where a method asks."""

from dataclasses import dataclass, replace
from functools import lru_cache

import torch

from unbench.data import encoders, load_dataset
from unbench.data.encoders.base import Encoder, FeatureEncoder
from unbench.data.encoders.cache import Eviction, FeatureCache
from unbench.data.images import Dataset, Images
from unbench.experiment.settings import Settings
from unbench.experiment.spec import RunSpec
from unbench.methods.base import Context, Method, load_method
from unbench.progress import Progress


class LoadedDatasets:
    """Data sets of many runs, each loaded once.

    Args:
        settings: where the data are.
        progress: shows downloading and decoding.
        download: fetch data that are not there.
        keep: number of data sets held in memory; None for all.
    """

    def __init__(
        self, settings: Settings, progress: Progress | None = None, download: bool = True, keep: int | None = None
    ) -> None:
        self._settings, self._progress, self._download, self._keep = settings, progress, download, keep
        self._loaded: dict[tuple[str, str], Dataset] = {}

    def load(self, spec: RunSpec) -> Dataset:
        """Return the images of a run; raise UnbenchError if they cannot be read."""
        name = (spec.dataset.name, spec.preset_name)
        if name not in self._loaded:
            place = self._settings
            if self._keep is not None and len(self._loaded) >= self._keep:
                del self._loaded[next(iter(self._loaded))]
            self._loaded[name] = load_dataset(
                spec.dataset, spec.preset, place.data_root, place.checksums, self._progress, self._download
            )
        return self._loaded[name]


@lru_cache(maxsize=1)
def datasets_of(settings: Settings) -> LoadedDatasets:
    """Return the data sets that this process has loaded for one run after the other: the last two."""
    return LoadedDatasets(settings, keep=2)


@dataclass(frozen=True)
class Inputs:
    """A data set as models see it.

    Attributes:
        data: pixels, or the frozen backbone's maps in their place, and keys; the fingerprint is that of the pixels.
        stem: the frozen backbone whose maps take the place of the pixels, if any.
        key_encoder: what made the keys, if there are any.
        features: where maps and keys are kept on disk.
    """

    data: Dataset
    stem: Encoder | None
    key_encoder: Encoder | None
    features: FeatureCache

    @property
    def shape(self) -> tuple[int, int]:
        """Channels and side of an input."""
        pixels = self.data.train.pixels
        return pixels.shape[1], pixels.shape[2]

    @property
    def key_dim(self) -> int:
        """Length of a key; 0 without keys."""
        return 0 if self.key_encoder is None else self.key_encoder.dim


def prepare(data: Dataset, spec: RunSpec, device: torch.device, progress: Progress) -> Inputs:
    """Compute, or read from the cache, the maps of the preset's frozen backbone and the keys that the method asks for.

    Raises:
        UnknownNameError, SpecError: no such encoder, or one that gives no feature maps where the preset needs them.
        EncoderUnavailableError: its package or weights are missing.
        DataError: the cache cannot be used.
    """
    code: type[Method] = load_method(spec.method)
    stem, keys = spec.preset.stem, code.encoder(spec.hparams, spec.preset)
    features = FeatureCache(data)
    backbone = encoders.load(stem, device) if stem else None
    encoder = backbone if keys == stem else encoders.load(keys, device) if keys else None

    def seen(name: str, images: Images) -> Images:
        # Maps first: the pass that makes them makes the same network's keys.
        if isinstance(backbone, FeatureEncoder):
            images = replace(images, pixels=features.maps(backbone, name, progress))
        return images if encoder is None else replace(images, keys=features.keys(encoder, name, progress))

    train, val, test = (seen(name, images) for name, images in data.splits.items())
    return Inputs(replace(data, train=train, val=val, test=test), backbone, encoder, features)


def make_method(spec: RunSpec, inputs: Inputs, device: torch.device, progress: Progress) -> Method:
    """Return the spec's method, ready to train and unlearn on `inputs`."""
    context = Context(
        card=spec.method,
        hparams=spec.hparams,
        preset=spec.preset,
        shape=inputs.shape,
        classes=len(inputs.data.classes),
        key_dim=inputs.key_dim,
        seed=spec.seed,
        device=device,
        progress=progress,
        evict=Eviction(inputs.features.folder, inputs.features.data.train.ids.copy()),
    )
    method: Method = load_method(spec.method)(context)
    return method
