"""The report, from results made by hand."""

from __future__ import annotations

import csv
import json
import logging
import shutil
import subprocess
import sys
from io import StringIO
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fakes import fake_run
from joblib import Parallel, delayed, parallel_config
from PIL import Image
from rich.console import Console
from sklearn.metrics import auc

from unbench.analysis.board.cells import split_cells
from unbench.analysis.board.formatting import DASH, WITHIN_NOISE
from unbench.analysis.board.leaderboard import COLUMNS as BOARD_COLUMNS
from unbench.analysis.board.leaderboard import leaderboard
from unbench.analysis.looks import roc_look
from unbench.analysis.outputs import OutputsReader, tables_of_outputs
from unbench.analysis.rows.labels import ROW, row_labels
from unbench.analysis.rows.noted import NotedTable
from unbench.analysis.rows.values import clean
from unbench.errors import StoreError
from unbench.progress import LogProgress
from unbench.reporting import FILES, report
from unbench.reporting.figures.accuracy import accuracy_data
from unbench.reporting.figures.roc import draw_roc, mean_curve
from unbench.reporting.figures.style import Palette, label_points, new_figure
from unbench.reporting.figures.tradeoff import draw_tradeoff, tradeoff_data
from unbench.reporting.markup import escape
from unbench.reporting.run_table import run_table
from unbench.reporting.terminal import leaderboard_table
from unbench.store.results import Store, load_results


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A results folder with a bit of everything, and the report made from it."""
    folder = tmp_path_factory.mktemp("made")
    filled = Store(folder / "results")
    for seed in range(2):
        for method in ("none", "retrain", "ft", "munkey"):
            fake_run(filled, method, seed)
    fake_run(filled, "ga", 0, status="diverged", error="the loss became NaN")
    report(folder / "results", folder / "reports")
    return folder / "results", folder / "reports"


def board_of(store: Store) -> pd.DataFrame:
    return leaderboard(load_results(store.folder))


def roc_data(rows: pd.DataFrame, frame: pd.DataFrame, results: Path) -> NotedTable:
    return tables_of_outputs(rows, OutputsReader(results, frame), {"roc": roc_look})["roc"]


def read_csv(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO((folder / "leaderboard.csv").read_text("utf-8"))))


def shown(table: Any, width: int = 80) -> str:
    console = Console(width=width, file=StringIO(), color_system=None)
    console.print(table)
    return console.file.getvalue()  # type: ignore[attr-defined]


# The leaderboard


def test_csv_has_the_mean_and_the_sample_deviation_over_seeds(store: Store, tmp_path: Path) -> None:
    values = [90.0, 92.0, 97.0]
    for seed, value in enumerate(values):
        fake_run(store, "ft", seed, outputs=False, test_acc=value, unlearn_seconds=value / 10)
    report(store.folder, tmp_path / "out")
    (row,) = read_csv(tmp_path / "out")
    assert float(row["test_acc_mean"]) == pytest.approx(mean(values))
    assert float(row["test_acc_std"]) == pytest.approx(stdev(values))
    assert float(row["unlearn_seconds_mean"]) == pytest.approx(9.3)
    assert (row["n_seeds"], row["seeds"]) == ("3", "0 1 2")
    rank = BOARD_COLUMNS.index("within_noise")
    assert list(row)[:-3] == [*BOARD_COLUMNS[:rank], "rank", *BOARD_COLUMNS[rank:]]
    assert list(row)[-3:] == ["inputs_sha256", "report_version", "report_command"]


@pytest.mark.parametrize(
    ("column", "other"),
    [
        ("preset", "smoke"),
        ("model", "resnet18"),
        ("model_options", '{"width": 32}'),
        ("training", '{"epochs": 3, "lr": 0.001}'),
        ("hparams", '{"lr": 0.1}'),
        ("method_version", 2),
        ("dataset_version", 2),
        ("data_fingerprint", "0000"),
        ("scenario", "random50"),
        ("dataset", "svhn"),
    ],
)
def test_runs_that_differ_in_more_than_the_seed_are_not_averaged(store: Store, column: str, other: str | int) -> None:
    fake_run(store, "ft", 0, outputs=False, test_acc=10.0)
    fake_run(store, "ft", 1, outputs=False, **{"test_acc": 90.0, column: other})
    board = board_of(store)
    assert sorted(board["test_acc_mean"]) == [10.0, 90.0]
    assert list(board["n_seeds"]) == [1, 1]
    names = [(cell.title, label) for cell in split_cells(board) for label in cell.rows["label"]]
    assert len(set(names)) == 2


def test_key_order_of_settings_does_not_matter(store: Store) -> None:
    fake_run(store, "ft", 0, outputs=False, hparams='{"lr": 0.1, "epochs": 3}')
    fake_run(store, "ft", 1, outputs=False, hparams='{"epochs":3,"lr":0.1}')
    assert list(board_of(store)["n_seeds"]) == [2]


def test_a_value_that_one_seed_lacks_is_missing_with_its_reason(store: Store, tmp_path: Path) -> None:
    fake_run(store, "ft", 0, outputs=False)
    reason = json.dumps({"mia_auroc": "some logits | are not finite"})
    fake_run(store, "ft", 1, outputs=False, mia_auroc=None, missing=reason)
    (row,) = board_of(store).to_dict("records")
    assert np.isnan(row["mia_auroc_mean"]) and np.isnan(row["mia_auroc_std"])
    assert not np.isnan(row["test_acc_mean"])
    assert json.loads(row["missing"])["mia_auroc"] == "some logits | are not finite (seed 1)"
    report(store.folder, tmp_path / "out")
    text = (tmp_path / "out" / "leaderboard.md").read_text("utf-8")
    assert f"{DASH} <sup>a</sup>" in text
    assert "<sup>a</sup> not known: some logits \\| are not finite (seed 1)" in text
    assert read_csv(tmp_path / "out")[0]["mia_auroc_mean"] == ""


def test_infinity_is_no_number(store: Store) -> None:
    fake_run(store, "ft", 0, outputs=False, unlearn_seconds=float("inf"))
    assert board_of(store)["unlearn_seconds_mean"].isna().all()


def test_failed_runs_are_counted_and_never_averaged(store: Store) -> None:
    fake_run(store, "ga", 0, outputs=False)
    fake_run(store, "ga", 1, status="failed", error="RuntimeError: boom")
    fake_run(store, "ga", 2, status="diverged", error="NaN")
    fake_run(store, "ft", 0, status="skipped", error="not for this model")
    ga, ft = board_of(store).to_dict("records")
    assert (ga["n_seeds"], ga["n_failed"], ga["n_diverged"], ga["n_skipped"]) == (1, 1, 1, 0)
    assert [failure["error"] for failure in json.loads(ga["failures"])] == ["RuntimeError: boom", "NaN"]
    assert (ft["label"], ft["n_seeds"], ft["n_skipped"]) == ("ft", 0, 1)
    assert np.isnan(ft["avg_gap_mean"])


def test_a_seed_counts_once_and_the_newest_ok_run_of_it_is_used(store: Store) -> None:
    older, newer, failed = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"
    fake_run(store, "ft", 0, outputs=False, split_hash="b", started_at=newer, test_acc=80.0)
    fake_run(store, "ft", 0, outputs=False, split_hash="a", started_at=older, test_acc=10.0)
    fake_run(store, "ft", 0, split_hash="c", started_at=failed, status="failed", error="x")
    (row,) = board_of(store).to_dict("records")
    assert (row["n_seeds"], row["test_acc_mean"], row["n_superseded"]) == (1, 80.0, 2)


def test_order_is_oracle_then_gap_then_missing(store: Store) -> None:
    for method, gap in (("ga", 3.0), ("ft", 1.0), ("none", 2.0), ("retrain", 0.0), ("scrub", None)):
        fake_run(store, method, outputs=False, avg_gap=gap)
    assert list(board_of(store)["label"]) == ["retrain", "ft", "none", "ga", "scrub"]


def test_within_noise_compares_with_the_rows_own_floor(store: Store, tmp_path: Path) -> None:
    for method, gap, floor in (("ga", 3.0, 2.0), ("ft", 2.0, 2.0), ("munkey", 2.5, 3.0), ("retrain", 0.0, 2.0)):
        fake_run(store, method, outputs=False, avg_gap=gap, avg_gap_floor=floor)
    fake_run(store, "scrub", outputs=False, avg_gap_floor=None)
    marks = board_of(store).set_index("label")["within_noise"]
    assert {k: v for k, v in marks.items() if not pd.isna(v)} == {"ft": True, "munkey": True, "ga": False}
    report(store.folder, tmp_path / "out")
    lines = (tmp_path / "out" / "leaderboard.md").read_text("utf-8").splitlines()
    assert sorted(line.split("|")[1].strip() for line in lines if f" {WITHIN_NOISE} |" in line) == ["ft", "munkey"]


def test_labels_show_what_differs_and_only_that() -> None:
    base = {**dict.fromkeys(ROW, "x"), "method": "ft", "method_version": 1, "training": "{}", "model_options": "{}"}
    one, two = {**base, "hparams": '{"lr": 0.1, "k": 4}'}, {**base, "hparams": '{"lr": 0.2, "k": 4}'}
    assert row_labels([one, two, one]) == ["ft[lr=0.1]", "ft[lr=0.2]", "ft[lr=0.1]"]
    assert row_labels([one, {**one, "method_version": 2}]) == ["ft v1", "ft v2"]
    assert row_labels([one, {**one, "training": '{"epochs": 3}'}]) == ["ft", "ft[training.epochs=3]"]
    assert row_labels([one, {**two, "dataset": "other"}]) == ["ft", "ft"]
    assert len(set(row_labels([one, {**one, "method": "ft\x00"}]))) == 2
    assert len(set(row_labels([one, {**one, "hparams": "not JSON"}]))) == 2


# The documents


def test_it_tells_how_far_drawing_and_reading_are(
    made: tuple[Path, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "test"):
        report(made[0], tmp_path, plots=["digits"], progress=LogProgress(logging.getLogger("test")))
    cells = len(split_cells(leaderboard(load_results(made[0]))))
    done = [message.partition(" cells")[0] for message in caplog.messages if " cells" in message]
    assert [line.partition(":")[0] for line in done] == ["plots", "explorer"]
    drawn, read = (int(line.split()[-1]) for line in done)
    assert 1 <= drawn <= read == cells


def test_the_processes_that_draw_do_not_stand_in_the_way_of_other_work(made: tuple[Path, Path], tmp_path: Path) -> None:
    report(made[0], tmp_path, plots=["digits"])
    with parallel_config(backend="loky", inner_max_num_threads=1):  # as shadow models are trained
        assert Parallel(n_jobs=2)(delayed(abs)(number) for number in (-1, -2)) == [1, 2]


def test_same_results_same_bytes_wherever_they_lie(made: tuple[Path, Path], tmp_path: Path) -> None:
    results, first = made
    shutil.copytree(results, tmp_path / "elsewhere")
    written = report(tmp_path / "elsewhere", tmp_path / "again")
    assert sorted(path.name for path in written) == sorted(path.name for path in first.glob("[!.]*"))
    for path in written:
        assert path.read_bytes() == (first / path.name).read_bytes(), path.name


def test_pictures_are_real_and_say_nothing_of_their_making(made: tuple[Path, Path]) -> None:
    pictures = sorted(made[1].glob("*.png"))
    cell = "digits-random10-cpu.png"
    plots = ("accuracy", "confidence", "gap-time", "losses", "roc", "roc-low")
    assert {p.name for p in pictures} == {f"{name}-{cell}" for name in plots}
    for path in pictures:
        with Image.open(path) as picture:
            picture.load()
            assert set(picture.info) <= {"dpi"}
            assert min(picture.size) > 200
            colours = picture.convert("RGB").getcolors(1 << 24)
            assert colours is not None and len(colours) > 50
    text = (made[1] / "leaderboard.md").read_text("utf-8")
    assert all(f"]({path.name})" in text for path in pictures)


def test_markdown_gives_levels_failures_and_commands(made: tuple[Path, Path]) -> None:
    text = (made[1] / "leaderboard.md").read_text("utf-8")
    assert "*retrain* (oracle)" in text and "*none* (no unlearning)" in text
    assert "| oracle of munkey |" in text and "| oracle of post-hoc methods |" in text
    assert "ga, seed 0: diverged: the loss became NaN" in text
    assert "unbench run -m munkey -d digits --scenario random10 --seed 1 --preset cpu\n" in text
    assert "unbench 0.1.0, torch 2.9.1" in text
    assert str(made[0]) not in text
    board = leaderboard(load_results(made[0])).set_index("label")
    for method, who in (("munkey", "munkey"), ("ft", "post-hoc methods")):
        row = board.loc[method]
        level = f"| oracle of {who} | {row['oracle_test_acc_mean']:.2f} ± {row['oracle_test_acc_std']:.2f} |"
        assert level in text


def test_one_seed_has_no_spread_and_says_so(store: Store, tmp_path: Path) -> None:
    fake_run(store, "ft", outputs=False)
    report(store.folder, tmp_path / "out")
    text = (tmp_path / "out" / "leaderboard.md").read_text("utf-8")
    assert " ± " not in text.split("## ")[1]
    assert "A row of one seed has no spread" in text
    assert read_csv(tmp_path / "out")[0]["test_acc_std"] == ""


def test_notes_on_data_warnings_devices_and_a_cell_that_tells_nothing(store: Store, tmp_path: Path) -> None:
    warning = json.dumps(["train.npz differs"])
    fake_run(store, "none", 0, outputs=False, data_checksum="differs", avg_gap=0.1, warnings=warning)
    fake_run(store, "ft", 0, outputs=False, data_checksum="differs", warnings=warning)
    fake_run(store, "ft", 1, outputs=False, data_checksum="differs", device="cuda NVIDIA")
    report(store.folder, tmp_path / "out")
    text = (tmp_path / "out" / "leaderboard.md").read_text("utf-8")
    assert "source files differ from the published ones" in text
    assert "all rows: train.npz differs (seed 0)" in text
    assert "cannot distinguish methods" in text
    assert "ft: its seconds mix devices (cpu, 2 threads; cuda NVIDIA, 2 threads)" in text


def test_class_scenario_shows_the_forgotten_class(store: Store, tmp_path: Path) -> None:
    fake_run(store, "ft", scenario="class", outputs=False, forget_class_test_acc=12.5)
    report(store.folder, tmp_path / "out")
    text = (tmp_path / "out" / "leaderboard.md").read_text("utf-8")
    assert "| FTA |" in text and "| 12.50 |" in text and "class to forget: 1: one" in text


def test_names_from_results_are_shown_not_interpreted(store: Store, tmp_path: Path) -> None:
    name = "<b>x</b>|*y*[z](http://e.org)`$k$`\n# head\x1b[31m"
    fake_run(store, name, 0, command=f"unbench run -m '{name}'\n```\n<i>")
    fake_run(store, name, 1, status="failed", error=name)
    report(store.folder, tmp_path / "out")
    text = (tmp_path / "out" / "leaderboard.md").read_text("utf-8")
    outside = "".join(part for n, part in enumerate(text.split("````")) if n % 2 == 0)
    assert "<b>" not in outside and "*y*" not in outside and "\x1b" not in text
    assert "[z](" not in outside and "http://" not in outside
    table = [line for line in text.splitlines() if line.startswith("| ")]
    columns = {line.replace("\\|", "").count("|") for line in table[: table.index(table[-1])]}
    assert columns <= {7, 8, 10, 11}
    assert all(path.name.isascii() and "/" not in path.name for path in (tmp_path / "out").iterdir())
    everything = shown(run_table(load_results(store.folder).to_dict("records"))) + shown(
        leaderboard_table(split_cells(board_of(store)))
    )
    assert "[z]" in everything.replace("\n", "") and "\x1b" not in everything


def test_escape_is_complete_enough() -> None:
    assert escape("a_b | c") == "a\\_b \\| c"
    assert escape("- x") == "\\- x" and escape("1. x") == "1\\. x"
    assert escape("www.e.org") == "www\\.e.org"
    assert escape("<&>") == "&lt;&amp;&gt;"
    assert clean("a\u202eb\ud800\n c") == "a b c"


def test_file_names_are_safe_and_never_shared(store: Store) -> None:
    names = ["a/../b", "a_.._b", "A_.._b", "class[label=3]", "x" * 300]
    for name in names:
        fake_run(store, "ft", outputs=False, scenario="random10", dataset=name)
    fake_run(store, "ft", outputs=False, dataset="class[label=3]", model="resnet18")
    slugs = [cell.slug for cell in split_cells(board_of(store))]
    assert len({slug.lower() for slug in slugs}) == len(names) + 1
    assert all(slug.replace("_", "").replace("-", "").replace(".", "").isalnum() for slug in slugs)
    assert all(len(slug) < 200 and not slug.startswith(".") for slug in slugs)
    assert sum("resnet18" in slug for slug in slugs) == 1


def test_no_runs_give_a_report_that_says_so(store: Store, tmp_path: Path) -> None:
    store.runs.mkdir(parents=True)
    written = report(store.folder, tmp_path / "out")
    assert [path.name for path in written] == [*FILES.values()]
    assert "There are no runs" in written[0].read_text("utf-8")
    (heading,) = written[1].read_text("utf-8").splitlines()
    assert heading.startswith(",".join(BOARD_COLUMNS[:20])) and {*BOARD_COLUMNS, "rank"} <= set(heading.split(","))
    assert "no runs" in shown(leaderboard_table(split_cells(board_of(store))))


def test_no_digit_is_lost_on_a_narrow_terminal(store: Store) -> None:
    rows = [fake_run(store, "ft", seed) for seed in range(2)]
    for table in (leaderboard_table(split_cells(board_of(store))), run_table(rows[:1])):
        narrow, wide = shown(table, 40), shown(table, 120)
        assert "…" not in narrow
        assert sum(map(str.isdigit, narrow)) == sum(map(str.isdigit, wide))


def test_only_failed_runs_give_a_report_without_pictures(store: Store, tmp_path: Path) -> None:
    fake_run(store, "ga", status="failed", error="RuntimeError: boom")
    written = report(store.folder, tmp_path / "out")
    assert [path.name for path in written] == [*FILES.values()]
    text = written[0].read_text("utf-8")
    assert "failed: RuntimeError: boom" in text and text.count("not drawn") == 3
    assert "1 failed" in shown(leaderboard_table(split_cells(board_of(store))))


def test_faults_of_the_user_are_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no results folder"):
        report(tmp_path / "nowhere", tmp_path / "out")
    Store(tmp_path / "results").runs.mkdir(parents=True)
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot write"):
        report(tmp_path / "results", tmp_path / "file")
    with pytest.raises(StoreError, match="cannot write"):
        report(tmp_path / "results", tmp_path / "file" / "below")


# Plots: the data, and that drawing survives odd ones


def test_area_under_each_curve_is_the_stored_metric(made: tuple[Path, Path]) -> None:
    frame = load_results(made[0])
    (cell,) = split_cells(leaderboard(frame))
    data = roc_data(cell.rows, frame, made[0])
    assert set(data.table["label"]) == {"ft", "munkey"}
    assert data.notes == ("Without an ok run: ga.",)
    for (label, model, seed), curve in data.table.groupby(["label", "model", "seed"]):
        run = frame[(frame["method"] == label) & (frame["seed"] == seed)].iloc[0]
        stored = run["mia_auroc" if model == "unlearned" else f"{model}_mia_auroc"]
        area = 100 * auc(curve["fpr"], curve["tpr"])
        assert area == pytest.approx(stored) and curve["auroc"].iloc[0] == pytest.approx(stored)
    part = data.table[(data.table["label"] == "ft") & (data.table["model"] == "unlearned")]
    area = 100 * auc(np.linspace(0, 1, 401), mean_curve(part))
    assert area == pytest.approx(part.groupby("seed")["auroc"].first().mean(), abs=0.5)


def test_class_scenario_attacks_with_the_forgotten_class_alone(store: Store) -> None:
    row = fake_run(store, "ft", scenario="class")
    frame = load_results(store.folder)
    table = roc_data(board_of(store), frame, store.folder).table
    assert table[table["model"] == "unlearned"]["auroc"].iloc[0] == pytest.approx(row["mia_auroc"])


def test_runs_without_outputs_are_named(store: Store) -> None:
    fake_run(store, "ft", 0)
    fake_run(store, "ft", 1, outputs=False)
    row = fake_run(store, "ga", 0)
    store.outputs_path(row).write_bytes(b"no Parquet")
    fake_run(store, "scrub", 0, outputs=False)
    board, frame = board_of(store), load_results(store.folder)
    data = roc_data(board, frame, store.folder)
    assert set(data.table["label"]) == {"ft"}
    assert sorted(data.notes) == [
        "ft: no per-example outputs are stored (seed 1).",
        f"ga: its per-example outputs are corrupt: {row['run_key']}-1.parquet (seed 0).",
        "scrub: no per-example outputs are stored (seed 0).",
    ]
    figure = draw_roc(data, "title", Palette(("ft",)))
    words = " ".join(figure._supxlabel.get_text().split())  # type: ignore[attr-defined]
    assert all(note in words for note in data.notes)


def test_reference_methods_alone_have_curves(store: Store) -> None:
    fake_run(store, "none", 0)
    table = roc_data(board_of(store), load_results(store.folder), store.folder).table
    assert set(table["label"]) == {"none"}


def test_accuracy_data_has_each_methods_own_oracle(made: tuple[Path, Path]) -> None:
    board = leaderboard(load_results(made[0]))
    data = accuracy_data(board)
    assert data.notes == ("Without numbers: ga.",)
    for row in data.table.to_dict("records"):
        whole = board[board["label"] == row["label"]].iloc[0]
        assert row["mean"] == whole[f"{row['set']}_acc_mean"]
        assert row["std"] == whole[f"{row['set']}_acc_std"]
        assert row["oracle"] == whole[f"oracle_{row['set']}_acc_mean"]
    assert len(data.table) == 4 * 3


def test_tradeoff_data_and_every_kind_of_time(store: Store) -> None:
    for number, method in enumerate(("none", "ft", "ga", "munkey")):
        fake_run(store, method, outputs=False, unlearn_seconds=0.0, avg_gap=0.0 if number == 1 else 99.0)
    fake_run(store, "scrub", outputs=False, avg_gap=None)
    (cell,) = split_cells(board_of(store))
    data = tradeoff_data(cell.main, cell.oracle_of)
    assert data.notes == ("Without a gap or a time: scrub.",)
    assert set(data.table["seconds"]) == {0.0}
    assert dict(zip(data.table["label"], data.table["oracle"], strict=True))["munkey"] == "munkey"
    palette = Palette(("ft", "ga", "munkey"))
    key = [text.get_text() for text in draw_tradeoff(data, "title", palette).texts]
    assert any("noise floor" in text for text in key) and any("training the oracle" in text for text in key)
    bare = data.table.assign(floor=np.nan, oracle_seconds=np.nan)
    figure = draw_tradeoff(type(data)(bare), "title", palette)
    assert len(figure.axes) == 1
    assert not any(word in text.get_text() for text in figure.texts for word in ("noise floor", "training the oracle"))


def test_labels_of_close_points_do_not_overlap() -> None:
    for height in (0.0, 0.5, 1.0):
        figure, (axes,) = new_figure("title", [], 3, margins=(0.55, 1.5, 0.1, 0.4))
        axes.set(xlim=(0, 1), ylim=(0, 1))
        points = [(0.5 + n / 200, height) for n in range(8)]
        label_points(axes, np.array(points), [f"method {n}" for n in range(8)], ["black"] * 8)
        figure.draw_without_rendering()
        words = [text.get_window_extent() for text in axes.texts]
        assert len(words) == 8
        assert not any(a.overlaps(b) for n, a in enumerate(words) for b in words[n + 1 :])
        window, page = axes.get_window_extent(), figure.bbox
        assert all(page.contains(*box.p0) and page.contains(*box.p1) for box in words)
        assert not any(window.overlaps(box) for box in words)
        assert all(box.y0 > window.y0 - box.height and box.y1 < window.y1 + box.height for box in words)


# The terminal


def test_table_of_one_run_gives_original_oracle_and_verdict(store: Store) -> None:
    row = fake_run(store, "ft", avg_gap=3.0, avg_gap_floor=1.25)
    text = shown(run_table([row]))
    assert all(len(line) <= 80 for line in text.splitlines()) and "…" not in text
    for model in ("original", "oracle"):
        line = next(line for line in text.splitlines() if line.startswith(model))
        assert f"{row[f'{model}_test_acc']:.1f}" in line
    words = " ".join(text.split())
    assert "ft is 3.00 points from the oracle, more than the 1.25 between two oracles." in words
    within = shown(run_table([{**row, "avg_gap": 1.0}]))
    assert "no different from retraining" in " ".join(within.split()) and f"1.00{WITHIN_NOISE}" in within
    assert "is the oracle itself" in " ".join(shown(run_table([{**row, "method": "retrain"}])).split())


def test_table_of_many_runs_fits_80_columns_and_gives_reasons(store: Store) -> None:
    rows = [fake_run(store, m, seed) for m in ("neggrad_plus", "munkey") for seed in (0, 1)]
    rows.append(fake_run(store, "ga", 0, status="diverged", error="the loss [red]became[/red] NaN"))
    rows.append(fake_run(store, "ft", 0, mia_auroc=None, missing='{"mia_auroc": "not finite"}', warnings='["odd"]'))
    text = shown(run_table(rows))
    assert all(len(line) <= 80 for line in text.splitlines()) and "…" not in text
    assert f"({rows[0]['oracle_test_acc']:.1f})" in text
    words = " ".join(text.split())
    assert "5 of 6 runs ok · digits · random10 · preset cpu" in words
    assert "ga (seed 0) diverged: the loss [red]became[/red] NaN" in words
    assert f"ft (seed 0): {DASH} for MIA: not finite" in words and "ft (seed 0): odd" in words
    assert "No runs" in shown(run_table([]))


def test_leaderboard_table_fits_80_columns(made: tuple[Path, Path]) -> None:
    text = shown(leaderboard_table(split_cells(leaderboard(load_results(made[0])))))
    assert all(len(line) <= 80 for line in text.splitlines()) and "…" not in text
    assert "digits · random10 · preset cpu · vit · 2 seeds" in text
    assert "(no unlearning)" in text and "1 diverged" in text and "±" in text


def test_importing_is_cheap_and_drawing_leaves_pyplot_alone(made: tuple[Path, Path], tmp_path: Path) -> None:
    code = (
        "import sys; from unbench.reporting import report\n"
        "assert not {'pandas', 'matplotlib', 'torch'} & set(sys.modules)\n"
        f"report({str(made[0])!r}, {str(tmp_path)!r})\n"
        "assert not {'matplotlib.pyplot', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
