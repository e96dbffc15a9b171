"""Probes of models: features, relearning and restoration, and the metrics of their results."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from unbench import evaluate, run
from unbench.config import registry
from unbench.data import Dataset, load_dataset
from unbench.data.batches import Batches
from unbench.data.images import Images
from unbench.errors import NotApplicableError
from unbench.experiment.probes import features, relearning_curve, trained_on
from unbench.metrics import METRICS, MissingValue, RunOutputs
from unbench.metrics.probed import ProbeOutputs
from unbench.metrics.representation import linear_cka
from unbench.models.vit import VisionTransformer
from unbench.store.results import Store

CPU = torch.device("cpu")
PROBED = [name for name, metric in METRICS.items() if metric.needs == "probes"]


@pytest.fixture(scope="module")
def data() -> Dataset:
    card = registry.dataset("synthetic")
    return load_dataset(card, card.presets["smoke"])


def vit() -> VisionTransformer:
    torch.manual_seed(0)
    return VisionTransformer(image_size=8, channels=1, classes=4, width=16, depth=1, heads=2, patch=4)


def few(data: Dataset, count: int) -> Images:
    return data.train.take(np.arange(count))


def test_features_are_what_the_last_layer_reads(data: Dataset) -> None:
    model, images = vit(), few(data, 10)
    found = features(model, images, CPU, batch_size=3)
    from unbench.training.loops import predict

    logits = predict(model, {"all": images}, CPU)["all"]
    torch.testing.assert_close(model.head(found.clone()), logits)
    assert not model.head._forward_pre_hooks, "nothing stays behind"
    with pytest.raises(NotApplicableError, match="linear layer"):
        features(nn.Sequential(nn.Flatten(), nn.Linear(64, 4)), images, CPU)


def test_relearning_starts_where_the_model_is_and_leaves_it_as_it_was(data: Dataset) -> None:
    model, images = vit(), few(data, 24)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    curve = relearning_curve(model, Batches(images, 8, CPU, 0), images, 30)
    assert curve.shape == (2, 31)
    assert curve[0, -1] < 0.8 * curve[0, 0], "it learns what it is shown"
    again = relearning_curve(model, Batches(images, 8, CPU, 0), images, 5)
    assert torch.equal(again, curve[:, :6])
    assert all(torch.equal(model.state_dict()[name], tensor) for name, tensor in before.items())
    assert relearning_curve(model, Batches(images, 8, CPU, 0), images, 0).shape == (2, 1)


def test_a_curve_ends_where_nothing_is_left_to_learn(data: Dataset) -> None:
    images = few(data, 4)
    curve = relearning_curve(vit(), Batches(images, 4, CPU, 0), images, 500)
    assert 1 < curve.shape[1] < 501
    assert curve[0, -1] <= 0.1 < curve[0, -2] or curve[1, -1] >= 95 > curve[1, -2]


def test_models_without_weights_cannot_be_trained(data: Dataset) -> None:
    for model in (nn.Flatten(), vit().requires_grad_(False)):
        with pytest.raises(NotApplicableError, match="no weights"):
            trained_on(model, Batches(few(data, 8), 8, CPU, 0), 1)


@pytest.fixture(autouse=True, scope="module")
def few_steps() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("unbench.experiment.probes.STEPS", 20)
        yield


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("probed")
    for method in ("none", "retrain"):
        assert run(method, "synthetic", preset="smoke", probe=True, results=folder)["status"] == "ok"
    return folder


def test_every_metric_of_probes_has_a_value_or_a_reason(results: Path) -> None:
    frame = evaluate(results, PROBED)
    frame = frame[frame["metric"].isin(PROBED)]
    assert set(frame["metric"]) == set(PROBED)
    for row in frame.itertuples():
        low, high = METRICS[row.metric].bounds
        assert low <= row.value <= high if row.missing is None else row.missing
    values = frame.set_index(["method", "metric", "of"])["value"]
    assert values["retrain", "cka_forget", "unlearned"] == pytest.approx(100)
    for name in ("knn_forget_acc", "probe_mia_auroc", "refit_forget_acc", "restored_forget_acc"):
        assert values["none", name, "unlearned"] == values["none", name, "original"]
        assert values["retrain", name, "unlearned"] == values["retrain", name, "oracle"]


def test_a_run_without_probes_says_so_and_is_probed_on_demand(tmp_path: Path) -> None:
    small = {"dataset": "synthetic", "preset": "smoke", "results": tmp_path}
    first = run("none", **small)  # type: ignore[arg-type]
    frame = evaluate(tmp_path, PROBED)
    probed = frame[frame["metric"].isin(PROBED)]
    assert len(probed) and probed["missing"].str.contains("unbench run --probe").all()
    second = run("none", probe=True, **small)  # type: ignore[arg-type]
    assert second["attempt"] == first["attempt"] + 1
    assert run("none", probe=True, **small)["attempt"] == second["attempt"], "once is enough"  # type: ignore[arg-type]
    assert Store(tmp_path).read_probes(second) is not None


def test_cka_does_not_see_rotation_and_scale_but_sees_another_model() -> None:
    rng = np.random.default_rng(0)
    one = rng.normal(size=(400, 6))
    rotation = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    assert linear_cka(one, 3 * one @ rotation + 1) == pytest.approx(1)
    assert linear_cka(one, rng.normal(size=(400, 6))) < 0.1
    # Orthogonal centred columns: the squared cosine by hand.
    a, b = np.array([[1.0], [-1.0], [0.0], [0.0]]), np.array([[1.0], [-1.0], [1.0], [-1.0]])
    assert linear_cka(a, b) == pytest.approx(0.5)
    with pytest.raises(MissingValue):
        linear_cka(np.ones((4, 2)), a)


def planted(memorised: bool) -> tuple[RunOutputs, ProbeOutputs]:
    """Draw features that carry the label and, if memorised, a mark of forgotten images."""
    rng = np.random.default_rng(1)
    sizes = {"forget": 60, "test": 120, "retain": 200}
    labels = {part: rng.integers(0, 3, size) for part, size in sizes.items()}
    arrays: dict[str, np.ndarray] = {"retain_rows": np.arange(200)}
    for model in ("unlearned", "oracle", "original"):
        for part, size in sizes.items():
            vectors = rng.normal(size=(size, 8))
            vectors[np.arange(size), labels[part]] += 5
            vectors[:, 7] += 4 * (memorised and part == "forget" and model == "unlearned")
            arrays[f"features/{model}/{part}"] = vectors
    parts = np.concatenate([np.full(size, part) for part, size in sizes.items()])
    logits = np.zeros((len(parts), 3), dtype=np.float32)
    run = RunOutputs(np.concatenate(list(labels.values())), parts, {"unlearned": logits, "oracle": logits})
    return run, ProbeOutputs(arrays, {})


def test_a_planted_mark_is_found_and_nothing_is_found_where_nothing_is() -> None:
    found = METRICS["probe_mia_auroc"].function
    assert found(planted(True)[0], "unlearned", planted(True)[1]) > 95
    assert abs(found(planted(True)[0], "oracle", planted(True)[1]) - 50) < 20, "four standard deviations of the AUROC"
    for name in ("knn_forget_acc", "refit_forget_acc"):
        assert METRICS[name].function(planted(False)[0], "unlearned", planted(False)[1]) > 90


def curves(**accuracies: list[float]) -> ProbeOutputs:
    arrays = {
        f"relearn/{name}/forget": np.array([[2.0 - value / 50 for value in values], values])
        for name, values in accuracies.items()
    }
    return ProbeOutputs(arrays, {"relearn/oracle_2": "no reason"})


def test_relearning_metrics_by_hand() -> None:
    run = RunOutputs(np.zeros(1, dtype=np.int64), np.array(["forget"]), {})
    probes = curves(original=[100.0, 100.0], unlearned=[80.0, 96.0, 100.0], oracle=[70.0, 80.0, 90.0, 94.9, 95.0])
    index, steps = METRICS["anamnesis_index"].function, METRICS["relearn_steps"].function
    assert index(run, "unlearned", probes) == 1 / 4
    assert index(run, "original", probes) == 0
    assert steps(run, "unlearned", probes) == 1, "the loss is 0.08 then"
    with pytest.raises(MissingValue, match="within 4 steps"):
        steps(run, "oracle", curves(oracle=[0.0] * 5))
    with pytest.raises(MissingValue, match="before it trains"):
        index(run, "unlearned", curves(original=[100.0], unlearned=[90.0, 97.0], oracle=[96.0]))
    with pytest.raises(MissingValue, match="no reason"):
        index(run, "oracle_2", probes)
    with pytest.raises(MissingValue, match="was not probed"):
        steps(run, "original_image", probes)
    with pytest.raises(MissingValue, match="not all finite"):
        steps(run, "unlearned", curves(unlearned=[float("nan")]))
