"""The form of a method: one class with `unlearn`, and for by-design methods also `build` and `train`.

A method is handed an `Access` with the images and labels that its card declares and nothing else. Everything
else that it may use (hyper-parameters, the shared training recipe, seeds) is in its `Context`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn

from unbench import models
from unbench.config.cards import MethodCard, Preset, Value
from unbench.config.plugins import load_class
from unbench.config.seeds import derive_seed
from unbench.data.batches import Batch, Batches
from unbench.data.images import Images, Ints
from unbench.errors import AccessError, CardError
from unbench.progress import Progress
from unbench.training.checkpoints import Checkpoint
from unbench.training.loops import seeded, train_classifier


def evict_nothing(ids: Ints) -> int:
    """Erase nothing, where nothing is kept on disk; return 0."""
    return 0


@dataclass(frozen=True)
class Context:
    """Everything but data that a method works with.

    No image, label, key or feature map can be reached from a context, whichever attributes are followed. Python keeps
    no code from importing what it likes or from reading the files of this machine: a context guards against mistakes,
    and against methods that take what lies near, not against a method that sets out to break in.

    Attributes:
        card: the method's own card.
        hparams: every hyper-parameter of the card, typed and checked.
        preset: model and training recipe of the experiment.
        shape: (channels, side) of the model's inputs.
        classes: number of classes.
        key_dim: length of an image's key; 0 where the method asks for no keys.
        seed: of the run; derive others from it with `seed_for`.
        device: where to compute.
        progress: shows how far long work is.
        evict: erases the keys and feature maps kept on disk of training images, given their ids (int64, (F,)), and
            returns how many rows it erased; for methods that delete an image's key.
    """

    card: MethodCard
    hparams: dict[str, Value]
    preset: Preset
    shape: tuple[int, int]
    classes: int
    key_dim: int
    seed: int
    device: torch.device
    progress: Progress
    evict: Callable[[Ints], int] = evict_nothing

    def number(self, name: str) -> float:
        """Return a numeric hyper-parameter."""
        return float(self.hparams[name])

    def count(self, name: str) -> int:
        """Return an integer hyper-parameter."""
        return int(self.hparams[name])

    def choice(self, name: str) -> Any:
        """Return a hyper-parameter that is one of the choices on the card."""
        return self.hparams[name]

    def seed_for(self, purpose: str) -> int:
        """Return a seed of its own for each thing that this method draws."""
        return derive_seed(self.card.name, purpose, self.seed)


class Access:
    """What a method may touch while it unlearns: always the ids to forget, and what its card declares.

    Raises AccessError on reading anything undeclared. What is not declared is not held, so nothing can be reached by
    another way; without `labels` the label arrays are filled with -1.

    Attributes:
        forget_ids: int64, (F,): ids of the training images to forget.
        forget_class: the class to forget, where the request names one.
    """

    def __init__(
        self,
        card: MethodCard,
        forget_ids: Ints,
        forget: Images,
        retain: Images,
        held_out: Images,
        forget_class: int | None = None,
    ) -> None:
        self.forget_ids = forget_ids
        self.forget_class = forget_class
        self._method = card.name
        offered = {"forget_images": forget, "retain_images": retain, "held_out_images": held_out}
        labelled = "labels" in card.needs
        self._held = {
            need: images if labelled else images.without_labels()
            for need, images in offered.items()
            if need in card.needs
        }

    @property
    def forget(self) -> Images:
        """The images to forget."""
        return self._get("forget_images")

    @property
    def retain(self) -> Images:
        """The images that stay."""
        return self._get("retain_images")

    @property
    def held_out(self) -> Images:
        """Images that no model was trained on: the validation set."""
        return self._get("held_out_images")

    def _get(self, need: str) -> Images:
        if need not in self._held:
            raise AccessError(f"method '{self._method}' reached for {need}, which its card does not declare")
        return self._held[need]


class Method:
    """Base of all methods. Post-hoc methods override `unlearn` alone.

    Class attributes:
        own_training: the method trains models of its own kind (by-design); its hyper-parameters then decide the
            original and the oracle too.
        is_oracle: the result is the oracle itself, and `unlearn` is never called.
    """

    own_training: ClassVar[bool] = False
    is_oracle: ClassVar[bool] = False

    @staticmethod
    def encoder(hparams: Mapping[str, Value], preset: Preset) -> str | None:
        """Return the name of the encoder whose keys models are fed beside the images; None for no keys."""
        return None

    def __init__(self, context: Context) -> None:
        self.context = context
        self.warnings: list[str] = []
        self.checkpoint = Checkpoint()

    def warn(self, text: str) -> None:
        """Add a warning to the run's row, for whoever reads its numbers, such as that nothing was changed."""
        self.warnings.append(text)

    def backbone(self) -> nn.Module:
        """Return the preset's network, untrained."""
        return models.build(self.context.preset, self.context.shape, self.context.classes)

    def build(self, images: int) -> nn.Module:
        """Return an untrained model for a training set of `images` examples."""
        return self.backbone()

    def train(self, images: Images, seed: int) -> nn.Module:
        """Train a new model on `images`: the original, or an oracle when these are the retained ones."""
        context = self.context
        with seeded(seed):
            model = self.build(len(images)).to(context.device)
            recipe = context.preset.training
            return train_classifier(model, images, recipe, seed, context.device, context.progress, self.checkpoint)

    def unlearn(self, model: nn.Module, access: Access) -> nn.Module:
        """Make `model` forget; it is a copy of the original, to change in place or to replace."""
        raise NotImplementedError

    def pathways(self, model: nn.Module) -> dict[str, nn.Module]:
        """Return parts of `model` to be audited as models of their own, by name; see unbench.store.schema.PATHWAYS."""
        return {}

    def deployment_costs(self, model: nn.Module, batch: Batch, deleted: int) -> dict[str, int | float | str]:
        """Return schema columns on what keeping and asking `model` costs, after `deleted` images were forgotten."""
        return {}

    def batches(self, images: Images, purpose: str, batch_size: int | None = None) -> Batches:
        """Return shuffled, augmented batches by the shared recipe, seeded for `purpose`."""
        recipe, context = self.context.preset.training, self.context
        size = batch_size or recipe.batch_size
        return Batches(images, size, context.device, context.seed_for(purpose), recipe.augment, recipe.padding)

    def rounds(self, count: str = "epochs") -> Iterator[int]:
        """Yield 0, 1, ... as often as the hyper-parameter `count` asks for, and show the progress."""
        return self.context.progress.track(range(self.context.count(count)))

    def epochs(self, images: Images, purpose: str, count: str = "epochs") -> Iterator[Batches]:
        """Yield `batches` for each of the `rounds`: the same images, every time in a new order."""
        batches = self.batches(images, purpose)
        return (batches for _ in self.rounds(count))

    def sgd(self, model: nn.Module, **overrides: Any) -> torch.optim.Optimizer:
        """Return SGD with the method's own lr, momentum and weight_decay: what most published baselines use."""
        return torch.optim.SGD(model.parameters(), **{**self._settings("lr", "momentum", "weight_decay"), **overrides})

    def adam(self, model: nn.Module, **overrides: Any) -> torch.optim.Optimizer:
        """Return Adam with the method's own lr, and weight_decay if it has one."""
        return torch.optim.Adam(model.parameters(), **{**self._settings("lr", "weight_decay"), **overrides})

    def _settings(self, *names: str) -> dict[str, Any]:
        return {name: self.context.number(name) for name in names if name in self.context.hparams}


def load_method(card: MethodCard) -> type[Method]:
    """Import the class that a method card points at: from the file beside the card, or else an installed module.

    Raises:
        CardError: there is no such class, it is not a subclass of Method, or importing it raises.
    """
    found = load_class(card, card.code)
    if not issubclass(found, Method):
        raise CardError(f"method '{card.name}': {card.code} must be a subclass of unbench.methods.Method")
    return found
