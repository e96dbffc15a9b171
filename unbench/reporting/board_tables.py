"""The tables of one cell of the leaderboard: numbers, what they rest on, intervals, levels to compare with."""

from __future__ import annotations

import json
from collections.abc import Sequence

from unbench.analysis.board.cells import BoardCell
from unbench.analysis.board.formatting import DASH, WITHIN_NOISE, formatter, title_of
from unbench.analysis.board.leaderboard import COSTS, FAILURES
from unbench.analysis.board.oracles import ReferenceRow, count_oracles
from unbench.analysis.rows.values import json_object, present
from unbench.config.reference_names import NOTHING, ORACLE
from unbench.metrics.gap import MEASURES
from unbench.reporting.table import Cells, ReportTable, TableCell, texts
from unbench.store.schema import Row

ONE_SEED = "an interval over seeds requires at least two"
UNKNOWN = "not known"


def columns_of(cell: BoardCell) -> list[str]:
    """Return the columns of the leaderboard that the table of a cell shows."""
    of_class = ["forget_class_test_acc"] if any(cell.rows["forget_class"]) else []
    return _with_metric([*MEASURES, *of_class, "avg_gap", "avg_gap_floor", "unlearn_seconds", "peak_memory_mb"], cell)


def narrow_columns_of(cell: BoardCell) -> list[str]:
    """Return the columns for a narrow page: those of every cell, but without memory."""
    return _with_metric([*MEASURES, "avg_gap", "avg_gap_floor", "unlearn_seconds"], cell)


def _with_metric(columns: list[str], cell: BoardCell) -> list[str]:
    """Add the metric that rows are ranked by, and the oracle's value of it, unless they are there."""
    metric = cell.basis.metric
    oracles = [f"oracle_{metric}"] if f"oracle_{metric}_mean" in cell.rows else []
    return [*columns, *([] if metric in columns else [metric]), *oracles]


def board_table(cell: BoardCell, columns: Sequence[str]) -> ReportTable:
    """Build the table of a cell: the oracle's rows, the references, the methods, and outdated rows last."""
    rows = cell.main_records
    lines = [(method_cell(row), *(number_cell(row, name) for name in columns), seeds_cell(row)) for row in rows]
    above = [_reference(one, columns) for one in cell.references]
    first = count_oracles(rows)
    titles = ("Method", *map(title_of, columns), "Seeds")
    ordered = (*lines[:first], *above, *lines[first:])
    return ReportTable(titles, ordered, caption=f"{cell.title} · {cell.seeds}", label=cell.slug)


def status_table(cell: BoardCell) -> ReportTable:
    """Build the table of what the numbers of each row rest on, with its rank and the interval of what is ranked."""
    metric = cell.basis.metric
    lines = tuple(
        (
            name_cell(row),
            *texts(row["chosen"] or UNKNOWN, row["touches"] or UNKNOWN),
            TableCell("no", notes=(row["unverified"],)) if row["unverified"] else TableCell("verified"),
            TableCell(f"{cell.ranks[row['label']]:g}" if row["label"] in cell.ranks else DASH),
            interval_cell(row, metric),
        )
        for row in cell.main_records
    )
    titles = ("Method", "Hyper-parameters", "May touch", "Verified", "Rank", f"{title_of(metric)}, 95 %")
    return ReportTable(titles, lines, texts=4)


def intervals_table(cell: BoardCell, columns: Sequence[str]) -> ReportTable:
    """Build the table of the intervals of all numbers of a cell; it has no row if no method has two seeds."""
    shown = [row for row in cell.main_records if row["n_seeds"] > 1]
    lines = tuple((TableCell(row["label"]), *(interval_cell(row, name) for name in columns)) for row in shown)
    return ReportTable(("Method", *map(title_of, columns)), lines)


def levels_table(cell: BoardCell) -> ReportTable:
    """Build the table of every original and oracle that the gaps of a cell refer to."""
    lines = []
    for group in cell.oracles:
        for model, seconds in (("original", "train_seconds"), ("oracle", "oracle_seconds")):
            columns = [*(f"{model}_{measure}" for measure in MEASURES), "avg_gap_floor", seconds]
            numbers = [number_cell({**group.row, "missing": ""}, column) for column in columns]
            if model == "original":
                numbers[-2] = TableCell()
            lines.append((TableCell(f"{model} of {group.who}" if group.who else model), *numbers))
    return ReportTable(("Model", *map(title_of, MEASURES), "Floor", "Training s"), tuple(lines))


def number_cell(row: Row, column: str) -> TableCell:
    """Return mean and spread of one column of a row, or a dash with the reason for there being none."""
    cell = shown_cell(column, row[f"{column}_mean"], row[f"{column}_std"])
    if cell.text == DASH:
        reason = json_object(row["missing"]).get(column)
        return TableCell(DASH, notes=() if reason is None else (f"not known: {reason}",))
    within = column == "avg_gap" and row["within_noise"] is True
    return TableCell(cell.text, cell.spread, WITHIN_NOISE if within else "")


def shown_cell(column: str, mean: object, std: object) -> TableCell:
    """Return mean and spread as cells of a column show them."""
    text, _, spread = formatter(column)(mean, std).partition(" ± ")
    return TableCell(text, spread)


def interval_cell(row: Row, column: str) -> TableCell:
    """Return `0.12 to 0.58`, or a dash, with the reason if there is a mean but no interval."""
    low, high = row[f"{column}_low"], row[f"{column}_high"]
    if not present(low):
        few = row["n_seeds"] == 1 and present(row[f"{column}_mean"])
        return TableCell(DASH, notes=(ONE_SEED,) if few else ())
    show = formatter(column)
    # A time or a size is never below 0, however wide the interval.
    return TableCell(f"{show(max(low, 0.0) if column in COSTS else low)} to {show(high)}")


def seeds_cell(row: Row) -> TableCell:
    """Return the number of ok runs, with a note for each of the others."""
    notes = (f"{row['label']}, seed {f['seed']}: {f['status']}: {f['error']}" for f in json.loads(row["failures"]))
    return TableCell(str(row["n_seeds"]), notes=tuple(notes))


def name_cell(row: Row) -> TableCell:
    """Return the label of a row, marked if it is outdated."""
    outdated = bool(row["outdated"])
    return TableCell(row["label"], remark="outdated" if outdated else "", style="outdated" if outdated else "")


def method_cell(row: Row) -> TableCell:
    """Return the label of a row, with what it is if it is a reference, and how many of its runs failed."""
    failed = ", ".join(f"{row[f'n_{status}']} {status.replace('_', ' ')}" for status in FAILURES if row[f"n_{status}"])
    if row["outdated"]:
        return TableCell(row["label"], remark="outdated", style="outdated", brief=failed)
    remark = {ORACLE: "(oracle)", NOTHING: "(no unlearning)"}.get(row["method"], "")
    reference = remark or row["method_family"] == "reference"
    return TableCell(row["label"], remark=remark, style="reference" if reference else "", brief=failed)


def _reference(reference: ReferenceRow, columns: Sequence[str]) -> Cells:
    """Return a row that belongs to no method: blank where it has no number."""
    who = f"of {reference.who}" if reference.who else ""
    values = reference.values
    numbers = (shown_cell(name, *values[name]) if name in values else TableCell() for name in columns)
    return (TableCell(reference.name, remark=who, style="reference"), *numbers, TableCell(str(reference.n_seeds)))
