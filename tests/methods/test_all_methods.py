"""Every registered method: it runs on what it claims, with what it declares, the same way twice."""

from __future__ import annotations

import pytest
import torch
from unlearning import access, make, same, weights_after

from unbench.cli.check import check_method
from unbench.config import registry
from unbench.data import Dataset
from unbench.errors import AccessError


@pytest.mark.parametrize("name", registry.methods())
def test_passes_the_check_of_the_tool(name: str, results: object) -> None:
    outcomes = list(check_method(name, str(results)))
    assert outcomes
    assert [str(result) for result in outcomes if result.outcome != "passed"] == []


@pytest.mark.parametrize("name", registry.methods())
@pytest.mark.parametrize("need", ["forget_images", "retain_images", "held_out_images"])
def test_is_handed_what_it_declares_and_nothing_else(name: str, need: str, data: Dataset) -> None:
    method = make(name, data)
    handed = access(method, data)
    part = need.removesuffix("_images")
    if need in method.context.card.needs:
        images = getattr(handed, part)
        assert len(images) > 0
        assert (images.labels >= 0).all() == ("labels" in method.context.card.needs)
    else:
        with pytest.raises(AccessError, match=need):
            getattr(handed, part)
        held = [value for value in vars(handed).values() if isinstance(value, dict)]
        assert need not in held[0], "what is not declared is not even there"


def test_munkey_is_handed_ids_alone(data: Dataset) -> None:
    handed = access(make("munkey", data), data)
    nothing = {"forget_class": None, "_method": "munkey", "_held": {}}
    assert vars(handed) == {"forget_ids": handed.forget_ids, **nothing}


def test_none_changes_nothing(data: Dataset) -> None:
    torch.manual_seed(0)
    assert same(weights_after("none", data), make("none", data).build(1).state_dict()) is False  # another draw
    method = make("none", data)
    model = method.build(1)
    assert method.unlearn(model, access(method, data)) is model
