"""The tables of one cell of the leaderboard: numbers, what they rest on, and those of the sections below."""

import json
from collections.abc import Iterable, Sequence

from unbench.analysis.board.ablations import AblationStudy
from unbench.analysis.board.cells import BoardCell
from unbench.analysis.board.formatting import DASH, WITHIN_NOISE, formatter, title_of
from unbench.analysis.board.leaderboard import AUDIT, COSTS, DEPLOYMENT, FAILURES
from unbench.analysis.board.oracles import ReferenceRow, count_oracles
from unbench.analysis.rows.defaults import is_default
from unbench.analysis.rows.values import json_object, present
from unbench.config.reference_names import NOTHING, ORACLE
from unbench.metrics.gap import MEASURES
from unbench.reporting.table import Cells, ReportTable, TableCell, texts
from unbench.store.schema import PATHWAYS, Row

UNKNOWN = "not known"
VARIED = ("val_acc", "test_acc", "forget_acc", "mia_auroc", "avg_gap", "avg_gap_floor", "image_forget_acc")
OPTIONAL = ("val_acc", "image_forget_acc")
"""Columns of ablations, and those that are left out where no run has them: older runs, methods without pathways."""

MODELS = {"original_": "before deletion", "": "after deletion", "oracle_": "oracle"}
"""Column prefixes of the three models of a memory, in order, and what they are to it."""

COST_TITLES = (
    *("Entries", "Bytes/entry", "Build s", "Delete s"),
    *("ms, ensemble", "ms, softmax", "ms, rank", "ms, no memory"),
)
"""Titles of DEPLOYMENT, in its order."""


def _columns(cell: BoardCell, narrow: bool = False) -> list[str]:
    """Return the columns of the leaderboard that the table of a cell shows; fewer for a narrow page."""
    columns = [*MEASURES, "avg_gap", "avg_gap_floor", "unlearn_seconds"]
    if not narrow:
        columns.append("peak_memory_mb")
        if any(cell.rows["forget_class"]):
            columns.insert(len(MEASURES), "forget_class_test_acc")
    metric = cell.basis.metric
    oracles = [f"oracle_{metric}"] if f"oracle_{metric}_mean" in cell.rows else []
    return [*columns, *([] if metric in columns else [metric]), *oracles]


def board_table(cell: BoardCell, narrow: bool = False) -> ReportTable:
    """Build the table of a cell: the oracle's rows, the references, the methods, and outdated rows last."""
    columns, rows = _columns(cell, narrow), cell.main_records
    lines = [(method_cell(row), *numbers(row, columns), seeds_cell(row)) for row in rows]
    first = count_oracles(rows)
    lines[first:first] = [_reference(one, columns) for one in cell.references]
    titles = ("Method", *map(title_of, columns), "Seeds")
    return ReportTable(titles, lines, caption=f"{cell.title} · {cell.seeds}", label=cell.slug)


def status_table(cell: BoardCell) -> ReportTable:
    """Build the table of what the numbers of each row rest on, with its rank and the interval of what is ranked."""
    metric = cell.basis.metric
    lines = [
        (
            name_cell(row),
            *texts(row["chosen"] or UNKNOWN, row["touches"] or UNKNOWN),
            TableCell("no", notes=(row["unverified"],)) if row["unverified"] else TableCell("verified"),
            TableCell(f"{cell.ranks[row['label']]:g}" if row["label"] in cell.ranks else DASH),
            interval_cell(row, metric),
        )
        for row in cell.main_records
    ]
    titles = ("Method", "Hyper-parameters", "May touch", "Verified", "Rank", f"{title_of(metric)}, 95 %")
    return ReportTable(titles, lines, texts=4)


def intervals_table(cell: BoardCell) -> ReportTable:
    """Build the table of the intervals of all numbers of a cell; it has no row if no method has two seeds."""
    columns = _columns(cell)
    shown = [row for row in cell.main_records if row["n_seeds"] > 1]
    lines = [(TableCell(row["label"]), *(interval_cell(row, name) for name in columns)) for row in shown]
    return ReportTable(("Method", *map(title_of, columns)), lines)


def levels_table(cell: BoardCell) -> ReportTable:
    """Build the table of every original and oracle that the gaps of a cell refer to."""
    lines = []
    for group in cell.oracles:
        row = {**group.row, "missing": ""}
        for model, seconds in (("original", "train_seconds"), ("oracle", "oracle_seconds")):
            floor = number_cell(row, "avg_gap_floor") if model == "oracle" else TableCell()
            levels = numbers(row, [f"{model}_{measure}" for measure in MEASURES])
            name = TableCell(f"{model} of {group.who}" if group.who else model)
            lines.append((name, *levels, floor, number_cell(row, seconds)))
    return ReportTable(("Model", *map(title_of, MEASURES), "Floor", "Training s"), lines)


def ablation_table(study: AblationStudy) -> ReportTable:
    """Build the table of one method's ablations: a line per value of each hyper-parameter that was varied alone."""
    lines = [(ablation.hparam, point) for ablation in study.ablations for point in ablation.points]
    columns = [
        name for name in VARIED if name not in OPTIONAL or any(present(point.row[f"{name}_mean"]) for _, point in lines)
    ]
    rows = [
        (
            TableCell(hparam),
            TableCell(point.text, style="strong" if point.default else ""),
            *numbers(point.row, columns),
            seeds_cell(point.row),
        )
        for hparam, point in lines
    ]
    titles = ["FA, image alone" if column == "image_forget_acc" else title_of(column) for column in columns]
    return ReportTable(("Hyper-parameter", "Value", *titles, "Seeds"), rows, texts=2)


def audited(rows: Sequence[Row]) -> list[Row]:
    """Select one row for each method with pathways: that of its default hyper-parameters, else its first.

    Args:
        rows: of one cell of the leaderboard.
    """
    chosen: dict[str, Row] = {}
    for row in having(rows, AUDIT):
        if row["method"] not in chosen or (is_default(row) and not is_default(chosen[row["method"]])):
            chosen[row["method"]] = row
    return list(chosen.values())


def pathways_table(row: Row) -> ReportTable:
    """Build the table of what each pathway of a memory model predicts alone, of all three models."""
    lines = [
        (*texts(f"{path} alone", when), *numbers(row, [f"{prefix}{path}_{name}" for name in MEASURES]))
        for path in PATHWAYS
        for prefix, when in MODELS.items()
    ]
    return ReportTable(("Pathway", "Model", *map(title_of, MEASURES)), lines, texts=2)


def sensitivity_table(row: Row) -> ReportTable:
    """Build the table of a memory model's image pathway minus its memory pathway, of all three models."""
    lines = [
        (TableCell(f"P_s, {name}"), *numbers(row, [f"{prefix}pathway_sensitivity_{split}" for prefix in MODELS]))
        for split, name in (("val", "validation"), ("forget", "forget set"))
    ]
    return ReportTable(("Image minus memory, points", *MODELS.values()), lines)


def costs_table(rows: Sequence[Row]) -> ReportTable:
    """Build the table of what memories cost in deployment; it has no row if there is no memory."""
    lines = [(*texts(row["label"], row["memory_index"]), *numbers(row, DEPLOYMENT)) for row in having(rows, DEPLOYMENT)]
    return ReportTable(("Method", "Index", *COST_TITLES), lines, texts=2)


def having(rows: Iterable[Row], columns: Sequence[str]) -> list[Row]:
    """Return the rows that have a number in any of the columns."""
    return [row for row in rows if any(present(row[f"{name}_mean"]) for name in columns)]


def numbers(row: Row, columns: Iterable[str]) -> Cells:
    """Return mean and spread of some columns of a row."""
    return tuple(number_cell(row, column) for column in columns)


def number_cell(row: Row, column: str) -> TableCell:
    """Return mean and spread of one column of a row, or a dash with the reason for there being none."""
    cell = shown_cell(column, row[f"{column}_mean"], row[f"{column}_std"])
    if cell.text == DASH:
        reason = json_object(row["missing"]).get(column)
        return TableCell(DASH, notes=() if reason is None else (f"not known: {reason}",))
    within = column == "avg_gap" and row["within_noise"] is True
    return cell._replace(mark=WITHIN_NOISE) if within else cell


def shown_cell(column: str, mean: object, std: object) -> TableCell:
    """Return mean and spread as cells of a column show them."""
    text, _, spread = formatter(column)(mean, std).partition(" ± ")
    return TableCell(text, spread)


def interval_cell(row: Row, column: str) -> TableCell:
    """Return `0.12 to 0.58`, or a dash, with the reason if there is a mean but no interval."""
    low, high = row[f"{column}_low"], row[f"{column}_high"]
    if not present(low):
        few = row["n_seeds"] == 1 and present(row[f"{column}_mean"])
        return TableCell(DASH, notes=("an interval over seeds requires at least two",) if few else ())
    show = formatter(column)
    # A time or a size is never below 0, however wide the interval.
    return TableCell(f"{show(max(low, 0.0) if column in COSTS else low)} to {show(high)}")


def seeds_cell(row: Row) -> TableCell:
    """Return the number of ok runs, with a note for each of the others."""
    notes = (f"{row['label']}, seed {f['seed']}: {f['status']}: {f['error']}" for f in json.loads(row["failures"]))
    return TableCell(str(row["n_seeds"]), notes=tuple(notes))


def name_cell(row: Row) -> TableCell:
    """Return the label of a row, marked if it is outdated."""
    if row["outdated"]:
        return TableCell(row["label"], remark="outdated", style="outdated")
    return TableCell(row["label"])


def method_cell(row: Row) -> TableCell:
    """Return the label of a row, with what it is if it is a reference, and how many of its runs failed."""
    failed = ", ".join(f"{row[f'n_{status}']} {status.replace('_', ' ')}" for status in FAILURES if row[f"n_{status}"])
    if row["outdated"]:
        return name_cell(row)._replace(brief=failed)
    remark = {ORACLE: "(oracle)", NOTHING: "(no unlearning)"}.get(row["method"], "")
    reference = remark or row["method_family"] == "reference"
    return TableCell(row["label"], remark=remark, style="reference" if reference else "", brief=failed)


def _reference(reference: ReferenceRow, columns: Sequence[str]) -> Cells:
    """Return a row that belongs to no method: blank where it has no number."""
    who = f"of {reference.who}" if reference.who else ""
    values = reference.values
    known = (shown_cell(name, *values[name]) if name in values else TableCell() for name in columns)
    return (TableCell(reference.name, remark=who, style="reference"), *known, TableCell(str(reference.n_seeds)))
