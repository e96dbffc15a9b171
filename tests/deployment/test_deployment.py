"""A saved model: trained once, asked, made to forget by ids, whatever goes wrong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from command import run_together
from PIL import Image
from safetensors.torch import load_file, save_file

import unbench
from unbench.config import registry
from unbench.data import load_dataset
from unbench.deployment import forget as forget_module
from unbench.deployment.costs import cost
from unbench.deployment.forget import forget, read_ids
from unbench.deployment.predict import Predictor, predict
from unbench.deployment.saved import SavedModel
from unbench.deployment.train import train
from unbench.errors import DataError, SpecError, StoreError
from unbench.store.tensors import content_hash


@pytest.fixture(scope="module")
def trained(results: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("models") / "m", "munkey", "synthetic", preset="smoke", results=results)


@pytest.fixture
def model_dir(trained: Path, tmp_path: Path) -> Path:
    import shutil

    return Path(shutil.copytree(trained, tmp_path / "model"))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    card = registry.dataset("synthetic")
    data = load_dataset(card, card.presets["smoke"])
    folder = tmp_path_factory.mktemp("pictures")
    paths = []
    for number in range(3):
        paths.append(folder / f"{number}.png")
        Image.fromarray(np.array(data.test.pixels[number, 0])).save(paths[-1])
    return paths


def stored_ids(model_dir: Path) -> list[int]:
    return sorted(load_file(model_dir / "model.safetensors")["memory.ids"].tolist())


def test_deletes_by_ids_alone_and_leaves_a_receipt(model_dir: Path) -> None:
    before = load_file(model_dir / "model.safetensors")
    ids = stored_ids(model_dir)
    receipt = forget(model_dir, [ids[3], ids[5], 10**9])
    after = load_file(model_dir / "model.safetensors")
    assert stored_ids(model_dir) == [i for i in ids if i not in (ids[3], ids[5])]
    assert all(torch.equal(after[name], before[name]) for name in before if not name.startswith("memory."))
    assert receipt["deleted"] == [ids[3], ids[5]]
    assert receipt["not_stored"] == [10**9]
    assert receipt["entries_left"] == len(ids) - 2
    assert receipt["model_before"] == content_hash(before)
    assert receipt["model_after"] == content_hash(after)
    assert json.loads((model_dir / "receipts" / "0001.json").read_text()) == receipt


def test_no_byte_of_what_was_deleted_is_left_in_the_folder(model_dir: Path) -> None:
    before = load_file(model_dir / "model.safetensors")
    row = 7
    gone = [before[f"memory.{part}"][row].numpy().tobytes() for part in ("keys", "tokens")]
    assert all(part in (model_dir / "model.safetensors").read_bytes() for part in gone)
    forget(model_dir, [int(before["memory.ids"][row])])
    files = b"".join(path.read_bytes() for path in model_dir.rglob("*") if path.is_file())
    assert not any(part in files for part in gone)


def test_deleting_twice_changes_nothing_and_the_receipt_shows_it(model_dir: Path) -> None:
    wanted = stored_ids(model_dir)[:2]
    first = forget(model_dir, wanted)
    again = forget(model_dir, wanted)
    assert again["deleted"] == []
    assert again["not_stored"] == wanted
    assert again["model_before"] == again["model_after"] == first["model_after"]
    assert again["receipt"] == 2


def test_strict_refuses_the_whole_request(model_dir: Path) -> None:
    bytes_before = (model_dir / "model.safetensors").read_bytes()
    with pytest.raises(SpecError, match="999999"):
        forget(model_dir, [stored_ids(model_dir)[0], 999999], strict=True)
    assert (model_dir / "model.safetensors").read_bytes() == bytes_before


def test_predicts_before_and_after_down_to_an_empty_memory(model_dir: Path, pictures: list[Path]) -> None:
    before = predict(model_dir, pictures)
    assert [row["image"] for row in before] == [str(path) for path in pictures]
    assert all(0 <= row["probability"] <= 1 for row in before)
    forget(model_dir, stored_ids(model_dir))
    after = predict(model_dir, pictures)
    assert stored_ids(model_dir) == []
    assert [row["probability"] for row in after] != [row["probability"] for row in before]


def test_predicts_what_the_benchmark_stored(trained: Path, results: Path) -> None:
    card = registry.dataset("synthetic")
    data = load_dataset(card, card.presets["smoke"])
    row = unbench.run("munkey", "synthetic", preset="smoke", results=results, device="cpu")
    table = unbench.load_outputs(results, row).to_pandas()
    logits = np.stack(table[table["split"] == "test"]["original"])
    stored = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    ours = Predictor.load(trained, "cpu").probabilities(torch.from_numpy(np.array(data.test.pixels)))
    np.testing.assert_allclose(ours, stored, atol=1e-5)


def test_plain_models_predict_but_have_nothing_to_delete(results: Path, tmp_path: Path, pictures: list[Path]) -> None:
    folder = train(tmp_path / "vit", "ft", "synthetic", preset="smoke", results=results)
    assert len(predict(folder, pictures)) == 3
    with pytest.raises(SpecError, match="no memory"):
        forget(folder, [1])


def test_a_fitted_key_encoder_travels_with_the_model(results: Path, tmp_path: Path, pictures: list[Path]) -> None:
    folder = train(tmp_path / "pca", "munkey[encoder=pca]", "synthetic", preset="smoke", results=results)
    assert (folder / "encoder.safetensors").is_file()
    assert len(predict(folder, pictures)) == 3


def test_a_crash_leaves_the_old_model_and_the_next_call_cleans_up(
    model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (model_dir / "model.safetensors").read_bytes()
    ids = stored_ids(model_dir)
    # A real crash, in a process of its own, after the new file is complete and before it takes the old one's place.
    script = (
        "import os, sys, pathlib\n"
        "from unbench.deployment.forget import forget\n"
        "pathlib.Path.replace = lambda self, target: os._exit(9)\n"
        "forget(sys.argv[1], [int(sys.argv[2])])\n"
    )
    assert run_together([(script, str(model_dir), str(ids[0]))]) == [9]
    assert (model_dir / "model.safetensors").read_bytes() == before
    assert list(model_dir.glob(".model.safetensors.*.part")), "else nothing was interrupted"
    assert not (model_dir / "receipts").exists()
    forget(model_dir, [ids[0]])
    assert not list(model_dir.glob(".model.safetensors.*.part"))
    assert ids[0] not in stored_ids(model_dir)


def test_a_receipt_lost_in_a_crash_is_written_by_the_next_call(
    model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = stored_ids(model_dir)
    with monkeypatch.context() as patch:
        patch.setattr(forget_module, "_write_receipts", lambda saved, receipts: None)
        lost = forget(model_dir, [ids[0]])
    assert not (model_dir / "receipts").exists()
    forget(model_dir, [ids[1]])
    assert json.loads((model_dir / "receipts" / "0001.json").read_text()) == lost


def test_a_model_of_another_version_is_refused_and_left_alone(model_dir: Path, pictures: list[Path]) -> None:
    path = model_dir / "model.json"
    record = json.loads(path.read_text())
    before = (model_dir / "model.safetensors").read_bytes()
    path.write_text(json.dumps({**record, "format": 99}))
    for act in (lambda: forget(model_dir, [1]), lambda: predict(model_dir, pictures)):
        with pytest.raises(StoreError, match="format 99"):
            act()
    path.write_text(json.dumps({**record, "method_version": 99}))
    with pytest.raises(StoreError, match="version 99"):
        predict(model_dir, pictures)
    assert (model_dir / "model.safetensors").read_bytes() == before


def test_an_encoder_of_another_dimension_does_not_fit_the_memory(model_dir: Path, pictures: list[Path]) -> None:
    path = model_dir / "model.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "key_dim": record["key_dim"] + 1}))
    with pytest.raises(StoreError, match="dimension"):
        predict(model_dir, pictures)


@pytest.mark.parametrize("damage", ["truncated", "absent", "nan keys", "repeated ids"])
def test_a_damaged_file_is_reported_and_nothing_is_written(model_dir: Path, damage: str) -> None:
    path = model_dir / "model.safetensors"
    state = load_file(path)
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:-100])
    elif damage == "absent":
        path.unlink()
    else:
        broken = state["memory.keys"] if damage == "nan keys" else state["memory.ids"]
        broken[:2] = float("nan") if damage == "nan keys" else 3
        save_file(state, path, metadata={"receipts": "[]"})
    before = path.read_bytes() if path.exists() else None
    with pytest.raises(StoreError, match=r"model\.safetensors"):
        forget(model_dir, [3])
    assert (path.read_bytes() if path.exists() else None) == before


def test_no_model_is_overwritten(trained: Path, tmp_path: Path, results: Path) -> None:
    with pytest.raises(StoreError, match="not empty"):
        train(trained, "munkey", "synthetic", preset="smoke", results=results)
    with pytest.raises(StoreError, match="no model"):
        forget(tmp_path, [1])


def test_an_unreadable_picture_is_named(trained: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_text("no picture")
    with pytest.raises(DataError, match=r"bad\.png"):
        predict(trained, [bad])


def test_ids_are_read_one_a_line() -> None:
    assert read_ids("3\n\n 17 # the dog\n# all of them\n", "f") == [3, 17]
    for text in ("3\nseven\n", "3\n-1\n", "3\n1.5\n"):
        with pytest.raises(SpecError, match="line 2"):
            read_ids(text, "f")
    with pytest.raises(SpecError, match="no ids"):
        read_ids("# none\n", "f")


def test_reference_methods_have_no_model_of_their_own(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="reference"):
        train(tmp_path / "x", "none", "synthetic", preset="smoke", results=tmp_path)


def test_cost_grows_with_the_entries() -> None:
    rows = list(cost([200, 400], dim=16, request=50, index="exact"))
    assert [row["entries"] for row in rows] == [200, 400]
    for row in rows:
        assert row["bytes_per_entry"] == 8 + 4 * 16 + 4 * 128
        assert row["index"] == "exact"
        timings = ("build_seconds", "delete_seconds", "predict_ms_ensemble", "predict_ms_softmax", "predict_ms_plain")
        assert all(float(row[name]) > 0 for name in timings)
    for wrong in ({"entries": [0]}, {"dim": 0}, {"request": 0}):
        with pytest.raises(SpecError):
            list(cost(**{"entries": [10], **wrong}))  # type: ignore[arg-type]


def test_saved_models_are_read_back_as_written(trained: Path) -> None:
    record = SavedModel(trained).read_record()
    assert record.method == "munkey"
    assert record.key_encoder is not None
    assert record.key_encoder.trained_on
    assert record.stem is None
