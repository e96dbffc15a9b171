"""Ablations: which rows make one, what stays among the methods, and how both are shown."""

from __future__ import annotations

import json
import shutil
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fakes import fake_run
from PIL import Image
from rich.console import Console

from unbench.analysis.board.ablations import AblationStudy, studies
from unbench.analysis.board.cells import board_ranks, split_cells
from unbench.analysis.board.leaderboard import leaderboard
from unbench.analysis.rows.noted import NotedTable
from unbench.analysis.rows.values import records
from unbench.reporting import report
from unbench.reporting.documents import leaderboard_csv, leaderboard_markdown, section
from unbench.reporting.figures.ablation import (
    ablation_data,
    accuracy_gap_data,
    draw_ablation,
    draw_accuracy_gap,
    pareto,
)
from unbench.reporting.figures.renderer import Pictures
from unbench.reporting.figures.style import Palette
from unbench.reporting.terminal import leaderboard_table
from unbench.store.results import Store, load_results

DEFAULT = {"rule": "mean", "k": 4, "rate": 0.1}
CELL = "digits-random10-cpu.png"


def toy_run(store: Store, changed: dict[str, Any] | None = None, seed: int = 0, **changes: Any) -> dict[str, Any]:
    """One run of the toy method, `changed` over its defaults."""
    options = json.dumps({**DEFAULT, **(changed or {})}, sort_keys=True)
    columns = {"method": "toy", "method_version": 3, "method_family": "by-design", "outputs": False, "hparams": options}
    return fake_run(store, seed=seed, **{**columns, **changes})


def board_of(store: Store) -> pd.DataFrame:
    return leaderboard(load_results(store.folder))


def study_of(store: Store) -> AblationStudy:
    (study,) = studies(records(board_of(store)))
    return study


def values(study: AblationStudy) -> dict[str, list[Any]]:
    return {ablation.hparam: [point.value for point in ablation.points] for ablation in study.ablations}


@pytest.fixture
def sweep(store: Store, toy: str) -> Store:
    """Defaults, two parameters varied alone, one variant of two parameters, and another method."""
    fake_run(store, "ft", outputs=False)
    for number, changed in enumerate(
        ({}, {"k": 16}, {"k": 1}, {"k": 128}, {"rule": "b"}, {"rule": "z|<i>"}, {"k": 1, "rate": 0.2})
    ):
        for seed in (0, 1) if not changed else (0,):
            gap, accuracy = 1.0 + number + seed / 2, 70.0 + number + seed
            toy_run(store, changed, seed, avg_gap=gap, avg_gap_floor=1.5, test_acc=accuracy)
    return store


# The data


def test_variants_of_one_parameter_are_points_in_order_the_default_among_them(sweep: Store) -> None:
    study = study_of(sweep)
    assert values(study) == {"rule": ["b", "mean", "z|<i>"], "k": [1, 4, 16, 128]}
    marked = [(a.hparam, point.value) for a in study.ablations for point in a.points if point.default]
    assert marked == [("rule", "mean"), ("k", 4)]
    k = {point.value: point.row for point in study.ablations[1].points}
    assert (k[16]["avg_gap_mean"], k[16]["test_acc_mean"], k[16]["n_seeds"]) == (2.0, 71.0, 1)
    assert k[4] is study.default and k[4]["avg_gap_mean"] == 1.25
    assert len(study.rows) == 7 and len(study.ablated) == 5
    assert {study.difference(row) for row in study.rows} >= {"default", "k=128", "k=1, rate=0.2"}


def test_numbers_are_sorted_as_numbers_and_mixed_values_by_name(store: Store, toy: str) -> None:
    for rate in (0.1, 1e-05, 10.0, 2.0):
        toy_run(store, {"rate": rate})
    assert values(study_of(store)) == {"rate": [1e-05, 0.1, 2.0, 10.0]}
    toy_run(store, {"rate": "auto"})
    assert values(study_of(store)) == {"rate": [0.1, 10.0, 1e-05, 2.0, "auto"]}


def test_the_default_depends_on_the_stem(store: Store, toy: str) -> None:
    for rate in (0.1, 0.5):
        toy_run(store, {"rate": rate}, stem="net")
    (ablation,) = study_of(store).ablations
    assert [(point.value, point.default) for point in ablation.points] == [(0.1, False), (0.5, True)]


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "unknown"},
        {"method_version": 2},
        {"hparams": '{"k": 1, "rate": 0.1}'},
        {"hparams": "not JSON"},
        {"hparams": json.dumps({**DEFAULT, "k": 1, "rate": 0.2})},
        {"hparams": json.dumps({**DEFAULT, "k": 1, "new": 1})},
        {"hparams": json.dumps({**DEFAULT, "k": 1}), "training": '{"epochs": 1}'},
        {"hparams": json.dumps({**DEFAULT, "k": 1}), "preset": "smoke"},
    ],
)
def test_rows_that_differ_in_more_or_in_something_else_are_no_ablation(
    store: Store, toy: str, changes: dict[str, Any]
) -> None:
    toy_run(store)
    toy_run(store, **changes)
    cells = split_cells(board_of(store))
    assert all(not cell.studies and len(cell.main) == len(cell.rows) for cell in cells)


def test_without_the_default_there_is_nothing_to_compare_with(store: Store, toy: str) -> None:
    toy_run(store, {"k": 1})
    toy_run(store, {"k": 2})
    assert studies(records(board_of(store))) == []
    assert sorted(board_of(store)["label"]) == ["toy[k=1]", "toy[k=2]"]


def test_labels_show_what_differs_from_the_default(sweep: Store) -> None:
    labels = set(board_of(sweep)["label"])
    assert labels >= {"ft", "toy", "toy[k=1]", "toy[k=128]", "toy[rule=b]", "toy[k=1,rate=0.2]"}


# What is shown


def test_comparison_has_the_default_alone_and_the_csv_has_all(sweep: Store) -> None:
    board = board_of(sweep)
    text = leaderboard_markdown(split_cells(board), Pictures())
    main = text[text.index("| Method | TA") : text.index("| Method | Hyper")]
    names = [line.split("|")[1].strip() for line in main.splitlines() if line.startswith("| ")][1:]
    assert names[0] == "*oracle* of post-hoc methods" and names[1] == "*noise floor* of post-hoc methods"
    assert sorted(names[2:]) == ["ft", "toy", "toy\\[k=1,rate=0.2\\]"]
    assert "toy: rows with one hyper-parameter changed" in text and "not in this table: 5." in text
    details = text.index("<details>")
    assert "toy\\[k=16\\]" not in text[:details] and "**toy\\[k=16\\]**" in text[details:]
    assert "<i>" not in text and "z\\|&lt;i&gt;" in text
    text = leaderboard_csv(board, board_ranks(split_cells(board)))
    assert set(pd.read_csv(StringIO(text))["label"]) == set(board["label"])
    assert len(board) == 8
    console = Console(width=120, file=StringIO(), color_system=None)
    console.print(leaderboard_table(split_cells(board)))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "toy[k=16]" not in shown and "toy[k=1,rate=0.2]" in shown and "among its ablations" in shown


def test_plots_of_methods_leave_variants_out_and_the_seeds_are_theirs(sweep: Store) -> None:
    for seed in (1, 2):
        toy_run(sweep, {"k": 1}, seed)
    (cell,) = split_cells(board_of(sweep))
    assert sorted(cell.main["label"]) == ["ft", "toy", "toy[k=1,rate=0.2]"]
    assert cell.seeds == "1 to 2 seeds"


def test_table_of_ablations(sweep: Store) -> None:
    toy_run(sweep, {"k": 1}, seed=7, status="diverged", error="NaN")
    text = section("ablation", study=study_of(sweep))
    lines = [[c.strip() for c in line.split(" | ")] for line in text.splitlines() if line.startswith("| ")]
    assert lines[0][0].endswith("Hyper-parameter") and "image" not in lines[0][-2]
    assert [(line[0], line[1]) for line in lines[1:]] == [
        *(("| rule", value) for value in ("b", "**mean**", "z\\|&lt;i&gt;")),
        *(("| k", value) for value in ("1", "**4**", "16", "128")),
    ]
    default, one = lines[5], lines[4]
    assert (default[2], default[5]) == ("70.50 ± 0.71", "1.25 ± 0.35 ≈")
    assert one[-1] == "1 <sup>a</sup> |" and "- <sup>a</sup> toy\\[k=1\\], seed 7: diverged: NaN" in text
    toy_run(sweep, {"k": 2}, image_forget_acc=66.25)
    assert "| FA, image alone |" in section("ablation", study=study_of(sweep))
    assert "| 66.25 | 1 |" in section("ablation", study=study_of(sweep))


def test_pictures_are_named_after_method_and_cell_and_nothing_else_changes_them(sweep: Store, tmp_path: Path) -> None:
    first = tmp_path / "first"
    written = report(sweep.folder, first)
    names = {path.name for path in written}
    assert {f"ablation-toy-{CELL}", f"accuracy-gap-toy-{CELL}", f"accuracy-{CELL}", f"gap-time-{CELL}"} <= names
    text = (first / "leaderboard.md").read_text("utf-8")
    start = text.index("### Ablations of toy")
    for name in (f"ablation-toy-{CELL}", f"accuracy-gap-toy-{CELL}"):
        assert text.index(f"]({name})") > start
        with Image.open(first / name) as picture:
            assert set(picture.info) <= {"dpi"} and min(picture.size) > 200
    shutil.copytree(sweep.folder, tmp_path / "elsewhere")
    for path in report(tmp_path / "elsewhere", tmp_path / "again"):
        assert path.read_bytes() == (first / path.name).read_bytes(), path.name


# The plots' data, and that drawing survives odd ones


def test_axis_is_logarithmic_from_a_thirtyfold_span_of_positive_numbers(store: Store, toy: str) -> None:
    for changed in ({}, {"k": 1}, {"k": 30}, {"rate": 2.9}, {"rule": "x"}):
        toy_run(store, changed)
    table = ablation_data(study_of(store)).table
    assert table.groupby("hparam")["log"].first().to_dict() == {"k": True, "rate": False, "rule": False}
    assert list(table.loc[table["hparam"] == "k", "x"]) == [1.0, 4.0, 30.0]
    assert list(table.loc[table["hparam"] == "rate", "x"]) == [0.0, 1.0]
    assert table.groupby("hparam")["ordered"].first().to_dict() == {"k": True, "rate": True, "rule": False}
    toy_run(store, {"k": 0})
    assert not ablation_data(study_of(store)).table["log"].any()


def test_failed_variants_are_named_not_drawn(store: Store, toy: str) -> None:
    toy_run(store)
    toy_run(store, {"k": 1}, status="failed", error="boom")
    study = study_of(store)
    data, trade = ablation_data(study), accuracy_gap_data(study)
    assert list(data.table["value"]) == ["4"] and data.notes == ("Without a gap and an accuracy: k=1.",)
    assert list(trade.table["label"]) == ["default"] and trade.notes == ("Without a gap or an accuracy: k=1.",)
    palette = Palette(("toy",))
    assert len(draw_ablation(data, "title", palette).axes) == 2
    assert len(draw_accuracy_gap(trade, "title", palette).axes) == 1


def test_front_holds_what_no_variant_beats(sweep: Store) -> None:
    toy_run(sweep, {"k": 3}, avg_gap=9.0, test_acc=10.0)
    table = accuracy_gap_data(study_of(sweep)).table.set_index("label")
    assert list(table.index[table["default"]]) == ["default"]
    assert list(table.index[~table["front"]]) == ["k=3"]
    assert pareto([(1.0, 5.0), (1.0, 5.0), (1.0, 4.0), (2.0, 5.0), (0.5, 1.0)]) == [True, True, False, False, True]


def test_drawing_survives_missing_floors_collapsed_variants_and_long_names(sweep: Store) -> None:
    toy_run(sweep, {"k": 64}, avg_gap=80.0, test_acc=None)
    toy_run(sweep, {"rule": "timm:" + "x" * 60 + "$k$"})
    study, palette = study_of(sweep), Palette(("toy",))
    for data in (ablation_data(study), accuracy_gap_data(study)):
        bare = NotedTable(data.table.assign(floor=np.nan, gap_std=np.nan, acc_std=np.nan))
        draw = draw_ablation if "hparam" in data.table else draw_accuracy_gap
        for one in (data, bare):
            figure = draw(one, "title", palette)
            figure.draw_without_rendering()
