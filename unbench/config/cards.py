"""Cards: the TOML files that describe methods and data sets. No torch here, because listing names must be instant.

A card is the single place for names, versions, defaults and sources; code is found through it and imported on use.
Unknown keys are errors, because a misspelt key is a setting that silently does nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator

from unbench.config import encoder_names
from unbench.config.toml import first_fault, read_toml
from unbench.errors import CardError, SpecError, UnknownNameError

Need = Literal["forget_images", "retain_images", "held_out_images", "labels", "original_training"]
Family = Literal["natural", "fine-grained", "medical", "synthetic", "custom"]
NAME = r"[a-z][a-z0-9_]*"
"""Pattern of the names of methods and data sets, for all of a name."""

Value = bool | int | float | str
CardT = TypeVar("CardT", bound="Card")


class Strict(BaseModel):
    """A table of a card: unknown keys are errors, and it is immutable once read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Card(Strict):
    """What all cards have in common."""

    kind: ClassVar[str]

    name: str = Field(pattern=f"^{NAME}$")
    version: int = Field(ge=1, description="Raised whenever numbers may change.")
    title: str
    path: Path | None = Field(default=None, exclude=True, description="The file that the card was read from.")


class Citation(Strict):
    """The publication that an idea comes from."""

    citation: str
    url: str = ""


class Hyperparameter(Strict):
    """One hyper-parameter of a method: its default, the reason for it, and the range in which it may be searched.

    Attributes:
        with_stem: default for presets with a stem, whose features are good from the first step; None: the same default.
        why: the reason for the default.
        low, high: bounds of a number.
        log: whether it is searched on a logarithmic scale.
        choices: all legal values.
        names: kind of names that values must be, besides "auto".
        search: what `unbench tune` tries: the lowest and highest value of a number, else a list of choices.
    """

    default: Value
    with_stem: Value | None = None
    why: str = Field(min_length=1)
    low: float | None = None
    high: float | None = None
    log: bool = False
    choices: tuple[Value, ...] | None = None
    names: Literal["encoders"] | None = None
    search: tuple[Value, ...] | None = None

    def parse(self, where: str, value: Value) -> Value:
        """Convert `value`, typed or text from a command line, to the type of this hyper-parameter, and check it.

        Raises:
            SpecError: it has another type or is out of range; the message begins with `where`.
        """
        parsed = _coerce(value, type(self.default))
        if parsed is None:
            wanted = {bool: "true or false", int: "an integer", float: "a number", str: "text"}
            raise SpecError(f"{where} must be {wanted[type(self.default)]}, not '{value}'")
        if self.names == "encoders" and parsed != "auto":
            encoder_names.check_name(str(parsed))
        if self.choices is not None and parsed not in self.choices:
            raise SpecError(f"{where} must be one of {', '.join(map(str, self.choices))}, not '{value}'")
        if isinstance(parsed, (int, float)) and not isinstance(parsed, bool):
            if not float("-inf") < parsed < float("inf"):
                raise SpecError(f"{where} must be finite, not '{value}'")
            if (self.low is not None and parsed < self.low) or (self.high is not None and parsed > self.high):
                raise SpecError(f"{where} must lie in [{self.low}, {self.high}], not '{value}'")
        return parsed

    @model_validator(mode="after")
    def _default_is_legal(self) -> Hyperparameter:
        for value in (self.default, self.with_stem, *(self.search or ())):
            if value is not None:
                self.parse("a default or a value of search", value)
        if self.search is not None and not self._is_searchable(self.search):
            raise SpecError("search must give the lowest and highest value to try, or choices, and include the default")
        return self

    def _is_searchable(self, search: tuple[Any, ...]) -> bool:
        defaults = [value for value in (self.default, self.with_stem) if value is not None]
        if not self.is_number:
            return all(value in search for value in defaults)
        return len(search) == 2 and search[0] < search[1] and all(search[0] <= value <= search[1] for value in defaults)

    @property
    def is_number(self) -> bool:
        """Whether it lies on a scale, rather than being one of several choices."""
        return self.choices is None and type(self.default) in (int, float)


class MethodCard(Card):
    """A way of unlearning: what it is, what it may touch, and its hyper-parameters.

    Attributes:
        code: "module:Class", imported on use.
        models: backbones that it works with; empty means any.
    """

    kind = "method"
    family: Literal["post-hoc", "by-design", "reference"]
    code: str = Field(pattern=r"^[\w.]+:\w+$")
    claim: str
    source: Citation
    needs: tuple[Need, ...] = ()
    scenarios: tuple[str, ...] = ("random", "class")
    models: tuple[str, ...] = ()
    notes: str = ""
    hparams: dict[str, Hyperparameter] = {}

    def resolve_hparams(self, given: dict[str, Value], stem: bool = False) -> dict[str, Value]:
        """Return every hyper-parameter, typed and checked, in the card's order.

        Args:
            given: values that replace defaults, typed or as text.
            stem: whether the preset has a stem, for which some defaults differ.

        Raises:
            SpecError: there is no such hyper-parameter, or its value is wrong.
        """
        for name in given:
            if name not in self.hparams:
                raise UnknownNameError("hyper-parameter", name, self.hparams, f"of method '{self.name}'")
        defaults = {k: h.with_stem if stem and h.with_stem is not None else h.default for k, h in self.hparams.items()}
        return {
            k: h.parse(f"hyper-parameter '{k}' of method '{self.name}'", given.get(k, defaults[k]))
            for k, h in self.hparams.items()
        }


class Training(Strict):
    """The recipe that trains the original and the oracle of a preset.

    Attributes:
        lr: highest learning rate.
        schedule: of the rate, after a linear warm-up: "cosine" to zero, "steps" (times `gamma` at each of
            `milestones`, in epochs), or "one_cycle" (linearly to zero).
        momentum, nesterov: of SGD.
        label_smoothing: share of the target that is spread evenly over all classes.
        augment: random crops after padding, and mirror images.
        padding: fills a crop beyond the edge of the image: black, or the image reflected.
        precision: "bf16" runs the network's layers in bfloat16; weights, losses and optimiser stay in float32.
        channels_last: whether the network keeps channels innermost in memory, which suits convolutions.
    """

    epochs: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    lr: float = Field(gt=0)
    optimizer: Literal["adamw", "sgd"] = "adamw"
    weight_decay: float = Field(default=0.05, ge=0)
    warmup_epochs: float = Field(default=1, ge=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    augment: tuple[Literal["crop", "flip"], ...] = ()
    nesterov: bool = True
    schedule: Literal["cosine", "steps", "one_cycle"] = "cosine"
    milestones: tuple[float, ...] = ()
    gamma: float = Field(default=0.1, gt=0, lt=1)
    label_smoothing: float = Field(default=0, ge=0, lt=1)
    padding: Literal["black", "reflect"] = "black"
    precision: Precision = "fp32"
    channels_last: bool = False

    LATER: ClassVar[frozenset[str]] = frozenset(
        ("nesterov", "schedule", "milestones", "gamma", "label_smoothing", "padding", "precision", "channels_last")
    )
    """Fields that were added after the first results. At their defaults they are left out of digests, so that old keys
    stay valid."""

    @model_validator(mode="after")
    def _steps_have_milestones(self) -> Training:
        if (self.schedule == "steps") != bool(self.milestones):
            raise SpecError("milestones, the epochs after which the rate falls, belong to schedule 'steps'")
        if any(not 0 < epoch < self.epochs for epoch in self.milestones):
            raise SpecError(f"milestones must lie between 0 and the number of epochs, {self.epochs}")
        return self

    def meaning(self) -> dict[str, Any]:
        """Return what enters digests and rows: every field but later ones at their defaults."""
        plain = self.model_dump(mode="json")
        defaults = {name: type(self).model_fields[name].default for name in self.LATER}
        return {k: v for k, v in plain.items() if k not in defaults or getattr(self, k) != defaults[k]}


Precision = Literal["fp32", "bf16"]
Backbone = Literal["vit", "convnet", "cifarnet", "resnet18"]


class Recipe(Strict):
    """How a preset trains a backbone other than its own.

    Attributes:
        model_options: of the backbone.
        training: None for the preset's own.
    """

    model_options: dict[str, Value] = {}
    training: Training | None = None


class Preset(Strict):
    """One size of an experiment on a data set. Sizes count images; 0 means all of them.

    Attributes:
        model, model_options, training: the backbone that is used where no other is asked for, and its recipe.
        recipes: of other backbones that may be asked for.
        stem: frozen backbone whose feature maps replace the pixels, for every method alike; empty means none.
        keys: encoder of the keys of methods that retrieve by keys; empty means the stem, or pixels if there is none.
    """

    image_size: int = Field(ge=4)
    train_size: int = Field(default=0, ge=0)
    val_size: int = Field(default=0, ge=0)
    test_size: int = Field(default=0, ge=0)
    model: Backbone = "vit"
    model_options: dict[str, Value] = {}
    stem: str = ""
    keys: str = ""
    training: Training
    recipes: dict[Backbone, Recipe] = {}

    @field_validator("stem", "keys")
    @classmethod
    def _is_an_encoder(cls, name: str, info: ValidationInfo) -> str:
        if name:
            encoder_names.check_name(name, stem=info.field_name == "stem")
        return name

    @model_validator(mode="after")
    def _maps_are_not_augmented(self) -> Preset:
        recipes = [self.training, *(recipe.training for recipe in self.recipes.values() if recipe.training)]
        if self.stem and any(recipe.augment for recipe in recipes):
            raise SpecError(
                "augment must be empty with a stem, whose feature maps are computed once, from whole images"
            )
        return self

    @property
    def models(self) -> tuple[Backbone, ...]:
        """The backbones that the preset has recipes for, its own first."""
        return (self.model, *(model for model in self.recipes if model != self.model))

    def with_model(self, model: Backbone) -> Preset:
        """Return the preset with another of its `models`, and the recipe for it."""
        if model == self.model:
            return self
        recipe = self.recipes[model]
        training = recipe.training or self.training
        changes = {"model": model, "model_options": recipe.model_options, "training": training, "recipes": {}}
        return self.model_copy(update=changes)

    def meaning(self) -> dict[str, Any]:
        """Return what enters digests: all that decides numbers, in the form in which it has always entered them."""
        return {**self.model_dump(mode="json", exclude={"recipes"}), "training": self.training.meaning()}


class DatasetCard(Card):
    """A labelled set of images: where it comes from, how it splits, and the sizes in which it is used.

    Attributes:
        source: name of a source in unbench.data.sources, or "module:Class" for a plug-in's own.
        classes: number of classes; 0 if only the files can tell.
        sizes: published number of images per split, before a validation set is split off train.
        val_fraction: share of train that becomes the validation set if none is published.
    """

    kind = "data set"
    family: Family
    source: str
    source_options: dict[str, Value] = {}
    licence: str
    citation: str
    homepage: str = ""
    classes: int = Field(ge=0)
    channels: Literal[1, 3]
    sizes: dict[Literal["train", "val", "test"], int] = {}
    val_fraction: float = Field(default=0.1, gt=0, lt=1)
    scenarios: tuple[str, ...] = ("random", "class")
    notes: str = ""
    presets: dict[str, Preset]


def read_card(path: Path, kind: type[CardT]) -> CardT:
    """Read one TOML file as a card of this kind.

    Raises:
        CardError: the file cannot be read, has an unknown key or a wrong value, or its name is not the card's.
    """
    content = read_toml(path)
    if kind is MethodCard and "tuned" in content:
        raise CardError(
            f"the card {path} has tuned values; move them to RESULTS/tuning/tuned.toml, "
            f"where [tuned.DATASET.PRESET.SCENARIO] becomes [{path.stem}.DATASET.PRESET.SCENARIO]"
        )
    try:
        card = kind.model_validate({**content, "path": path})
    except ValidationError as error:
        raise CardError(f"the card {path} is wrong: {first_fault(error, kind.model_fields)}") from error
    if card.name != path.stem:
        raise CardError(f"the card {path} has the name '{card.name}'; its file must be called {card.name}.toml")
    return card


def _coerce(value: Any, kind: type) -> Any:
    """Return `value` as `kind`, or None. An int is a legal float; nothing else changes type silently."""
    if isinstance(value, str) and kind is not str:
        text = value.strip()
        if kind is bool:
            return {"true": True, "false": False}.get(text.lower())
        try:
            return kind(text)
        except ValueError:
            return None
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value if type(value) is kind else None
