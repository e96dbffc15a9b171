"""A training run that was killed resumes from its checkpoint and ends with the same bits as one that was not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import unbench
from unbench.config.cards import Training
from unbench.data.images import Images
from unbench.progress import Progress
from unbench.store.results import Store
from unbench.training.checkpoints import Checkpoint, read_checkpoint
from unbench.training.loops import seeded, train_classifier

CPU = torch.device("cpu")


class KillError(BaseException):
    """Stands for the end of the process, which no handler of exceptions sees."""


class KilledAfter(Progress):
    """A display that stands for a process which is killed when so many epochs have begun."""

    def __init__(self, epochs: int) -> None:
        self.left = epochs

    def track(self, items: Iterable[Any], unit: str = "epochs", total: int | None = None) -> Iterator[Any]:
        for item in items:
            if unit == "epochs":
                if self.left == 0:
                    raise KillError
                self.left -= 1
            yield item

    def named(self, title: str) -> Progress:
        return self


def images(n: int = 40) -> Images:
    rng = np.random.default_rng(0)
    return Images(rng.integers(0, 256, (n, 1, 8, 8), dtype=np.uint8), rng.integers(0, 3, n), np.arange(n))


def trained(
    recipe: Training, checkpoint: Checkpoint | None = None, progress: Progress | None = None
) -> dict[str, Tensor]:
    with seeded(1):
        model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.Flatten(), nn.Linear(144, 3))
        train_classifier(model, images(), recipe, 1, CPU, progress or Progress(), checkpoint)
    return model.state_dict()


@pytest.mark.parametrize(
    "recipe",
    [
        Training(epochs=5, batch_size=8, lr=0.01, augment=("crop", "flip")),
        Training(epochs=5, batch_size=8, lr=0.1, optimizer="sgd", schedule="steps", milestones=(1, 3)),
        Training(epochs=5, batch_size=8, lr=0.1, optimizer="sgd", momentum=0, schedule="one_cycle", precision="bf16"),
    ],
)
@pytest.mark.parametrize("epochs", [1, 3])
def test_the_same_bits_as_without_a_kill(tmp_path: Path, recipe: Training, epochs: int) -> None:
    path = tmp_path / "state"
    with pytest.raises(KillError):
        trained(recipe, Checkpoint(path, every=0), KilledAfter(epochs))
    assert path.exists()
    resumed = Checkpoint(path, read_checkpoint(path), every=0)
    assert resumed.seconds > 0
    counted = KilledAfter(10)
    weights = trained(recipe, resumed, counted)
    assert 10 - counted.left == recipe.epochs - epochs
    for name, value in trained(recipe).items():
        assert torch.equal(value, weights[name]), name
    resumed.remove()
    assert not path.exists()


@pytest.mark.parametrize("method", ["none", "munkey"])
def test_a_killed_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    whole = unbench.run(method, "synthetic", results=tmp_path / "whole")
    monkeypatch.setattr("unbench.training.checkpoints.EVERY", 0.0)
    for kill in range(1, 7, 2):
        with pytest.raises(KillError):
            unbench.run(method, "synthetic", results=tmp_path / "killed", progress=KilledAfter(kill))
    (left,) = Path(tmp_path, "killed", "stages").glob(".*.checkpoint")
    row = unbench.run(method, "synthetic", results=tmp_path / "killed")
    assert not left.exists()
    first, second = (
        unbench.load_outputs(tmp_path / name, found) for name, found in (("whole", whole), ("killed", row))
    )
    assert first.equals(second)


def test_a_damaged_checkpoint_is_not_gone_on_from(tmp_path: Path) -> None:
    path = tmp_path / "state"
    recipe = Training(epochs=3, batch_size=8, lr=0.01)
    with pytest.raises(KillError):
        trained(recipe, Checkpoint(path, every=0), KilledAfter(2))
    path.write_bytes(path.read_bytes()[:-9])
    counted = KilledAfter(10)
    store = Store(tmp_path)
    again = trained(recipe, Checkpoint(path, store.recover(path, read_checkpoint), every=0), counted)
    assert [aside.name for aside in store.damaged.iterdir()] == ["state"]
    assert counted.left == 10 - recipe.epochs
    assert all(torch.equal(value, again[name]) for name, value in trained(recipe).items())
