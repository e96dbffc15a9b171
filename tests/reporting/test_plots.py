"""Plots as plain data, as PNG, SVG and CSV: known answers, the same bytes every time, odd names, what is missing."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from fakes import fake_run
from svg import texts_of
from typer.testing import CliRunner

from unbench.analysis import outputs
from unbench.analysis.board.cells import BoardCell, split_cells
from unbench.analysis.board.leaderboard import AUDIT, leaderboard
from unbench.analysis.board.ranks import CriticalDifference
from unbench.analysis.looks import LOSS_EDGES, confidence_look, digest_outputs, losses_look, roc_look
from unbench.analysis.outputs import OutputsReader, RunExamples, best, tables_of_outputs
from unbench.analysis.rows.noted import NotedTable
from unbench.analysis.rows.values import records
from unbench.cli import app
from unbench.errors import StoreError, UnknownNameError
from unbench.metrics.outputs import RunOutputs
from unbench.reporting import report
from unbench.reporting.board_tables import audited
from unbench.reporting.figures.accuracy import audit_data, draw_audit
from unbench.reporting.figures.confidence import confidence_data, draw_confidence
from unbench.reporting.figures.losses import draw_losses, losses_data
from unbench.reporting.figures.memory import draw_memory, memory_data
from unbench.reporting.figures.ranks_diagram import critical_data
from unbench.reporting.figures.renderer import Picture
from unbench.reporting.figures.roc import draw_roc_low, roc_low_data
from unbench.reporting.figures.style import Palette, style
from unbench.reporting.figures.tuning import draw_tuning, load_trials, tuning_data
from unbench.store.results import Store, load_results
from unbench.store.schema import COLUMNS, OUTPUT_COLUMNS
from unbench.store.tables import arrow_schema, write_arrow, write_table

NASTY = "a<b>&_$x^2$\"'{}"
MEMORY: dict[str, Any] = {
    "memory_entries": 100,
    "memory_bytes_per_entry": 520.0,
    "memory_index": "exact",
    "delete_seconds": 0.25,
}


@pytest.fixture(autouse=True)
def printed() -> Iterator[None]:
    with style():
        yield


def cells_of(store: Store) -> list[BoardCell]:
    return split_cells(leaderboard(load_results(store.folder)))


def reader_of(results: Path) -> OutputsReader:
    return OutputsReader(results, load_results(results))


def outputs_of(probabilities: dict[str, list[float]], splits: list[str]) -> RunOutputs:
    """Two classes, label 0, and of each model the probability of that label for each example."""
    labels = np.zeros(len(splits), dtype=np.int64)
    logits = {}
    for model, values in probabilities.items():
        p = np.array(values)
        logits[model] = np.stack([np.log(p), np.log1p(-p)], axis=1).astype(np.float32)
    return RunOutputs(labels, np.array(splits), logits)  # type: ignore[arg-type]


def write_outputs(store: Store, row: dict[str, Any], splits: list[str], **models: list[float]) -> None:
    """Put two-class outputs with these probabilities of the label in the place of a run's."""
    made = outputs_of({**models, "oracle_2": models["oracle"]}, splits)
    schema = arrow_schema(OUTPUT_COLUMNS)
    columns: dict[str, Any] = {"example_id": np.arange(len(splits)) + 7, "split": splits, "label": made.labels}
    columns.update({str(name): list(values) for name, values in made.logits.items()})
    absent = pa.nulls(len(splits), schema.field("original").type)
    arrays = [pa.array(columns[f.name], f.type) if f.name in columns else absent for f in schema]
    write_arrow(store.outputs_path(row), pa.Table.from_arrays(arrays, schema=schema))


def rows_of_csv(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(path.read_text("utf-8"))))


# The data of each plot


def test_losses_are_counted_up_to_each_edge() -> None:
    splits = ["forget", "forget", "retain", "test"]
    # Losses of 1e-9, below all edges, of 0.693, between two of them, and of 46, above all.
    made = outputs_of({"unlearned": [1 - 1e-9, 0.5, 0.5, 1e-20]}, splits)
    found = losses_look(RunExamples(made, np.arange(4)), "unlearned")
    table = pd.DataFrame(found)
    assert list(dict.fromkeys(table["set"])) == ["forget", "retain", "test"]
    for name, expected in (("forget", [1, 2]), ("retain", [0, 1]), ("test", [0, 0])):
        part = table[table["set"] == name]
        assert tuple(part["loss"]) == LOSS_EDGES
        below = part["loss"] < np.log(2)
        assert set(part.loc[below, "count"]) == {expected[0]}
        assert set(part.loc[~below, "count"]) == {expected[1]}
        assert set(part["images"]) == {splits.count(name)}


def test_shares_are_over_the_images_of_all_seeds(store: Store) -> None:
    splits = ["forget", "retain", "test"]
    for seed, forget in ((0, 0.5), (1, 0.999)):
        row = fake_run(store, "ft", seed)
        p = [forget, 0.5, 0.5]
        write_outputs(store, row, splits, original=p, oracle=p, unlearned=p)
    (cell,) = cells_of(store)
    seen = tables_of_outputs(cell.main, reader_of(store.folder), {"losses": losses_look})["losses"]
    data = losses_data(seen)
    part = data.table[(data.table["set"] == "forget") & (data.table["model"] == "unlearned")]
    shares = dict(zip(part["loss"], part["share"], strict=True))
    assert {share for loss, share in shares.items() if loss < 0.001} == {0.0}
    assert {share for loss, share in shares.items() if 0.0011 < loss < 0.69} == {50.0}
    assert {share for loss, share in shares.items() if loss > 0.7} == {100.0}
    assert set(part["images"]) == {2}
    assert len(draw_losses(data, "title", Palette(("ft",))).axes) == data.table["label"].nunique()


def test_confidence_is_the_probability_of_the_label_before_and_after(store: Store) -> None:
    splits = ["retain", "forget", "forget", "test"]
    row = fake_run(store, "ft")
    original, unlearned, oracle = [0.5, 0.9, 0.8, 0.5], [0.5, 0.3, 0.2, 0.5], [0.5, 0.6, 0.7, 0.5]
    write_outputs(store, row, splits, original=original, unlearned=unlearned, oracle=oracle)
    (cell,) = cells_of(store)
    seen = tables_of_outputs(cell.main, reader_of(store.folder), {"confidence": confidence_look})["confidence"]
    data = confidence_data(seen, cell.oracle_of)
    assert list(data.table["label"]) == ["oracle", "oracle", "ft", "ft"]
    assert list(data.table["example_id"]) == [8, 9, 8, 9]
    assert data.table["before"].tolist() == pytest.approx([0.9, 0.8, 0.9, 0.8])
    assert data.table["after"].tolist() == pytest.approx([0.6, 0.7, 0.3, 0.2])
    assert set(data.table["method"]) == {"retrain", "ft"}


def test_each_oracle_has_one_panel_of_confidence(store: Store) -> None:
    for method in ("none", "ft", "ga", "munkey"):
        fake_run(store, method)
    (cell,) = cells_of(store)
    seen = tables_of_outputs(cell.main, reader_of(store.folder), {"confidence": confidence_look})["confidence"]
    labels = list(dict.fromkeys(confidence_data(seen, cell.oracle_of).table["label"]))
    assert sorted(labels) == ["ft", "ga", "munkey", "oracle (post-hoc)", "oracle of munkey"]
    assert labels[labels.index("munkey") - 1] == "oracle of munkey"


def test_an_oracle_that_was_trained_twice_to_the_same_is_one(store: Store) -> None:
    first = fake_run(store, "none", outputs=False)
    last_bit = first["oracle_mia_auroc"] * (1 + 1e-15)
    fake_run(store, "ft", outputs=False, oracle_seconds=99.0, train_seconds=98.0, oracle_mia_auroc=last_bit)
    (cell,) = cells_of(store)
    assert [(group.who, set(group.labels)) for group in cell.oracles] == [("", {"none", "ft"})]
    fake_run(store, "ga", outputs=False, oracle_mia_auroc=first["oracle_mia_auroc"] + 0.01)
    (cell,) = cells_of(store)
    assert len(cell.oracles) == 2


def test_probabilities_of_none_and_all_stay_on_the_axes(store: Store) -> None:
    table = pd.DataFrame({"label": "ft", "method": "ft", "seed": 0, "example_id": [1, 2]})
    data = NotedTable(table.assign(before=[0.0, 1.0], after=[1.0, 0.0]))
    figure = draw_confidence(data, "title", Palette(("ft",)))
    (axes,) = figure.axes
    points = axes.lines[-1].get_xydata()
    assert np.isfinite(points).all()
    low, high = axes.get_xlim()
    assert ((low < points) & (points < high)).all()


def test_low_end_of_the_roc_is_the_mean_over_seeds() -> None:
    # One curve along the diagonal, one that finds everybody at once: their mean is half of each.
    curves = [{"seed": 0, "fpr": [0.0, 1.0], "tpr": [0.0, 1.0]}, {"seed": 1, "fpr": [0.0, 0.0, 1.0], "tpr": [0, 1, 1]}]
    table = pd.concat([pd.DataFrame(curve) for curve in curves])
    data = roc_low_data(NotedTable(table.assign(label="ft", method="ft", model="unlearned", auroc=50.0)))
    assert data.table["fpr"].min() == pytest.approx(0.001) and data.table["fpr"].max() == pytest.approx(1)
    assert data.table["tpr"].tolist() == pytest.approx(((data.table["fpr"] + 1) / 2).tolist())
    assert len(draw_roc_low(data, "title", Palette(("ft",))).axes) == 1


def test_audit_has_each_pathway_before_and_after_beside_its_oracle(store: Store) -> None:
    values = {name: float(number) for number, name in enumerate(AUDIT)}
    fake_run(store, "munkey", outputs=False, **values)
    fake_run(store, "ft", outputs=False)
    rows = records(cells_of(store)[0].rows)
    data = audit_data(rows)
    assert len(data.table) == 2 * 2 * 3 and {row["method"] for row in audited(rows)} == {"munkey"}
    prefixes = {"before deletion": "original_", "after deletion": ""}
    for row in records(data.table):
        name = f"{row['pathway']}_{row['set']}_acc"
        assert row["mean"] == values[prefixes[row["model"]] + name] and row["oracle"] == values[f"oracle_{name}"]
    assert len(draw_audit(data, "title", Palette(("munkey",))).axes) == 3
    assert audit_data(rows[:0]).table.empty


def test_memory_has_one_point_for_each_size(store: Store) -> None:
    fake_run(store, "munkey", outputs=False, **MEMORY)
    fake_run(store, "munkey", 1, outputs=False, **MEMORY)
    fake_run(store, "munkey", outputs=False, dataset="cub", **{**MEMORY, "memory_entries": 3000})
    for lr in (1, 2):
        fake_run(store, "knn", outputs=False, hparams=f'{{"lr": {lr}}}', **{**MEMORY, "delete_seconds": None})
    fake_run(store, "ft", outputs=False)
    data = memory_data(cells_of(store))
    found = {(row["method"], row["cell"].split()[0]): row for row in records(data.table)}
    assert len(found) == len(data.table) == 3
    sizes = {key: (row["entries"], row["bytes"]) for key, row in found.items()}
    assert sizes == {
        ("munkey", "digits"): (100.0, 52_000.0),
        ("knn", "digits"): (100.0, 52_000.0),
        ("munkey", "cub"): (3000.0, 1_560_000.0),
    }
    assert found["munkey", "cub"]["delete_seconds"] == 0.25
    figure = draw_memory(data, "title")
    drawn = [[line for line in axes.lines if line.get_marker() != "None"] for axes in figure.axes]
    assert [len(lines) for lines in drawn] == [3, 2]
    fake_run(store, "ft", outputs=False, dataset="svhn")
    assert memory_data([cell for cell in cells_of(store) if "svhn" in cell.title]).table.empty


def trial(store: Store, method: str, second: int, val_gap: float | None, **changes: Any) -> dict[str, Any]:
    at = f"2026-01-01T00:00:{second:02}Z"
    changes = {"seed": 1000, "hparams": f'{{"x": {second}}}', **changes}
    return fake_run(store, method, outputs=False, val_gap=val_gap, started_at=at, **changes)


def test_tuning_curve_is_the_smallest_gap_so_far_in_the_order_of_the_trials(store: Store) -> None:
    fake_run(store, "ft", outputs=False)
    tuned = Store(store.folder / "tuning")
    gaps = {4: 2.0, 1: 9.0, 2: None, 3: 12.0, 5: 2.5}
    for second, gap in gaps.items():
        trial(tuned, "ft", second, gap, status="ok" if gap else "timed_out")
    trial(tuned, "ft", 6, 0.1, seed=1001)
    trial(tuned, "ft", 7, 0.1, method_version=0)
    trial(tuned, "ga", 8, 0.1, dataset="cub")
    (cell,) = cells_of(store)
    data = tuning_data(load_trials(store.folder), cell)
    assert set(data.table["method"]) == {"ft"}
    assert data.table["trial"].tolist() == [1, 2, 3, 4, 5]
    assert data.table["gap"].fillna(-1).tolist() == [9.0, -1, 12.0, 2.0, 2.5]
    assert data.table["best"].tolist() == [9.0, 9.0, 9.0, 2.0, 2.0]
    figure = draw_tuning(data, "title", Palette(("ft",)))
    (curve,) = figure.axes[0].lines
    assert list(curve.get_ydata()) == data.table["best"].tolist() and curve.get_markevery() == [0, 3]


def test_gathered_trials_are_read_and_counted_once(store: Store) -> None:
    fake_run(store, "ft", outputs=False)
    assert load_trials(store.folder).empty
    tuned = Store(store.folder / "tuning")
    rows = [trial(tuned, "ft", second, 10.0 - second) for second in range(3)]
    write_table(store.folder / "tuning" / "trials.parquet", rows, COLUMNS)
    assert len(load_trials(store.folder)) == 3
    first = tuning_data(load_trials(store.folder), cells_of(store)[0]).table
    for path in tuned.runs.iterdir():
        path.unlink()
    pd.testing.assert_frame_equal(tuning_data(load_trials(store.folder), cells_of(store)[0]).table, first)
    (store.folder / "tuning" / "trials.parquet").write_bytes(b"no Parquet")
    with pytest.raises(StoreError, match="trials"):
        load_trials(store.folder)


def test_methods_that_never_had_a_gap_have_no_curve(store: Store) -> None:
    fake_run(store, "ft", outputs=False)
    trial(Store(store.folder / "tuning"), "ft", 1, None, status="diverged")
    data = tuning_data(load_trials(store.folder), cells_of(store)[0])
    assert data.table.empty and data.notes == ("No trial has a validation gap.",)


def test_data_of_the_critical_difference_gives_each_methods_bars() -> None:
    tested = CriticalDifference(("a", "b", "c", "d"), (1.0, 2.0, 3.0, 4.0), 5, 0.01, 1.5, ((0, 1), (1, 2)))
    table = critical_data(tested).table
    assert table["bars"].tolist() == ["1", "1 2", "2", ""] and table["mean_rank"].tolist() == [1, 2, 3, 4]
    assert set(table["critical_difference"]) == {1.5} and set(table["cells"]) == {5}


# What is read of outputs


def test_outputs_are_read_once_for_all_looks(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in (0, 1):
        fake_run(store, "ft", seed)
    read: list[str] = []
    real = RunOutputs.from_table.__func__  # type: ignore[attr-defined]

    def counted(cls: type[RunOutputs], table: pa.Table, forget_class: int | None = None) -> RunOutputs:
        read.append("outputs")
        return real(cls, table, forget_class)  # type: ignore[no-any-return]

    monkeypatch.setattr(RunOutputs, "from_table", classmethod(counted))
    (cell,) = cells_of(store)
    looks = {"roc": roc_look, "losses": losses_look, "confidence": confidence_look}
    reader = OutputsReader(store.folder, load_results(store.folder), {"digest": digest_outputs})
    found = tables_of_outputs(cell.main, reader, looks)
    assert not any(one.table.empty for one in found.values())
    for key in cell.main["run_keys"].iloc[0].split():
        assert reader.take(key, {"digest": digest_outputs})["digest"][0]["classes"] > 0
    assert len(read) == 2


def test_a_report_reads_outputs_once_for_figures_and_explorer(store: Store, tmp_path: Path, monkeypatch: Any) -> None:
    for method in ("ft", "ga"):
        fake_run(store, method)
    read: list[str] = []
    real = outputs.load_outputs

    def counted(folder: Path, row: Any) -> pa.Table:
        read.append(row["run_key"])
        return real(folder, row)

    monkeypatch.setattr(outputs, "load_outputs", counted)
    report(store.folder, tmp_path, formats=["md", "explorer"])
    assert len(read) == len(set(read)) == 2 and (tmp_path / "explorer.html").is_file()


def test_best_rows_with_outputs_are_shown_and_the_others_named() -> None:
    labels = [f"m{n}" for n in range(4)]
    cut = best(NotedTable(pd.DataFrame({"label": np.repeat(labels, 2), "x": range(8)}), ("a note",)), 2)
    assert cut.table["x"].tolist() == [0, 1, 2, 3]
    assert cut.notes == ("a note", "Not drawn for want of room, the gap being larger: m2, m3.")


def test_rows_without_outputs_take_no_place(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unbench.analysis.outputs.MOST", 1)
    fake_run(store, "ga", outputs=False, avg_gap=0.1)
    fake_run(store, "ft", avg_gap=1.0)
    fake_run(store, "scrub", avg_gap=2.0)
    (cell,) = cells_of(store)
    seen = tables_of_outputs(cell.main, reader_of(store.folder), {"roc": roc_look})["roc"]
    assert set(seen.table["label"]) == {"ft"}
    assert seen.notes == (
        "ga: no per-example outputs are stored (seed 0).",
        "Not drawn for want of room: 1 rows with a larger gap.",
    )


def test_what_cannot_be_computed_has_its_reason_and_no_file(store: Store, tmp_path: Path) -> None:
    row = fake_run(store, "ft")
    bad = [float("nan")] * 3
    write_outputs(store, row, ["forget", "retain", "test"], original=bad, oracle=bad, unlearned=bad)
    report(store.folder, tmp_path, formats=["md"], plot_data=True)
    assert {path.name.split("-")[0] for path in tmp_path.glob("*.png")} == {"accuracy", "gap"}
    assert not list(tmp_path.glob("roc*")) and not list(tmp_path.glob("losses*"))
    text = (tmp_path / "leaderboard.md").read_text("utf-8").replace("\\", "")
    assert text.count("not drawn") == 1
    assert "ft: nothing of its unlearned model: some logits are not finite (seed 0)." in text


# The files


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every plot of a cell: odd names, one seed beside several, pathways, a memory, tuning."""
    store = Store(tmp_path_factory.mktemp("filled") / "results")
    audit = dict.fromkeys(AUDIT, 50.0)
    for seed in (0, 1):
        for method in ("none", "ft", "retrain"):
            fake_run(store, method, seed)
        fake_run(store, "munkey", seed, **audit, **MEMORY)
    fake_run(store, NASTY)
    tuned = Store(store.folder / "tuning")
    for method in ("ft", NASTY):
        for second in range(3):
            trial(tuned, method, second, 5.0 - second)
    return store.folder


PLOTS = ("accuracy", "gap-time", "roc", "roc-low", "losses", "confidence", "audit", "tuning")
NAMES = sorted([*(f"{name}-digits-random10-cpu" for name in PLOTS), "memory"])


@pytest.fixture(scope="module")
def drawn(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("drawn")
    written = report(filled, out, formats=["md", "tex"], plot_formats=["svg", "png"], plot_data=True)
    assert sorted(path.name for path in written) == sorted(path.name for path in out.glob("[!.]*"))
    return out


def test_each_plot_is_written_in_each_format_with_its_data(drawn: Path) -> None:
    for kind in ("png", "svg", "csv"):
        assert sorted(path.stem for path in drawn.glob(f"*.{kind}")) == NAMES, kind
    text = (drawn / "leaderboard.md").read_text("utf-8")
    places = [text.index(f"]({name}-digits-random10-cpu.png)") for name in PLOTS]
    assert places == sorted(places) and text.index("](memory.png)") > places[-1] and ".svg)" not in text


def test_same_results_same_bytes_whatever_else_is_written(filled: Path, drawn: Path, tmp_path: Path) -> None:
    report(filled, tmp_path, formats=["md"], plot_formats=["svg"])
    again = sorted(tmp_path.glob("*.svg"))
    assert [path.stem for path in again] == NAMES and not list(tmp_path.glob("*.csv"))
    for path in again:
        assert path.read_bytes() == (drawn / path.name).read_bytes(), path.name
    report(filled, tmp_path, formats=["md"])
    for path in tmp_path.glob("*.png"):
        assert path.read_bytes() == (drawn / path.name).read_bytes(), path.name


def test_svg_is_xml_with_names_as_text_and_says_nothing_of_its_making(drawn: Path) -> None:
    for path in drawn.glob("*.svg"):
        content = path.read_text("utf-8")
        texts = texts_of(path)
        assert len(texts) > 5, path.name
        assert not any(word in content for word in ("dc:date", "dc:creator", "Matplotlib")), path.name
    for name in ("accuracy", "gap-time", "roc", "roc-low", "losses", "confidence", "tuning"):
        texts = texts_of(drawn / f"{name}-digits-random10-cpu.svg")
        assert any(NASTY in text for text in texts), name


def test_documents_show_the_svg_where_there_is_no_png(filled: Path, tmp_path: Path) -> None:
    report(filled, tmp_path, formats=["md", "html", "tex"], plot_formats=["svg"])
    name = "losses-digits-random10-cpu.svg"
    assert f"]({name})" in (tmp_path / "leaderboard.md").read_text("utf-8")
    assert f'src="{name}"' in (tmp_path / "leaderboard.html").read_text("utf-8")
    tex = (tmp_path / "leaderboard.tex").read_text("utf-8")
    assert ".svg" not in tex and "includegraphics" not in tex


def test_saved_data_are_those_that_were_drawn(filled: Path, drawn: Path) -> None:
    store = Store(filled)
    (cell,) = cells_of(store)
    looks = {"losses": losses_look, "confidence": confidence_look}
    seen = tables_of_outputs(cell.main, reader_of(filled), looks)
    tables = {
        "losses": losses_data(seen["losses"]).table,
        "confidence": confidence_data(seen["confidence"], cell.oracle_of).table,
        "tuning": tuning_data(load_trials(filled), cell).table,
        "audit": audit_data(cell.records).table,
    }
    for name, table in tables.items():
        saved = rows_of_csv(drawn / f"{name}-digits-random10-cpu.csv")
        assert len(saved) == len(table) > 0 and list(saved[0]) == list(table.columns)
        for wanted, row in zip(records(table), saved, strict=True):
            for column, value in wanted.items():
                if isinstance(value, float):
                    assert float(row[column]) == pytest.approx(value, rel=1e-9), (name, column)
                else:
                    assert row[column] == str(value), (name, column)
    (memory,) = rows_of_csv(drawn / "memory.csv")
    assert float(memory["bytes"]) == 52_000 and memory["index"] == "exact"


def test_a_picture_is_shown_by_its_png() -> None:
    assert Picture("t", ("a.svg", "a.png", "a.csv"), ()).file == "a.png"
    assert Picture("t", ("a.svg", "a.csv"), ()).file == "a.svg" and Picture("t", (), ()).file is None


def test_one_seed_draws_everything(store: Store, tmp_path: Path) -> None:
    fake_run(store, "munkey", **dict.fromkeys(AUDIT, 50.0), **MEMORY)
    report(store.folder, tmp_path, formats=["md"])
    wanted = [name for name in NAMES if not name.startswith("tuning")]
    assert sorted(path.stem for path in tmp_path.glob("*.png")) == wanted


def test_plots_of_one_data_set_leave_the_others_memory_out(store: Store, tmp_path: Path) -> None:
    for dataset in ("digits", "cub"):
        fake_run(store, "munkey", outputs=False, dataset=dataset, **MEMORY)
    report(store.folder, tmp_path, formats=["md"], plots=["cub"], plot_data=True)
    assert [row["cell"] for row in rows_of_csv(tmp_path / "memory.csv")] == ["cub · random10 · preset cpu · vit"]
    report(store.folder, tmp_path / "none", formats=["md"], plots=[])
    assert not list((tmp_path / "none").glob("*.png"))


def test_the_command_takes_formats_and_data_and_refuses_a_typo(store: Store, tmp_path: Path) -> None:
    fake_run(store, "ft", outputs=False)
    asked = ["report", "--results", str(store.folder), "--out", str(tmp_path), "--format", "md", "--plot-data"]
    done = CliRunner().invoke(app, [*asked, "--plot-format", "svg", "--plot-format", "png"])
    assert done.exit_code == 0, done.output
    names = {path.name for path in tmp_path.iterdir()}
    assert {f"accuracy-digits-random10-cpu.{kind}" for kind in ("png", "svg", "csv")} <= names
    with pytest.raises(UnknownNameError, match="did you mean 'svg'"):
        report(store.folder, tmp_path / "typo", plot_formats=["svgz"])
    assert not (tmp_path / "typo").exists()
