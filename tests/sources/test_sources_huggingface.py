"""Parquet folders in the hub's layout: where they may be, what may be wrong with them, what reading leaves behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import source_layouts as layouts

from unbench.config import registry
from unbench.data import sources
from unbench.errors import CardError, DataError, DataMissingError

NAMES = list("abcdefghij")


def variant(**options: object):
    card = registry.dataset("cifar10")
    return sources.create(card.model_copy(update={"source_options": {**card.source_options, **options}}))


def write(folder: Path, train: str = "train-00000-of-00001.parquet", test: str = "test-00000-of-00001.parquet"):
    layouts.parquet(folder / train, 10, NAMES)
    layouts.parquet(folder / test, 10, NAMES)


def test_the_real_copy_reads_and_its_difference_is_reported(source, shared_data):
    if not (shared_data / "cifar10").is_dir():
        pytest.skip(f"no cifar10 in {shared_data}")
    files = source("cifar10").find(shared_data)
    assert files.published and len(files.mismatches()) == 2
    raw = source("cifar10").read(shared_data)
    assert raw.classes[:2] == ("airplane", "automobile")
    assert [np.bincount(raw.splits[s].labels).tolist() for s in ("train", "test")] == [[5000] * 10, [1000] * 10]
    assert sum(image.size == (32, 32) for image in raw.splits["test"].images()) == 10_000


@pytest.mark.parametrize("place", ["cifar10/plain_text", "cifar10", "plain_text", ".", ".cache/[odd] name*/cifar10"])
def test_places_where_the_files_may_be(source, consume, tmp_path, place):
    write(tmp_path / place)
    root = (tmp_path / place).parent if "odd" in place else tmp_path
    assert consume(source("cifar10"), root).classes == tuple(NAMES)


@pytest.mark.parametrize(
    ("train", "test"),
    [("train.parquet", "test.parquet"), ("train/0000.parquet", "test/0000.parquet")],
)
def test_names_that_the_files_may_have(source, consume, tmp_path, train, test):
    write(tmp_path / "cifar10" / "plain_text", train, test)
    consume(source("cifar10"), tmp_path)


def test_shards_come_in_order_and_other_splits_are_left_alone(source, tmp_path):
    folder = tmp_path / "cifar10" / "plain_text"
    write(folder, train="train-00000-of-00002.parquet")
    layouts.parquet(folder / "train-00001-of-00002.parquet", 3, NAMES)
    layouts.parquet(folder / "train-extra-00000-of-00001.parquet", 3, NAMES)
    labels = source("cifar10").read(tmp_path).splits["train"].labels
    assert labels.tolist() == [*range(10), 0, 1, 2]


def test_a_missing_shard_is_named(source, tmp_path):
    write(tmp_path, train="train-00000-of-00003.parquet")
    with pytest.raises(DataMissingError, match=r"train-00001-of-00003\.parquet, train-00002-of-00003\.parquet in"):
        source("cifar10").find(tmp_path)


def test_a_published_validation_split(consume, tmp_path):
    write(tmp_path)
    layouts.parquet(tmp_path / "validation-00000-of-00001.parquet", 4, NAMES)
    assert len(consume(variant(val="validation"), tmp_path).splits["val"].labels) == 4


def test_labels_without_names_are_numbered(consume, tmp_path):
    for split in ("train", "test"):
        layouts.parquet(tmp_path / f"{split}.parquet", 6)
    assert consume(variant(), tmp_path).classes == tuple("0123456789")


def test_a_column_that_is_not_there(tmp_path):
    write(tmp_path)
    with pytest.raises(DataError, match=r"train-.*parquet has no column 'image', only img, label"):
        variant(image="image").read(tmp_path)


def rewrite(path: Path, column: str, values: list[object]) -> None:
    from pyarrow import array
    from pyarrow import parquet as pq

    table = pq.read_table(path)
    position = table.column_names.index(column)
    pq.write_table(table.set_column(position, column, array(values)).replace_schema_metadata(), path)


@pytest.mark.parametrize(
    ("labels", "complaint"),
    [
        ([None, *range(9)], "has 1 rows without a label in 'label'"),
        (list("abcdefghij"), "does not hold a whole number in each row of 'label'"),
        ([0.5] * 10, "does not hold a whole number in each row of 'label'"),
        ([*range(9), 10], r"has the label 10, outside 0\.\.9"),
        ([*range(9), -1], r"has the label -1, outside 0\.\.9"),
    ],
)
def test_labels_that_are_none(source, tmp_path, labels, complaint):
    write(tmp_path)
    rewrite(tmp_path / "test-00000-of-00001.parquet", "label", labels)
    with pytest.raises(DataError, match=rf"test-00000-of-00001\.parquet {complaint}"):
        source("cifar10").read(tmp_path)


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\nbroken", b"", None])
def test_a_damaged_image_is_named_with_its_row(source, tmp_path, content, capfd):
    write(tmp_path)
    path = tmp_path / "test-00000-of-00001.parquet"
    layouts.picture(tmp_path / "x.png")
    good = (tmp_path / "x.png").read_bytes()
    rewrite(path, "img", [{"bytes": content if k == 7 else good, "path": None} for k in range(10)])
    with pytest.raises(DataError, match=r"test-00000-of-00001\.parquet, row 7"):
        list(source("cifar10").read(tmp_path).splits["test"].images())
    assert capfd.readouterr().err == ""


def test_reading_asks_no_network_and_keeps_no_copy(tmp_path):
    write(tmp_path / "root")
    code = f"""
import socket
from pathlib import Path
def refuse(*args, **kwargs):
    raise SystemExit(f"asked the network: {{args}}")
socket.socket.connect = socket.getaddrinfo = refuse
from unbench.config import registry
from unbench.data import sources
raw = sources.create(registry.dataset("cifar10")).read(Path({str(tmp_path / "root")!r}))
print(sum(1 for split in raw.splits.values() for image in split.images()))
"""
    home = {"HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "tmp"), "PATH": "/usr/bin:/bin"}
    (tmp_path / "tmp").mkdir()
    repo = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=repo, env=home, capture_output=True, text=True)
    assert done.stdout.strip() == "20", done.stderr
    left = [p for p in tmp_path.rglob("*") if p.is_file() and p.suffix != ".parquet" and "matplotlib" not in p.parts]
    assert left == []


@pytest.mark.parametrize("options", [{"hub": "cifar10"}, {"test": ""}, {"image": 1}])
def test_options_that_make_no_sense(options):
    with pytest.raises(CardError, match="data set 'cifar10'"):
        variant(**options)
