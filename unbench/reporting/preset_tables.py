"""The tables of the cells of one preset compared: numbers side by side, and ranks; and which tables a paper takes."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from unbench.analysis.board.cells import BoardCell, CrossSetting
from unbench.analysis.board.formatting import DASH, title_of
from unbench.analysis.rows.values import json_object, present
from unbench.config.reference_names import ORACLE
from unbench.reporting.board_tables import board_table, method_cell, number_cell, shown_cell
from unbench.reporting.table import Cells, ReportTable, TableCell, texts
from unbench.store.schema import Row


def paper_tables(cells: Iterable[BoardCell], settings: Sequence[CrossSetting]) -> list[ReportTable]:
    """Build the tables of leaderboard.tex: one for each cell, then those over the cells of each preset."""
    note = "mean ± sample standard deviation over seeds; ≈ marks a gap within the noise floor"
    boards = map(board_table, cells)
    several = [setting for setting in settings if len(setting.cells) > 1]
    return [
        *(replace(table, caption=f"{table.caption}: {note}.") for table in boards),
        *(side_by_side_table(setting) for setting in several),
        *(ranks_table(setting) for setting in several if setting.ranking.ranked),
    ]


def side_by_side_table(setting: CrossSetting) -> ReportTable:
    """Build the table of one number of every method in every cell.

    The oracle and the noise floor come first if they have this number, then the methods, those with a number in most
    cells first.
    """
    metric = setting.cells[0].basis.metric
    oracles = {name for rows in setting.entries for name, row in rows.items() if row["method"] == ORACLE}
    lines = [
        (TableCell(name), *(_number(rows.get(name), metric) for rows in setting.entries))
        for name in setting.names
        if name not in oracles
    ]
    lines.sort(key=lambda cells: (sum(bool(cell.notes) for cell in cells), cells[0].text))
    title = f"{title_of(metric)} in every cell of preset {setting.preset}"
    rows = [*_references(setting, metric), *lines]
    return ReportTable(("Method", *setting.titles), rows, caption=title, label=f"cells-{setting.preset}")


def ranks_table(setting: CrossSetting, each: bool = True) -> ReportTable:
    """Build the table of mean ranks over cells.

    Args:
        setting: the cells of one preset.
        each: whether the rank in each cell is shown as well.
    """
    found = setting.ranking
    rows = [
        texts(one.name, f"{one.mean:.2f}", f"{one.low:.2f} to {one.high:.2f}", *(f"{r:g}" for r in one.ranks if each))
        for one in found.ranked
    ]
    cells = f"{len(found.titles)} of {len(found.titles) + len(found.aside)}" if found.aside else str(len(found.titles))
    title = f"Mean rank over {cells} cells of preset {setting.preset}"
    titles = ("Method", "Mean rank", "95 %", *(found.titles if each else ()))
    return ReportTable(titles, rows, caption=title, label=f"ranks-{setting.preset}")


def _number(row: Row | None, metric: str) -> TableCell:
    if row is None:
        return TableCell(DASH, notes=("no current run is stored",))
    cell = number_cell(row, metric)
    if cell.text != DASH:
        return cell
    reason = json_object(row["missing"]).get(metric, "it does not apply")
    return TableCell(DASH, notes=(reason if row["n_seeds"] else method_cell(row).brief,))


def _references(setting: CrossSetting, metric: str) -> list[Cells]:
    """Return the oracle and the noise floor that post-hoc methods share, or else those of the only methods."""
    lines: dict[str, list[TableCell]] = {}
    for number, (cell, rows) in enumerate(zip(setting.cells, setting.entries, strict=True)):
        found = {one.name: one.values[metric] for one in reversed(cell.references) if metric in one.values}
        for row in rows.values():
            if row["method"] == ORACLE and row["n_seeds"]:
                found["oracle"] = (row[f"{metric}_mean"], row[f"{metric}_std"])
        for name, (mean, std) in found.items():
            if present(mean):
                lines.setdefault(name, [TableCell()] * len(setting.cells))[number] = shown_cell(metric, mean, std)
    return [(TableCell(name, style="reference"), *lines[name]) for name in ("oracle", "noise floor") if name in lines]
