"""What a method is handed, and that nothing else can be reached from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import pytest
import torch

import unbench
from unbench.config import registry
from unbench.data import load_dataset
from unbench.data.encoders.cache import FeatureCache
from unbench.data.images import Dataset, Images
from unbench.errors import AccessError
from unbench.experiment.inputs import make_method, prepare
from unbench.experiment.spec import RunSpec
from unbench.methods import Access, Method
from unbench.progress import Progress

CARD = """
name = "thief"
version = 1
title = "Takes what it does not declare"
family = "post-hoc"
code = "thief:Thief"
claim = "None."
needs = []

[source]
citation = "Unpublished."
url = ""
"""

REACHES = [
    "self.context.features.data.train",
    "self.context.evict.data.train",
    "self.context.evict.__self__.data.train",
    "self.context.evict.__closure__[0].cell_contents",
    "access.retain",
    "access.forget",
    "access.held_out",
    "access._held['retain_images']",
]


@pytest.fixture
def method(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Method:
    """A method as a run makes it, of the kind that has most in reach."""
    monkeypatch.setenv("UNBENCH_CACHE", str(tmp_path))
    spec = RunSpec.parse("munkey", "synthetic", preset="smoke")
    card = registry.dataset("synthetic")
    inputs = prepare(load_dataset(card, card.presets["smoke"]), spec, torch.device("cpu"), Progress())
    return make_method(spec, inputs, torch.device("cpu"), Progress())


@pytest.mark.parametrize("reach", REACHES)
def test_a_plugin_that_reaches_for_images_fails(
    reach: str, tmp_path: Path, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNBENCH_PLUGINS", "")
    (tmp_path / "thief.toml").write_text(CARD)
    (tmp_path / "thief.py").write_text(
        "from unbench.methods import Method\n\n\nclass Thief(Method):\n"
        f"    def unlearn(self, model, access):\n        print(len({reach}))\n        return model\n"
    )
    registry.add_plugin(tmp_path / "thief.py")
    row = unbench.run("thief", "synthetic", preset="smoke", results=results, force=True)
    assert row["status"] == "failed"
    assert "Error" in row["error"]


def test_nothing_that_a_context_leads_to_holds_an_image_or_a_label(method: Method) -> None:
    found = list(reachable(method))
    assert any(thing is method.context.evict for thing in found), "else the walk proves nothing"
    assert not [thing for thing in found if isinstance(thing, Images | Dataset | FeatureCache | torch.Tensor)]
    arrays = [thing for thing in found if isinstance(thing, np.ndarray)]
    assert all(array.dtype == np.int64 and array.tolist() == sorted(set(array.tolist())) for array in arrays), "ids"


def test_the_walk_finds_what_a_bound_method_a_closure_and_an_array_hide(method: Method) -> None:
    images = Images(np.zeros((4, 1, 2, 2), np.uint8), np.arange(4), np.arange(4))
    hiding = [images.take, lambda: images, {"deep": [(images,)]}]
    for thing in hiding:
        assert any(found is images for found in reachable(thing))
    assert any(found is images.pixels for found in reachable(images.pixels[:1]))


def test_evicting_erases_what_the_run_keeps_of_these_images_and_of_no_others(method: Method) -> None:
    assert method.context.evict(np.array([3, 5])) == 2
    assert method.context.evict(np.array([3, 5])) == 0
    assert method.context.evict(np.array([3, 7, 10**9])) == 1


def test_undeclared_images_are_not_held_and_undeclared_labels_are_blank() -> None:
    card = registry.method("ft").model_copy(update={"needs": ("retain_images",)})
    images = Images(np.zeros((4, 1, 2, 2), np.uint8), np.arange(4), np.arange(4))
    access = Access(card, np.array([1]), images, images, images)
    assert access.retain.labels.tolist() == [-1] * 4
    with pytest.raises(AccessError, match="method 'ft' reached for forget_images, which its card does not declare"):
        _ = access.forget
    with pytest.raises(AccessError, match="held_out_images"):
        _ = access.held_out
    assert not any(found is images for found in reachable(access))


def reachable(start: object) -> Iterator[object]:
    """Yield everything that attributes, containers, closures and bound methods lead to from `start`.

    Modules and the globals of functions are left out: what can be imported is open to any code.
    """
    seen: set[int] = set()
    left = [start]
    kept = []  # so that no id is used twice
    while left:
        thing = left.pop()
        if id(thing) in seen or isinstance(thing, ModuleType | str | bytes | int | float | BuiltinFunctionType | None):
            continue
        seen.add(id(thing))
        kept.append(thing)
        yield thing
        left += neighbours(thing)


def neighbours(thing: Any) -> list[object]:
    if isinstance(thing, type):
        return list(vars(thing).values()) if thing.__module__.startswith("unbench") else []
    if isinstance(thing, Mapping):
        return [*thing.keys(), *thing.values()]
    if isinstance(thing, list | tuple | set | frozenset):
        return list(thing)
    if isinstance(thing, FunctionType):
        cells = [cell.cell_contents for cell in thing.__closure__ or ()]
        return [*cells, *(thing.__defaults__ or ()), *(thing.__kwdefaults__ or {}).values(), *vars(thing).values()]
    if isinstance(thing, MethodType):
        return [thing.__self__, thing.__func__]
    if isinstance(thing, np.ndarray):
        return [thing.base]
    named = [getattr(thing, name, None) for name in ("func", "args", "keywords", "__wrapped__", "__func__", "fget")]
    slots = [getattr(thing, name, None) for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())]
    return [*getattr(thing, "__dict__", {}).values(), type(thing), *named, *slots]
