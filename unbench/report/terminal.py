"""Tables for a terminal, 80 columns and up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table
from rich.text import Text

from unbench.metrics.gap import MEASURES
from unbench.report.cells import split_cells
from unbench.report.formatting import (
    DASH,
    NAMES,
    WITHIN_NOISE,
    amount,
    clean,
    json_list,
    json_object,
    points,
    present,
)
from unbench.report.leaderboard import NOTHING, ORACLE

if TYPE_CHECKING:
    import pandas as pd

_LEGEND = (
    "TA, RA, FA: accuracy on the test, retain and forget set, %. MIA: AUROC of telling forget from test "
    "images, %; 50 is chance. Gap: mean distance of these four to the oracle, the model retrained without "
    "the forget set; lower is better. Floor: the gap of a second oracle, which is noise."
)


def run_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """What `unbench run` shows at its end, from rows as stored: each measure beside its oracle's.

    A single run also gets the levels that it moves between: the original before unlearning, and the oracle.
    """
    single = len(rows) == 1
    varying = [name for name in ("dataset", "scenario", "preset", "seed") if len({r[name] for r in rows}) > 1]
    all_ok = all(row["status"] == "ok" for row in rows)
    table = _table(Text(_run_title(rows, varying), style="bold"))
    table.add_column("Method", overflow="fold")
    for name in varying:
        table.add_column(name.capitalize(), justify="right" if name == "seed" else "left", overflow="fold")
    if not all_ok:
        table.add_column("Status")
    for measure in MEASURES:
        table.add_column(NAMES[measure] if single else f"{NAMES[measure]} (oracle)", justify="right")
    for title in ("Gap", "Floor", "Seconds" if single else "Unlearn s (oracle)"):
        table.add_column(title, justify="right")
    if single and rows[0]["status"] == "ok":
        blank = [""] * (len(varying) + (not all_ok))
        for model, said, seconds in (
            ("original", "before unlearning", "train_seconds"),
            ("oracle", "never saw the forget set", "oracle_seconds"),
        ):
            head = Text.assemble((model, "cyan"), (f"\n{said}", "dim"))
            levels = [points(rows[0][f"{model}_{measure}"]) for measure in MEASURES]
            table.add_row(head, *blank, *levels, "", "", amount(rows[0][seconds]))
        table.add_section()
    for row in rows:
        cells = [Text(clean(row["method"]), style="bold")]
        cells += [Text(clean(row[name])) for name in varying]
        cells += [] if all_ok else [_status(row["status"])]
        cells += [_beside(points, row[m], None if single else row[f"oracle_{m}"]) for m in MEASURES]
        cells += [_gap(row["avg_gap"], row["avg_gap_floor"]), Text(points(row["avg_gap_floor"]))]
        cells += [_beside(amount, row["unlearn_seconds"], None if single else row["oracle_seconds"])]
        table.add_row(*cells)
    table.caption = _run_caption(rows)
    return table


def leaderboard_table(board: pd.DataFrame) -> Table:
    """The leaderboard for a terminal: one table per cell, mean ± spread over seeds."""
    grid = Table.grid(expand=False)
    grid.add_column()
    cells = split_cells(board)
    for cell in cells:
        table = _table(Text(f"{cell.title} · {cell.seeds}", style="bold"))
        table.add_column("Method", overflow="fold")
        for name in (*MEASURES, "avg_gap", "avg_gap_floor"):
            table.add_column(NAMES[name], justify="right")
        for title in ("Unlearn s", "Seeds"):
            table.add_column(title, justify="right")
        for row in cell.rows.to_dict("records"):
            reference = row["method"] in (ORACLE, NOTHING)
            label = Text(str(row["label"]), style="italic" if reference else "bold")
            if reference:
                label.append(" (oracle)" if row["method"] == ORACLE else " (no unlearning)", style="dim")
            bad = [f"{row[f'n_{s}']} {s}" for s in ("failed", "diverged", "skipped") if row[f"n_{s}"]]
            table.add_row(
                label,
                *(points(row[f"{name}_mean"], row[f"{name}_std"]) for name in MEASURES),
                _gap(
                    row["avg_gap_mean"],
                    row["avg_gap_floor_mean"],
                    row["avg_gap_std"],
                    row["method"] != ORACLE,
                ),
                points(row["avg_gap_floor_mean"]),
                amount(row["unlearn_seconds_mean"]),
                Text(", ".join([str(row["n_seeds"]), *bad]), style="red" if bad else ""),
            )
        grid.add_row(table)
    legend = Text(f"{_LEGEND} {WITHIN_NOISE}: not above the floor. {DASH}: missing; leaderboard.md says why.")
    legend.stylize("dim")
    grid.add_row(legend if cells else Text("There are no runs in the results folder yet."))
    return grid


def _table(title: Text) -> Table:
    return Table(
        title=title,
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        header_style="bold",
    )


def _run_title(rows: Sequence[Mapping[str, Any]], varying: Sequence[str]) -> str:
    if not rows:
        return "No runs"
    words = {"dataset": "{}", "scenario": "{}", "preset": "preset {}", "seed": "seed {}"}
    same = [words[name].format(clean(rows[0][name])) for name in words if name not in varying]
    ok = sum(row["status"] == "ok" for row in rows)
    return " · ".join([f"{ok} of {len(rows)} runs ok" if len(rows) > 1 else "1 run", *same])


def _run_caption(rows: Sequence[Mapping[str, Any]]) -> Text:
    """Verdict, then what went wrong, then what the columns mean."""
    lines: list[Text] = []
    if len(rows) == 1 and present(rows[0]["avg_gap"]) and present(rows[0]["avg_gap_floor"]):
        lines.append(_verdict(rows[0]))
    for row in rows:
        who = f"{clean(row['method'])} (seed {row['seed']})"
        if row["status"] != "ok":
            lines.append(Text(f"{who} {clean(row['status'])}: {clean(row['error'] or 'no reason is stored')}", "red"))
        lines += [Text(f"{who}: {clean(w)}", "yellow") for w in json_list(row["warnings"])]
        reasons: dict[str, list[str]] = {}
        for column, reason in json_object(row["missing"]).items():
            if column in NAMES and row["status"] == "ok" and column != "forget_class_test_acc":
                reasons.setdefault(clean(reason), []).append(NAMES[column])
        lines += [Text(f"{who}: {DASH} for {', '.join(n)}: {reason}", "yellow") for reason, n in reasons.items()]
    if any(row["status"] == "ok" for row in rows):
        inside = "" if len(rows) == 1 else " In parentheses: the same for the oracle."
        lines.append(Text(f"{_LEGEND} {WITHIN_NOISE}: not above the floor.{inside}", "dim"))
    return Text("\n").join(lines)


def _verdict(row: Mapping[str, Any]) -> Text:
    gap, floor = points(row["avg_gap"]), points(row["avg_gap_floor"])
    method = clean(row["method"])
    if row["method"] == ORACLE:
        return Text(f"{method} is the oracle itself; two oracles are {floor} points apart.")
    if row["avg_gap"] <= row["avg_gap_floor"]:
        return Text(
            f"{method} is {gap} points from the oracle, and two oracles are {floor} apart: "
            "no different from retraining, as far as one run can tell.",
            "green",
        )
    return Text(f"{method} is {gap} points from the oracle, more than the {floor} between two oracles.")


def _status(status: str) -> Text:
    return Text(clean(status), style="green" if status == "ok" else "red")


def _beside(show: Any, value: Any, oracle: Any) -> Text:
    text = Text(show(value))
    if present(value) and present(oracle):
        text.append(f" ({show(oracle)})", style="dim")
    return text


def _gap(gap: Any, floor: Any, std: Any = None, mark: bool = True) -> Text:
    text = Text(points(gap, std))
    if mark and present(gap) and present(floor) and gap <= floor:
        text.append(f" {WITHIN_NOISE}")
        text.stylize("green")
    return text
