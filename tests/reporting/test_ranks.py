"""Ranks within a cell and over cells, and which of them differ by more than chance."""

from __future__ import annotations

import csv
import math
import re
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from fakes import fake_run
from PIL import Image

from unbench.analysis.board.cells import CrossSetting, cross_settings, split_cells
from unbench.analysis.board.leaderboard import leaderboard
from unbench.analysis.board.ranks import CriticalDifference, Ranked, Ranking, cell_ranks, critical_difference, nemenyi
from unbench.reporting import report
from unbench.reporting.documents import section
from unbench.reporting.figures.ranks_diagram import critical_data, draw_critical_difference
from unbench.reporting.figures.renderer import FigureSpec, Pictures, render
from unbench.reporting.figures.style import style
from unbench.reporting.preset_tables import side_by_side_table
from unbench.reporting.table import TableCell
from unbench.store.results import Store, load_results

CELLS = ("digits", "cub", "cars", "pets", "svhn", "aircraft")


def settings_of(store: Store) -> list[CrossSetting]:
    return cross_settings(split_cells(leaderboard(load_results(store.folder))))


def side_by_side(setting: CrossSetting) -> dict[str, tuple[TableCell, ...]]:
    """Return the numbers of each line of the table, by its name."""
    return {name.text: tuple(numbers) for name, *numbers in side_by_side_table(setting).rows}


def fill(store: Store, gaps: dict[str, float], dataset: str = "digits", seeds: int = 2, **changes: object) -> None:
    """One run for each method and seed, in one cell; floor 1 unless said otherwise."""
    columns = {"avg_gap_floor": 1.0, **changes}
    for method, gap in gaps.items():
        for seed in range(seeds):
            fake_run(store, method, seed, outputs=False, dataset=dataset, **{"avg_gap": gap + seed / 100, **columns})


def test_within_a_cell_noise_ties_and_the_oracle_has_no_rank(store: Store) -> None:
    fill(store, {"retrain": 0.0, "ft": 0.2, "ga": 0.9, "scrub": 2.0, "none": 5.0})
    fake_run(store, "salun", outputs=False, avg_gap=None)
    (setting,) = settings_of(store)
    assert cell_ranks(setting.entries[0]) == {"ft": 1.5, "ga": 1.5, "scrub": 3.0, "none": 4.0}
    assert cell_ranks({}) == {}
    found = setting.ranking
    assert not found.ranked and "only one cell" in found.reason


def test_the_csv_has_the_rank_that_the_document_shows(store: Store, tmp_path: Path) -> None:
    fill(store, {"retrain": 0.0, "ft": 0.2, "ga": 0.9, "scrub": 2.0})
    fill(store, {"ga": 4.0, "ft": 3.0}, "cub")
    fake_run(store, "scrub", dataset="cub", status="failed", error="boom")
    fake_run(store, "none", outputs=False, avg_gap=0.0, avg_gap_floor=1.0, numerics_version=0)
    report(store.folder, tmp_path, formats=["csv", "md"], plots=())
    rows = list(csv.DictReader((tmp_path / "leaderboard.csv").open(encoding="utf-8")))
    assert {(row["dataset"], row["label"]): row["rank"] for row in rows} == {
        **{("digits", label): rank for label, rank in (("retrain", ""), ("ft", "1.5"), ("ga", "1.5"), ("scrub", "3"))},
        **{("cub", label): rank for label, rank in (("ga", "2"), ("ft", "1"), ("scrub", ""))},
        ("digits", "none"): "",
    }
    document = (tmp_path / "leaderboard.md").read_text("utf-8")
    assert re.search(r"\| ft \|[^|]*\|[^|]*\|[^|]*\| 1\.5 \|", document)


def test_over_cells_only_what_is_in_all_of_them_is_ranked(store: Store) -> None:
    fill(store, {"ft": 2.0, "ga": 3.0, "none": 9.0, "scrub": 1.5})
    fill(store, {"ft": 4.0, "ga": 3.0, "none": 9.0}, "cub")
    fake_run(store, "scrub", dataset="cub", status="failed", error="boom")
    (setting,) = settings_of(store)
    found = setting.ranking
    assert {one.name: one.mean for one in found.ranked} == {"ft": 1.5, "ga": 1.5, "none": 3.0}
    assert all(sum(one.ranks[n] for one in found.ranked) == 6 for n in range(2))
    assert found.lacking == {"scrub": "cub"} and found.titles == ("cub", "digits")
    lines = side_by_side(setting)
    assert list(lines) == ["oracle", "noise floor", "ft", "ga", "none", "scrub"]
    assert lines["scrub"][0] == TableCell("–", notes=("1 failed",))
    assert (lines["ft"][1].text, lines["ft"][1].spread) == ("2.00", "0.01")
    text = section("preset", setting=setting, pictures=Pictures())
    assert "- scrub: none in cub\n" in text and "<sup>a</sup> 1 failed" in text


def test_cells_of_few_methods_do_not_take_the_ranks_from_the_others(store: Store) -> None:
    for dataset in CELLS[:3]:
        fill(store, {"ft": 2.0, "ga": 3.0, "scrub": 4.0, "none": 9.0}, dataset)
    fill(store, {"none": 2.0, "munkey": 3.0}, "svhn")
    (setting,) = settings_of(store)
    found = setting.ranking
    assert {one.name: one.mean for one in found.ranked} == {"ft": 1, "ga": 2, "scrub": 3, "none": 4}
    assert set(found.titles) == set(CELLS[:3]) and found.aside == ("svhn",)
    assert set(found.lacking) == {"munkey"} and set(found.lacking["munkey"].split("; ")) == set(CELLS[:3])
    text = section("preset", setting=setting, pictures=Pictures())
    assert "\nSet aside: svhn.\n" in text


@pytest.mark.parametrize(
    ("has", "kept"),
    [
        (["1111", "1111"], [0, 1]),
        (["1111", "1100", "1100", "1100"], [0, 1, 2, 3]),  # two methods in four cells beat four methods in one
        (["1111", "1110", "1111"], [0, 1, 2]),  # 3 x 3 beats 2 x 4
        (["1100", "1111", "1111", "1111"], [1, 2, 3]),  # 3 x 4 beats 4 x 2
        (["1110000", "0001110", "1000001", "1000001"], [2, 3]),
        (["1100", "0011"], [0, 1]),  # nothing to rank, so nothing is set aside
    ],
)
def test_the_largest_table_without_a_gap_is_ranked(store: Store, has: list[str], kept: list[int]) -> None:
    names = ("none", "ft", "ga", "scrub", "salun", "ssd", "fcs")
    for dataset, line in zip(sorted(CELLS), has, strict=False):
        gaps = {name: 2.0 + n for n, (name, there) in enumerate(zip(names, line, strict=False)) if there == "1"}
        fill(store, gaps, dataset)
    (setting,) = settings_of(store)
    found = setting.ranking
    assert found.titles == tuple(setting.titles[n] for n in kept)
    assert len(found.titles) + len(found.aside) == len(has)
    assert bool(found.reason) == (not found.ranked) == (has == ["1100", "0011"])


def test_the_interval_is_of_cells_and_seeds_and_the_same_every_time(store: Store) -> None:
    for number, dataset in enumerate(CELLS):
        fill(store, {"ft": 2.0, "ga": 3.0, "none": 9.0 if number % 2 else 2.5}, dataset)
    (setting,) = settings_of(store)
    found = {one.name: one for one in setting.ranking.ranked}
    assert (found["ft"].low, found["ft"].mean, found["ft"].high) == (1, 1, 1)
    for name in ("ga", "none"):
        assert found[name].mean == 2.5 and 2 <= found[name].low < 2.5 < found[name].high <= 3
    assert settings_of(store)[0].ranking == setting.ranking


def test_seeds_that_disagree_widen_the_interval_where_cells_agree(store: Store) -> None:
    for dataset in CELLS[:3]:
        for seed, (ft, ga) in enumerate(((2.0, 3.0), (4.0, 2.5), (2.0, 3.0))):
            for method, gap in {"ft": ft, "ga": ga}.items():
                fake_run(store, method, seed, outputs=False, dataset=dataset, avg_gap=gap, avg_gap_floor=0.1)
    best, _ = settings_of(store)[0].ranking.ranked
    assert best.name == "ft" and best.mean == 1 and best.low == 1 < best.high <= 2


def test_presets_are_never_mixed(store: Store, tmp_path: Path) -> None:
    for preset, gap in (("cpu", 2.0), ("smoke", 7.0)):
        for dataset in CELLS[:2]:
            fill(store, {"ft": gap, "none": 9.0}, dataset, preset=preset)
    found = {setting.preset: side_by_side(setting) for setting in settings_of(store)}
    assert found.keys() == {"cpu", "smoke"}
    for preset, gap in (("cpu", 2.005), ("smoke", 7.005)):
        assert [cell.text for cell in found[preset]["ft"]] == [f"{gap:.2f}"] * 2
    report(store.folder, tmp_path, formats=["md"], plots=())
    text = (tmp_path / "leaderboard.md").read_text("utf-8")
    assert "## Preset cpu: cells side by side" in text and "## Preset smoke: cells side by side" in text


def test_the_critical_difference_is_that_of_demsar() -> None:
    # Section 3.2.2 of the paper: 4 classifiers on 14 data sets; table 5(a) has q for 2, 5 and 10 methods.
    assert nemenyi(4, 14) == pytest.approx(1.25, abs=0.005)
    for methods, q in ((2, 1.960), (5, 2.728), (10, 3.164)):
        assert nemenyi(methods, 1) == pytest.approx(q * math.sqrt(methods * (methods + 1) / 6), abs=0.003)


def ranked(table: dict[str, list[float]]) -> Ranking:
    found = [Ranked(name, float(np.mean(ranks)), 0, 0, tuple(ranks)) for name, ranks in table.items()]
    return Ranking(tuple("abcdefghij"), tuple(sorted(found, key=lambda one: one.mean)), {})


def test_groups_join_what_is_closer_than_the_critical_difference() -> None:
    found = critical_difference(ranked({"a": [1.0] * 10, "b": [2.0] * 10, "c": [3.0] * 10, "d": [4.0] * 10}))
    assert isinstance(found, CriticalDifference)
    # chi-squared = 12 N / k (k + 1) * (sum of squared mean ranks - k (k + 1)^2 / 4) = 30, with 3 degrees of freedom.
    assert found.p_value == pytest.approx(1.38e-6, rel=0.01)
    assert 1 < found.difference < 2 and found.groups == ((0, 1), (1, 2), (2, 3))
    same = critical_difference(ranked({"a": [1, 3, 2], "b": [2, 1, 3], "c": [3, 2, 1]}))
    assert isinstance(same, CriticalDifference) and same.p_value == pytest.approx(1) and same.groups == ((0, 2),)
    tied = critical_difference(ranked({name: [2.0] * 4 for name in "abc"}))
    assert isinstance(tied, CriticalDifference) and tied.p_value == 1
    assert "requires 3 methods" in str(critical_difference(ranked({"a": [1.0], "b": [2.0]})))


def test_the_diagram_shows_every_method_and_is_in_the_report(store: Store, tmp_path: Path) -> None:
    for dataset in CELLS:
        fill(store, {"ft": 2.0, "ga": 3.0, "scrub": 4.0, "none": 9.0}, dataset)
    written = report(store.folder, tmp_path, formats=["md"], plots=())
    assert [path.name for path in written] == ["leaderboard.md", "ranks-cpu.png"]
    assert "](ranks-cpu.png)" in written[0].read_text("utf-8")
    data = critical_difference(settings_of(store)[0].ranking)
    assert isinstance(data, CriticalDifference)
    with style():
        (axes,) = draw_critical_difference(critical_data(data), "title").axes
    shown = {text.get_text().split("  ")[0] for text in axes.texts}
    assert {"ft", "ga", "scrub", "none"} <= shown and any(text.startswith("CD = ") for text in shown)


def test_long_names_in_the_diagram_are_not_cut_off() -> None:
    names = ["boundary_shrink", "boundary_expand", *(f"method_{n}" for n in range(10))]
    tested = critical_difference(ranked({name: [12.0 * (n == 1) + n] * 4 for n, name in enumerate(names)}))
    assert isinstance(tested, CriticalDifference)
    spec = FigureSpec("ranks", "title", critical_data(tested), draw_critical_difference)
    pixels = np.asarray(Image.open(BytesIO(render(spec, ["png"])["png"])).convert("L"))
    assert pixels.min() < 100
    assert pixels[:, :2].min() == pixels[:, -2:].min() == 255
