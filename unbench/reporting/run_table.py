"""The table at the end of `unbench run`: each measure of the runs beside their oracle's."""

from collections.abc import Callable, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from unbench.analysis.board.formatting import DASH, NAMES, WITHIN_NOISE, amount, points
from unbench.analysis.rows.labels import row_labels
from unbench.analysis.rows.values import clean, json_list, json_object, present
from unbench.config.reference_names import ORACLE
from unbench.metrics.gap import MEASURES
from unbench.reporting.table import Cells, ReportTable, TableCell, texts
from unbench.reporting.terminal import LEGEND, MARK, rich_table
from unbench.store.schema import Row

_NOT_SHOWN = ("forget_class_test_acc", "peak_memory_mb", "train_seconds")


def run_table(rows: Sequence[Row]) -> Table:
    """Render runs as stored.

    A single run also gets the levels that it moves between: the original before unlearning, and the oracle.
    """
    single = len(rows) == 1
    varying = [name for name in ("dataset", "scenario", "preset", "seed") if len({r[name] for r in rows}) > 1]
    titles = ("Method", *map(str.capitalize, varying), *(NAMES[m] for m in MEASURES), "Gap", "Floor", "Unlearn s")
    lines = _levels(rows[0]) if single and rows[0]["status"] == "ok" else []
    for row, label in zip(rows, row_labels(rows), strict=True):
        ok = row["status"] == "ok"
        lines.append(
            (
                TableCell(label, remark="after unlearning" if single and ok else "", brief="" if ok else row["status"]),
                *texts(*(clean(row[name]) for name in varying)),
                *(_beside(_percent, row[m], None if single else row[f"oracle_{m}"]) for m in MEASURES),
                TableCell(points(row["avg_gap"]), mark=_mark(row)),
                TableCell(points(row["avg_gap_floor"])),
                _beside(amount, row["unlearn_seconds"], None if single else row["oracle_seconds"]),
            )
        )
    text_columns = 1 + len([name for name in varying if name != "seed"])
    return rich_table(ReportTable(titles, tuple(lines), text_columns, _title(rows, varying)), _caption(rows))


def _levels(row: Row) -> list[Cells]:
    models = (("original", "before unlearning", "train_seconds"), ("oracle", "retain set only", "oracle_seconds"))
    return [
        (
            TableCell(model, remark=what, style="reference"),
            *texts(*(_percent(row[f"{model}_{measure}"]) for measure in MEASURES), "", "", amount(row[seconds])),
        )
        for model, what, seconds in models
    ]


def _title(rows: Sequence[Row], varying: Sequence[str]) -> str:
    if not rows:
        return "No runs"
    words = {"dataset": "{}", "scenario": "{}", "preset": "preset {}", "seed": "seed {}"}
    same = [words[name].format(clean(rows[0][name])) for name in words if name not in varying]
    ok = sum(row["status"] == "ok" for row in rows)
    head = f"{ok} of {len(rows)} runs ok" if len(rows) > 1 else clean(rows[0]["method"])
    return " · ".join([head, *same])


def _caption(rows: Sequence[Row]) -> Text:
    """Write the verdict, then what went wrong, then what the columns mean."""
    lines = [Text()]
    if len(rows) == 1 and present(rows[0]["avg_gap"]) and present(rows[0]["avg_gap_floor"]):
        lines.append(_verdict(rows[0]))
    for row in rows:
        who = f"{clean(row['method'])} (seed {row['seed']})"
        if row["status"] != "ok":
            lines.append(Text(f"{who} {clean(row['status'])}: {clean(row['error'] or 'no reason is stored')}", "red"))
        lines += [Text(f"{who}: {clean(warning)}", "yellow") for warning in json_list(row["warnings"])]
        lines += [Text(f"{who}: {missing}", "yellow") for missing in _missing(row)]
    if any(row["status"] == "ok" for row in rows):
        also = "For original and oracle: of training." if len(rows) == 1 else "In parentheses: the oracle's."
        lines.append(Text(f"{LEGEND} Unlearn s: seconds of unlearning. {also} {MARK}", "dim"))
    return Text("\n").join(lines)


def _missing(row: Row) -> list[str]:
    """Write each reason for missing numbers of an ok run, with the columns that it is of."""
    reasons: dict[str, list[str]] = {}
    for column, reason in json_object(row["missing"]).items():
        if column in NAMES and row["status"] == "ok" and column not in _NOT_SHOWN:
            reasons.setdefault(clean(reason), []).append(NAMES[column])
    return [f"{DASH} for {', '.join(names)}: {reason}" for reason, names in reasons.items()]


def _verdict(row: Row) -> Text:
    gap, floor = points(row["avg_gap"]), points(row["avg_gap_floor"])
    method = clean(row["method"])
    if row["method"] == ORACLE:
        return Text(f"{method} is the oracle itself; two oracles are {floor} points apart.")
    if _mark(row):
        return Text(
            f"{method} is {gap} points from the oracle, and two oracles are {floor} apart: "
            "no different from retraining, as far as one run can show.",
            "green",
        )
    return Text(f"{method} is {gap} points from the oracle, more than the {floor} between two oracles.")


def _mark(row: Row) -> str:
    """Return WITHIN_NOISE if the gap of a method's run is not above its floor."""
    gap, floor = row["avg_gap"], row["avg_gap_floor"]
    return WITHIN_NOISE if row["method"] != ORACLE and present(gap) and present(floor) and gap <= floor else ""


def _percent(value: Any) -> str:
    return points(value, digits=1)


def _beside(show: Callable[[Any], str], value: Any, oracle: Any) -> TableCell:
    """Show a value and its oracle's."""
    return TableCell(show(value), remark=f"({show(oracle)})" if present(value) and present(oracle) else "")
