"""Tables for a terminal, 80 columns and up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table
from rich.text import Text

from unbench.analysis.board.cells import Cell, split_cells
from unbench.analysis.board.entries import arenas
from unbench.analysis.board.formatting import DASH, GONE, NAMES, WITHIN_NOISE, amount, points, shorten
from unbench.analysis.board.leaderboard import FAILURES
from unbench.analysis.board.ranks import Ranking, ranking
from unbench.analysis.board.references import count_oracles
from unbench.analysis.rows.labels import row_labels
from unbench.analysis.rows.records import records
from unbench.analysis.rows.values import clean, json_list, json_object, present
from unbench.config.reference_names import NOTHING, ORACLE
from unbench.metrics.gap import MEASURES

if TYPE_CHECKING:
    import pandas as pd

    from unbench.analysis.board.changes import Changes, Line, RowChange

_LEGEND = (
    "TA, RA, FA: accuracy on the test, retain and forget set, %. MIA: AUROC of telling forget from test "
    "images, %; 50 is chance. Gap: mean distance of these four to the oracle, the model retrained without "
    "the forget set; lower is better. Floor: the gap of a second oracle, which is noise. Seconds: of unlearning."
)
_MARK = f"{WITHIN_NOISE}: not above the floor."

_NOT_SHOWN = ("forget_class_test_acc", "peak_memory_mb", "train_seconds")


def run_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """What `unbench run` shows at its end, from rows as stored: each measure beside its oracle's.

    A single run also gets the levels that it moves between: the original before unlearning, and the oracle.
    """
    single = len(rows) == 1
    varying = [name for name in ("dataset", "scenario", "preset", "seed") if len({r[name] for r in rows}) > 1]
    table = _table(_run_title(rows, varying))
    table.add_column("Method", overflow="fold")
    for name in varying:
        table.add_column(name.capitalize(), justify="right" if name == "seed" else "left", overflow="fold")
    for title in (*(NAMES[measure] for measure in MEASURES), "Gap", "Floor", "Seconds"):
        table.add_column(title, justify="right", overflow="fold")
    if single and rows[0]["status"] == "ok":
        for model, said, seconds in (
            ("original", "before unlearning", "train_seconds"),
            ("oracle", "retain set only", "oracle_seconds"),
        ):
            levels = [points(rows[0][f"{model}_{measure}"], digits=1) for measure in MEASURES]
            table.add_row(_name(model, "cyan", said), *levels, "", "", amount(rows[0][seconds]))
        table.add_section()
    for row, label in zip(rows, row_labels(rows), strict=True):
        bad = "" if row["status"] == "ok" else clean(row["status"])
        cells = [_name(label, "bold", "after unlearning" if single and not bad else bad, bool(bad))]
        cells += [Text(clean(row[name])) for name in varying]
        cells += [_beside(_percent, row[m], None if single else row[f"oracle_{m}"]) for m in MEASURES]
        cells.append(_gap(row["avg_gap"], row["avg_gap_floor"], mark=row["method"] != ORACLE))
        cells.append(Text(points(row["avg_gap_floor"])))
        cells.append(_beside(amount, row["unlearn_seconds"], None if single else row["oracle_seconds"]))
        table.add_row(*cells)
    table.caption = _run_caption(rows)
    return table


def leaderboard_table(board: pd.DataFrame, changes: Changes | None = None) -> Table:
    """The leaderboard for a terminal: one table per cell, mean ± spread over seeds.

    Args:
        board: the leaderboard.
        changes: since other results, if there are any to compare with.
    """
    grid = Table.grid(expand=False)
    grid.add_column()
    cells = split_cells(board)
    for cell in cells:
        table = _table(f"{cell.title} · {cell.seeds}")
        table.add_column("Method", overflow="fold")
        for name in (*MEASURES, "avg_gap", "avg_gap_floor"):
            table.add_column(NAMES[name], justify="right", overflow="fold")
        table.add_column("Seconds", justify="right", overflow="fold")
        counts = cell.mixes_seeds
        if counts:
            table.add_column("Seeds", justify="right", overflow="fold")
        rows = records(cell.main)
        oracles = count_oracles(rows)
        for row in rows[:oracles]:
            _add_row(table, row, counts, changes)
        _add_references(table, cell, counts)
        for row in (*rows[oracles:], *(changes.gone_from(cell) if changes is not None else ())):
            _add_row(table, row, counts, changes)
        grid.add_row(table)
        if changes is not None:
            grid.add_row(_changes([line for line in changes.lines(cell) if not line.quiet]))
        for note in cell.left_out:
            grid.add_row(Text(note, "dim"))
        grid.add_row("")
    for arena in arenas(cells):
        found = ranking(arena)
        if found.ranked:
            grid.add_row(_ranks(found))
            grid.add_row("")
    legend = Text(f"{_LEGEND} {_MARK} {DASH}: missing; leaderboard.md says why.", "dim")
    grid.add_row(legend if cells else Text("There are no runs in the results folder yet."))
    if changes is not None:
        for cell in changes.gone_cells(cells):
            grid.add_row(Text(f"gone: {cell.title}: {', '.join(cell.rows['label'])}", "dim"))
        grid.add_row(Text(f"Compared with other results: {changes.said}."))
    return grid


def _changes(lines: Sequence[Line]) -> Table | Text:
    if not lines:
        return Text("Nothing changed by more than noise.", "dim")
    table = _table("Changes")
    for title in ("Method", "What", "Verdict", "Before", "After"):
        table.add_column(title, overflow="fold", justify="right" if title in ("Before", "After") else "left")
    for line in lines:
        table.add_row(*map(Text, (line.label, line.what, line.verdict, line.before, line.after)))
    return table


def _add_row(table: Table, row: Mapping[str, Any], counts: bool, changes: Changes | None) -> None:
    change = None if changes is None else changes.of(row)
    state = "" if change is None else change.state
    said = {ORACLE: "the oracle", NOTHING: "no unlearning"}.get(row["method"], "")
    bad = [f"{row[f'n_{s}']} {s}" for s in FAILURES if row[f"n_{s}"]]
    old = ["outdated"] if row["outdated"] else []
    words = ", ".join(word for word in (state, *old, *bad, said) if word)
    gap = _gap(row["avg_gap_mean"], row["avg_gap_floor_mean"], row["avg_gap_std"], row["method"] != ORACLE)
    table.add_row(
        _name(row["label"], "italic" if said else "bold", words, bool(bad)),
        *(_marked(_spread(row[f"{name}_mean"], row[f"{name}_std"]), change, name) for name in MEASURES),
        _marked(gap, change, "avg_gap"),
        _marked(Text(points(row["avg_gap_floor_mean"])), change, "avg_gap_floor"),
        _marked(Text(amount(row["unlearn_seconds_mean"])), change, "unlearn_seconds"),
        *([str(row["n_seeds"])] if counts else []),
        style="dim" if old or state == GONE else None,
    )


def _marked(text: Text, change: RowChange | None, column: str) -> Text:
    """A number, and behind it what changed of it."""
    found = "" if change is None else change.numbers.get(column, "")
    if not found:
        return text
    number, *below = text.split("\n")
    return Text("\n").join([number + Text(f" {found}", "bold"), *below])


def _add_references(table: Table, cell: Cell, counts: bool) -> None:
    for one in cell.references:
        measures = [_spread(*one.values[name]) if name in one.values else Text() for name in MEASURES]
        seconds = amount(one.values["unlearn_seconds"][0]) if "unlearn_seconds" in one.values else ""
        gap = _gap(one.values["avg_gap"][0], None, one.values["avg_gap"][1])
        name = _name(one.name, "italic", shorten(one.who, 24))
        table.add_row(name, *measures, gap, "", seconds, *([str(one.n_seeds)] if counts else []))


def _ranks(found: Ranking) -> Table:
    cells = f"{len(found.titles)} of {len(found.titles) + len(found.aside)}" if found.aside else str(len(found.titles))
    table = _table(f"Mean rank over {cells} cells of preset {found.preset}")
    for title in ("Method", "Mean rank", "95 %"):
        table.add_column(title, overflow="fold", justify="left" if title == "Method" else "right")
    for one in found.ranked:
        table.add_row(Text(one.name), f"{one.mean:.2f}", f"{one.low:.2f} to {one.high:.2f}")
    return table


def _table(title: str) -> Table:
    return Table(
        title=Text(title, style="bold"),
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        collapse_padding=True,
        header_style="bold",
    )


def _run_title(rows: Sequence[Mapping[str, Any]], varying: Sequence[str]) -> str:
    if not rows:
        return "No runs"
    words = {"dataset": "{}", "scenario": "{}", "preset": "preset {}", "seed": "seed {}"}
    same = [words[name].format(clean(rows[0][name])) for name in words if name not in varying]
    ok = sum(row["status"] == "ok" for row in rows)
    head = f"{ok} of {len(rows)} runs ok" if len(rows) > 1 else clean(rows[0]["method"])
    return " · ".join([head, *same])


def _run_caption(rows: Sequence[Mapping[str, Any]]) -> Text:
    """Verdict, then what went wrong, then what the columns mean."""
    lines = [Text()]
    if len(rows) == 1 and present(rows[0]["avg_gap"]) and present(rows[0]["avg_gap_floor"]):
        lines.append(_verdict(rows[0]))
    for row in rows:
        who = f"{clean(row['method'])} (seed {row['seed']})"
        if row["status"] != "ok":
            lines.append(Text(f"{who} {clean(row['status'])}: {clean(row['error'] or 'no reason is stored')}", "red"))
        lines += [Text(f"{who}: {clean(w)}", "yellow") for w in json_list(row["warnings"])]
        reasons: dict[str, list[str]] = {}
        for column, reason in json_object(row["missing"]).items():
            if column in NAMES and row["status"] == "ok" and column not in _NOT_SHOWN:
                reasons.setdefault(clean(reason), []).append(NAMES[column])
        lines += [Text(f"{who}: {DASH} for {', '.join(n)}: {reason}", "yellow") for reason, n in reasons.items()]
    if any(row["status"] == "ok" for row in rows):
        also = "For original and oracle: of training." if len(rows) == 1 else "In parentheses: the oracle's."
        lines.append(Text(f"{_LEGEND} {also} {_MARK}", "dim"))
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


def _name(label: str, style: str, said: str = "", wrong: bool = False) -> Text:
    """A row's name, and under it what it is or what became of it."""
    text = Text(label, style=style)
    if said:
        text.append(f"\n{said}", style="not bold not italic red" if wrong else "not bold not italic dim")
    return text


def _percent(value: Any) -> str:
    return points(value, digits=1)


def _spread(mean: Any, std: Any) -> Text:
    text = Text(_percent(mean))
    if present(mean) and present(std):
        text.append(f"\n±{_percent(std)}", style="dim")
    return text


def _beside(show: Callable[[Any], str], value: Any, oracle: Any) -> Text:
    text = Text(show(value))
    if present(value) and present(oracle):
        text.append(f"\n({show(oracle)})", style="dim")
    return text


def _gap(gap: Any, floor: Any, std: Any = None, mark: bool = True) -> Text:
    within = mark and present(gap) and present(floor) and gap <= floor
    text = Text(points(gap) + (WITHIN_NOISE if within else ""), style="green" if within else "")
    if present(gap) and present(std):
        text.append(f"\n±{points(std)}", style="dim")
    return text
