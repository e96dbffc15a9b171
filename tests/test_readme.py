"""The README tells the truth."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageChops

import unbench
from unbench.config import registry
from unbench.experiment.run import run as run_function
from unbench.reporting import FILES, report

REPO = Path(__file__).resolve().parents[1]
README = (REPO / "README.md").read_text("utf-8")
REFERENCE = REPO / "reports" / "reference"
AGAIN = "run unbench report --results results/reference --out reports/reference --no-images"


def test_it_is_short_and_holds_the_two_commands() -> None:
    assert len(README.splitlines()) <= 250
    assert "\npip install -e . && unbench run\n" in README
    assert '\npip install -e ".[test]" && pytest\n' in README


def test_its_table_is_quoted_from_the_section_of_the_reference_report_that_has_its_picture() -> None:
    (picture,) = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README)
    assert (REPO / picture).parent == REFERENCE and (REPO / picture).is_file()
    board = (REFERENCE / "leaderboard.md").read_text("utf-8")
    (section,) = (part for part in board.split("\n## ") if f"]({Path(picture).name})" in part)
    quoted = re.findall(r"^\| Method \| TA .*\n\|[-:|]+\n(?:\|.*\n)+", README, re.MULTILINE)
    assert len(quoted) == 1 and quoted[0].count("±") >= 7
    lines = iter(section.splitlines())
    for line in quoted[0].splitlines():
        assert line in lines, f"not in the report, or in another order there; copy its rows: {line}"


def test_the_reference_report_is_made_of_the_reference_results(tmp_path: Path) -> None:
    # One test, because a report takes long and the tests of one file run in several processes.
    report(REPO / "results" / "reference", tmp_path, images=False)
    made, there = ({path.name for path in folder.glob("[!.]*")} for folder in (tmp_path, REFERENCE))
    assert made == there, AGAIN
    texts = [name for name in FILES.values() if name != FILES["explorer"]]
    stale = [name for name in texts if (tmp_path / name).read_bytes() != (REFERENCE / name).read_bytes()]
    now, tracked = (
        without_library((folder / FILES["explorer"]).read_text("utf-8")) for folder in (tmp_path, REFERENCE)
    )
    stale += [FILES["explorer"]] * (now != tracked)
    stale += [path.name for path in sorted(tmp_path.glob("*.png")) if not look_alike(path, REFERENCE / path.name)]
    assert not stale, AGAIN


def without_library(page: str) -> str:
    """Vega is another where another version of it is installed; all else is ours."""
    rest, found = re.subn(r"<script>.*?</script>", "", page, count=1, flags=re.DOTALL)
    assert found and "vegaEmbed" in page[: page.rindex("<script>")]
    return re.sub(r"script-src 'sha256-[^']+'", "", rest)


def look_alike(first: Path, second: Path) -> bool:
    """Of one size, and the same seen from afar: another Matplotlib may move a letter or a label, no more."""
    one, other = (Image.open(path).convert("L") for path in (first, second))
    if one.size != other.size:
        return False
    difference = np.subtract(*(np.asarray(image.reduce(20), dtype=np.float64) for image in (one, other)))
    return bool((abs(difference) > 32).mean() < 0.05)


def test_pictures_look_alike_if_all_moves_by_a_pixel_and_not_if_they_show_something_else(tmp_path: Path) -> None:
    original = REFERENCE / "gap-time-digits-random10-cpu-vit.png"
    image = Image.open(original).convert("RGB")
    ImageChops.offset(image, 1, 1).save(tmp_path / "moved.png")
    Image.open(REFERENCE / "gap-time-digits-class-cpu.png").resize(image.size).save(tmp_path / "other.png")
    image.crop((0, 0, 1000, 1000)).save(tmp_path / "smaller.png")
    assert look_alike(original, tmp_path / "moved.png")
    assert not look_alike(original, tmp_path / "other.png")
    assert not look_alike(original, tmp_path / "smaller.png")


def test_its_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        if "://" not in target:
            assert (REPO / target).exists(), target


@pytest.mark.parametrize("name", [*registry.methods(), *(n for n in registry.datasets() if n != "synthetic")])
def test_everything_registered_is_mentioned(name: str) -> None:
    assert re.search(rf"\b{name}\b", README)


def test_the_python_functions_exist_and_run_is_a_function_whatever_was_imported_first() -> None:
    assert unbench.run is run_function
    assert all(callable(getattr(unbench, name)) for name in unbench.__all__)
    with pytest.raises(AttributeError):
        _ = unbench.nothing


def test_the_reference_results_are_read_and_are_all_ok() -> None:
    frame = unbench.load_results(REPO / "results" / "reference")
    assert set(frame["method"]) == set(registry.methods())
    assert (frame["status"] == "ok").all()
    assert (frame["avg_gap"] >= 0).all()
    assert (frame.loc[frame["method"] == "retrain", "avg_gap"] == 0).all()
