"""CUB's tables must agree with each other and with the photographs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import source_layouts as layouts

from unbench.errors import DataError


def test_the_real_subset(source, consume, shared_data):
    if not (shared_data / "CUB_200_2011").is_dir():
        pytest.skip(f"no CUB_200_2011 in {shared_data}")
    raw = consume(source("cub"), shared_data)
    assert {name: len(split.labels) for name, split in raw.splits.items()} == {"train": 300, "test": 243}
    assert len(raw.classes) == 10 and raw.classes[0] == "001.Black_footed_Albatross"
    within = source("cub").read(shared_data / "CUB_200_2011")
    assert within.splits["train"].labels.tolist() == raw.splits["train"].labels.tolist()


def append(name: str, line: str) -> Callable[[Path], None]:
    def harm(base: Path) -> None:
        with (base / name).open("a") as file:
            file.write(line + "\n")

    return harm


def drop_last_line(name: str) -> Callable[[Path], None]:
    def harm(base: Path) -> None:
        lines = (base / name).read_text().splitlines(keepends=True)
        (base / name).write_text("".join(lines[:-1]))

    return harm


@pytest.mark.parametrize(
    ("harm", "complaint"),
    [
        (append("images.txt", "13 nowhere.jpg"), r"image_class_labels\.txt and images\.txt disagree about image 13"),
        (drop_last_line("train_test_split.txt"), r"train_test_split\.txt and images\.txt disagree about image 12"),
        (drop_last_line("classes.txt"), r"image_class_labels\.txt gives image 1 the class 2, not in classes\.txt"),
        (append("classes.txt", "3"), r"classes\.txt, line 3: '3' is not a new number and a value"),
        (append("images.txt", "12 again.jpg"), r"images\.txt, line 13: '12 again\.jpg' is not a new number"),
        (append("images.txt", "bird x.jpg"), r"images\.txt, line 13: 'bird x\.jpg' is not a new number"),
    ],
)
def test_tables_that_disagree(source, tmp_path, harm, complaint):
    layouts.cub(tmp_path)
    harm(tmp_path / "CUB_200_2011")
    with pytest.raises(DataError, match=complaint):
        source("cub").read(tmp_path)


def test_a_split_that_is_neither(source, tmp_path):
    layouts.cub(tmp_path)
    path = tmp_path / "CUB_200_2011" / "train_test_split.txt"
    path.write_text(path.read_text().replace("1 1\n", "1 2\n", 1))
    with pytest.raises(DataError, match=r"train_test_split\.txt gives image 1 the split 2, not 0 or 1"):
        source("cub").read(tmp_path)


def test_a_missing_photograph_is_reported_before_anything_is_decoded(source, tmp_path):
    layouts.cub(tmp_path)
    gone = next((tmp_path / "CUB_200_2011" / "images").rglob("bird_0007.jpg"))
    gone.unlink()
    with pytest.raises(DataError, match=rf"images\.txt lists .*{gone.name}, which does not exist"):
        source("cub").read(tmp_path)
