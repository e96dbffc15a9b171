"""What holds for every source that reads files, on tiny data sets in the publishers' own layouts."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from source_layouts import WRITERS

from unbench.data.sources.base import Files, ImageSource
from unbench.errors import DataError, DataMissingError

MISLED_BY = {"variants.txt": "images_variant_", "classes.txt": "classes.txt"}
"""Where a table that lost lines is still a table, and the next one no longer fits it."""


@pytest.fixture(scope="module", params=sorted(WRITERS))
def made(request, tmp_path_factory):
    root = tmp_path_factory.mktemp(request.param)
    WRITERS[request.param](root)
    return request.param, root


@pytest.fixture
def copy(made, tmp_path) -> Path:
    return Path(shutil.copytree(made[1], tmp_path / "root"))


def read_all(source: ImageSource, root: Path) -> Files:
    files = source.find(root)
    for split in source.read(root).splits.values():
        for _ in split.images():
            pass
    return files


def one_of_each_kind(files: Files) -> list[Path]:
    """Tables and containers all, of photographs one."""
    photographs = [p for p in files.paths if p.suffix.lower() in (".jpg", ".jpeg", ".png", ".bmp", ".webp")]
    return [p for p in files.paths if p not in photographs] + photographs[:1]


def test_reads_every_image_with_its_label(made, source, consume):
    name, root = made
    raw = consume(source(name), root)
    assert len(raw.splits["train"].labels) >= 6
    assert raw.splits["train"].labels.max() > 0


def test_nothing_there_is_one_clear_line(made, source, tmp_path):
    with pytest.raises(DataMissingError) as caught:
        source(made[0]).find(tmp_path)
    message = str(caught.value)
    assert str(tmp_path) in message and "expected" in message and "\n" not in message
    assert "get it from" in message or "put your images there" in message


@pytest.mark.parametrize("damage", ["cut in half", "emptied", "overwritten"])
def test_a_damaged_file_is_named(made, copy, source, damage):
    name = made[0]
    for path in one_of_each_kind(source(name).find(copy)):
        content = path.read_bytes()
        harm = {"cut in half": content[: len(content) // 2 - 3], "emptied": b"", "overwritten": b"\x00\xff" * 40}
        path.write_bytes(harm[damage])
        with pytest.raises(DataError) as caught:
            read_all(source(name), copy)
        message = str(caught.value)
        assert path.name in message or MISLED_BY.get(path.name, "?") in message
        assert "\n" not in message
        path.write_bytes(content)
    read_all(source(name), copy)


def test_a_missing_file_is_named(made, copy, source):
    name = made[0]
    if name == "folder":
        pytest.skip("nobody knows which images a person's own folder should have")
    for path in one_of_each_kind(source(name).find(copy)):
        hidden = path.rename(path.with_name("hidden"))
        expected = path.name.removesuffix(".gz").replace("test-00000-of-00001", r"test-\*")
        with pytest.raises(DataError, match=expected):
            read_all(source(name), copy)
        hidden.rename(path)
