"""One run from spec to row: sharing, sameness, and what becomes of a method's mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fakes import row_columns as evaluate
from torch import nn

import unbench
from unbench.config import registry
from unbench.data import encoders, load_dataset
from unbench.data.encoders.cache import FeatureCache
from unbench.data.images import Images
from unbench.errors import SpecError
from unbench.experiment.run import run
from unbench.experiment.spec import RunSpec
from unbench.methods.base import Access, Method
from unbench.methods.ft import FineTune
from unbench.metrics import MEASURES, METRICS, RunOutputs
from unbench.store.schema import COLUMNS


def go(method: str, results: Path, **more: Any) -> dict[str, Any]:
    return run(method, "synthetic", preset="smoke", results=results, device="cpu", **more)


def replace_unlearn(monkeypatch: pytest.MonkeyPatch, act: Any) -> None:
    monkeypatch.setattr(FineTune, "unlearn", lambda self, model, access: act(self, model, access))


def test_none_scores_against_the_oracle_what_the_original_does(results: Path) -> None:
    row = go("none", results)
    assert row["status"] == "ok"
    for name in MEASURES:
        assert row[name] == row[f"original_{name}"]
    by_hand = np.mean([abs(row[f"original_{name}"] - row[f"oracle_{name}"]) for name in MEASURES])
    assert row["avg_gap"] == pytest.approx(by_hand)


def test_retrain_against_itself_has_no_gap(results: Path) -> None:
    row = go("retrain", results)
    assert row["avg_gap"] == 0
    assert row["avg_gap_floor"] > 0, "a second oracle with another seed differs"
    assert row["unlearn_seconds"] == row["oracle_seconds"] > 0


def test_row_is_recomputed_from_its_stored_outputs(results: Path) -> None:
    row = go("ft", results)
    table = unbench.load_outputs(results, row)
    values, _ = evaluate(RunOutputs.from_table(table))
    for name, value in values.items():
        assert row[name] == value, name
    splits = np.array(table["split"].to_pylist())
    ids = np.asarray(table["example_id"])
    index = json.loads(next(Path(results, "splits").glob("synthetic-random10-seed0-*.json")).read_text())
    for split in ("retain", "forget", "val", "test"):
        assert ids[splits == split].tolist() == index[split]
    assert len(index["forget"]) == row["n_forget"]
    assert len(index["forget"]) + len(index["retain"]) == row["n_train"]


def test_original_and_oracle_are_trained_once_and_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[int] = []
    train = Method.train

    def counting(self: Method, images: Images, seed: int) -> nn.Module:
        trained.append(len(images))
        return train(self, images, seed)

    monkeypatch.setattr(Method, "train", counting)
    first = go("none", tmp_path)
    assert len(trained) == 3, "original and two oracles"
    assert trained[0] == first["n_train"]
    assert trained[1] == trained[2] == first["n_train"] - first["n_forget"]
    second = go("ft", tmp_path)
    assert len(trained) == 3
    assert second["train_seconds"] == first["train_seconds"]
    go("none", tmp_path, scenario="class")
    assert len(trained) == 5, "another forget set needs its own oracles and no other original"


def test_the_oracle_is_a_new_model_that_never_saw_the_forget_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, np.ndarray]] = []
    train = Method.train

    def spying(self: Method, images: Images, seed: int) -> nn.Module:
        seen.append((seed, images.ids))
        return train(self, images, seed)

    monkeypatch.setattr(Method, "train", spying)
    row = go("ft", tmp_path)
    table = unbench.load_outputs(tmp_path, row)
    forget = np.asarray(table["example_id"])[np.array(table["split"].to_pylist()) == "forget"]
    (seed, everything), *oracles = seen
    assert set(forget) <= set(everything)
    for oracle_seed, ids in oracles:
        assert not set(forget) & set(ids)
        assert oracle_seed != seed
    assert len({s for s, _ in seen}) == 3


@pytest.mark.parametrize("method", ["munkey", "random_label"])
def test_two_runs_of_one_spec_agree_to_the_last_bit(tmp_path: Path, method: str) -> None:
    rows = [go(method, tmp_path / name) for name in ("a", "b")]
    tables = [unbench.load_outputs(tmp_path / name, row) for name, row in zip("ab", rows, strict=True)]
    assert tables[0].equals(tables[1])
    timed = {c.name for c in COLUMNS if "seconds" in c.name or c.name.startswith(("predict_ms", "peak_memory"))}
    noisy = {"started_at", *timed}
    assert {k: v for k, v in rows[0].items() if k not in noisy} == {k: v for k, v in rows[1].items() if k not in noisy}
    weights = [sorted((tmp_path / name).glob("stages/*/model.safetensors")) for name in "ab"]
    assert [p.read_bytes() for p in weights[0]] == [p.read_bytes() for p in weights[1]]


@pytest.mark.parametrize("seed", [1.5, "a", -1, 2**63, None])
def test_a_seed_that_is_none_is_refused(seed: Any) -> None:
    with pytest.raises(SpecError, match="the seed must be"):
        RunSpec.parse("ft", "synthetic", preset="smoke", seed=seed)
    assert RunSpec.parse("ft", "synthetic", preset="smoke", seed=np.int64(3)).seed == 3


def test_another_seed_gives_another_split_and_other_numbers(results: Path) -> None:
    a, b = go("none", results), go("none", results, seed=1)
    assert a["split_hash"] != b["split_hash"]
    assert a["run_key"] != b["run_key"]


def test_a_stored_run_is_returned_and_force_adds_an_attempt(tmp_path: Path) -> None:
    first = go("none", tmp_path)
    assert go("none", tmp_path) == first
    assert go("none", tmp_path, force=True)["attempt"] == 2
    assert len(unbench.load_results(tmp_path)) == 1


@pytest.mark.parametrize("scenario", ["class", "class[label=2]"])
def test_class_scenario_names_its_class_and_keeps_its_test_accuracy_apart(results: Path, scenario: str) -> None:
    row = go("none", results, scenario=scenario)
    label = int(row["forget_class"].partition(":")[0])
    if "label" in scenario:
        assert label == 2
    table = unbench.load_outputs(results, row)
    labels, splits = np.asarray(table["label"]), np.array(table["split"].to_pylist())
    assert set(labels[splits == "forget"]) == {label}
    assert label not in labels[splits == "retain"]
    right = np.stack(table["unlearned"].to_pylist()).argmax(1) == labels
    test = splits == "test"
    assert row["test_acc"] == pytest.approx(100 * right[test & (labels != label)].mean())
    assert row["forget_class_test_acc"] == pytest.approx(100 * right[test & (labels == label)].mean())


def fail(self: Method, model: nn.Module, access: Access) -> nn.Module:
    raise ZeroDivisionError("a bug\nof the method")


def reach(self: Method, model: nn.Module, access: Access) -> nn.Module:
    access.forget  # noqa: B018 - ft declares no forget images
    return model


def explode(self: Method, model: nn.Module, access: Access) -> nn.Module:
    with torch.no_grad():
        next(model.parameters()).fill_(torch.nan)
    return model


@pytest.mark.parametrize(
    ("act", "status", "reason"),
    [(fail, "failed", "a bug of the method"), (reach, "failed", "forget_images"), (explode, "diverged", "not finite")],
)
def test_what_a_method_does_wrong_is_a_row_and_a_later_success_replaces_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: Any, status: str, reason: str
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        replace_unlearn(patch, act)
        row = go("ft", tmp_path)
    assert row["status"] == status
    assert reason in row["error"]
    assert row["test_acc"] is None
    assert go("ft", tmp_path)["status"] == "ok", "a failed run is tried again"
    assert unbench.load_results(tmp_path)["status"].tolist() == ["ok"]
    assert sorted(unbench.load_results(tmp_path, attempts="all")["status"]) == sorted(["ok", status])


def test_a_method_that_diverges_by_its_own_steps_is_a_row(results: Path) -> None:
    row = go("ga[lr=1.0,epochs=200,momentum=0.999]", results)
    assert row["status"] in ("diverged", "ok")
    if row["status"] == "ok":
        assert row["forget_acc"] < 50, "climbing so far destroys what was learned"


def test_a_method_that_changed_nothing_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace_unlearn(monkeypatch, lambda self, model, access: model)
    assert "unlearning changed nothing in the model" in json.loads(go("ft", tmp_path)["warnings"])
    assert json.loads(go("none", tmp_path)["warnings"]) == []


def test_a_model_that_the_method_cannot_use_is_skipped_with_the_reason(tmp_path: Path) -> None:
    row = go("munkey", tmp_path, model="resnet18")
    assert row["status"] == "skipped"
    assert "needs model vit" in row["error"]
    assert not list(Path(tmp_path, "stages").iterdir())


def test_a_single_image_can_be_forgotten_whatever_the_model(tmp_path: Path) -> None:
    row = go("none", tmp_path, model="convnet", scenario="random1")
    assert row["n_forget"] == 1
    assert row["status"] == "ok", row["error"]


def test_the_model_can_be_overridden(tmp_path: Path) -> None:
    row = go("none", tmp_path, model="convnet")
    assert row["status"] == "ok"
    assert row["model"] == "convnet"
    assert "--model convnet" in row["command"]


def test_the_command_of_a_row_gives_the_same_key(results: Path) -> None:
    from unbench.experiment.spec import RunSpec

    row = go("ft[lr=0.05]", results)
    said = "unbench run -m 'ft[lr=0.05]' -d synthetic --scenario random10 --seed 0 --preset smoke --hparams default"
    assert row["command"] == said, "default, so that it stays the same command after another tuning"
    spec = RunSpec.parse("ft[lr=0.05]", "synthetic", preset="smoke")
    assert spec.key(row["data_fingerprint"], row["split_hash"]) == row["run_key"]


@pytest.mark.parametrize("damage", ["model.safetensors", "logits.safetensors", "stage.json"])
def test_a_damaged_shared_model_is_set_aside_and_trained_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    row = go("none", tmp_path)
    (path,) = Path(tmp_path, "stages").glob(f"original-*/{damage}")
    sound = path.read_bytes()
    path.write_bytes(sound[:40])
    again = go("none", tmp_path, force=True)
    assert [again[name] for name in METRICS if name in row] == [row[name] for name in METRICS if name in row]
    assert (tmp_path / "damaged" / "stages" / path.parent.name / damage).read_bytes() == sound[:40]
    assert [record.message.count(path.parent.name) for record in caplog.records if record.levelname == "WARNING"] == [2]
    if damage != "stage.json":  # which has the seconds it took
        assert path.read_bytes() == sound


def test_a_memory_model_is_audited_and_accounted_for(results: Path) -> None:
    row = go("munkey", results)
    assert row["key_encoder"] == "pixels"
    assert row["key_encoder_trained_on"]
    assert row["stem"] is None
    assert row["memory_entries"] == row["n_train"] - row["n_forget"]
    names = [column.name for column in COLUMNS]
    applicable = names[names.index("image_test_acc") :]
    assert [name for name in applicable if row[name] is None] == ["metric_versions"], "no definition is a later one"
    # Deletion cannot change what the image pathway says.
    for measure in MEASURES:
        assert row[f"image_{measure}"] == row[f"original_image_{measure}"]
    table = unbench.load_outputs(results, row)
    assert table["unlearned_image"].equals(table["original_image"])
    assert not table["unlearned_memory"].equals(table["original_memory"])


def test_what_does_not_apply_is_null(results: Path) -> None:
    row = go("ft", results)
    assert row["image_test_acc"] is row["memory_entries"] is row["key_encoder"] is None
    assert unbench.load_outputs(results, row)["unlearned_image"].drop_null().length() == 0


def test_unlearning_erases_the_keys_kept_on_disk(results: Path) -> None:
    row = go("munkey", results)
    card = registry.dataset("synthetic")
    data = load_dataset(card, card.presets["smoke"])
    cache = FeatureCache(data)
    pixels = encoders.load("pixels", "cpu")
    keys = cache.keys(pixels, "train")
    table = unbench.load_outputs(results, go("munkey", results, force=True))
    gone = np.asarray(table["example_id"])[np.array(table["split"].to_pylist()) == "forget"]
    assert len(gone) == row["n_forget"]
    stored = b"".join(path.read_bytes() for path in cache.folder.glob("*.train.npy"))
    forgotten = np.isin(data.train.ids, gone)
    assert not any(key.tobytes() in stored for key in keys[forgotten])
    assert any(key.tobytes() in stored for key in keys[~forgotten]), "else the search proves nothing"
