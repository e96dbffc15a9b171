"""The cells of each preset compared: numbers side by side, ranks, and which ranks differ by more than chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from unbench.analysis.board.critical import ALPHA, CriticalDifference
from unbench.analysis.board.cross_setting import SAME, CrossSetting
from unbench.analysis.board.formatting import DASH, title_of
from unbench.analysis.board.ranks import OVER_CELLS, Ranking
from unbench.analysis.rows.values import json_object, present
from unbench.config.reference_names import ORACLE
from unbench.reporting.board_tables import method_cell, number_cell, shown_cell
from unbench.reporting.markup import escape, markdown_table
from unbench.reporting.table import Cells, ReportTable, TableCell, texts
from unbench.store.schema import Row

if TYPE_CHECKING:
    from unbench.reporting.figures.renderer import Picture


def overview(settings: Sequence[CrossSetting], diagrams: Mapping[str, Picture]) -> str:
    """Write a section for each preset with several cells; empty if there is none.

    Args:
        settings: one for each preset.
        diagrams: of critical differences, by preset.
    """
    parts = []
    for setting in settings:
        if len(setting.cells) > 1:
            drawn = diagrams.get(setting.preset)
            metric = escape(title_of(setting.cells[0].basis.metric))
            parts += [
                f"## Preset {escape(setting.preset)}: cells side by side\n",
                f"{metric}, mean ± sample standard deviation over seeds. {SAME}\n",
                markdown_table(side_by_side_table(setting)),
                _ranks(setting, drawn.file if drawn else None),
            ]
    return "\n".join(parts)


def side_by_side_table(setting: CrossSetting) -> ReportTable:
    """Build the table of one number of every method in every cell.

    The oracle and the noise floor come first if they have this number, then the methods, those with a number in most
    cells first.
    """
    metric = setting.cells[0].basis.metric
    names = [
        name
        for name in setting.names
        if not any(rows[name]["method"] == ORACLE for rows in setting.entries if name in rows)
    ]
    lines = [(TableCell(name), *(_number(rows.get(name), metric) for rows in setting.entries)) for name in names]
    lines.sort(key=lambda cells: (sum(bool(cell.notes) for cell in cells), cells[0].text))
    title = f"{title_of(metric)} in every cell of preset {setting.preset}"
    rows = (*_references(setting, metric), *lines)
    return ReportTable(("Method", *setting.titles), rows, caption=title, label=f"cells-{setting.preset}")


def ranks_table(setting: CrossSetting, each: bool = True) -> ReportTable:
    """Build the table of mean ranks over cells.

    Args:
        setting: the cells of one preset.
        each: whether the rank in each cell is shown as well.
    """
    found = setting.ranking
    rows = tuple(
        texts(
            one.name,
            f"{one.mean:.2f}",
            f"{one.low:.2f} to {one.high:.2f}",
            *(f"{rank:g}" for rank in one.ranks if each),
        )
        for one in found.ranked
    )
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


def _ranks(setting: CrossSetting, diagram: str | None) -> str:
    found, preset = setting.ranking, escape(setting.preset)
    parts = [f"### Ranks over the cells of preset {preset}\n", f"{setting.cells[0].basis.rule} {OVER_CELLS}\n"]
    if found.reason:
        parts.append(f"{found.reason}\n")
    if found.ranked:
        parts.append(markdown_table(ranks_table(setting)))
    parts += _unranked(found)
    if not found.reason:
        parts.append(f"{_critical(setting.critical)}\n")
    if diagram is not None:
        parts.append(f"![Critical-difference diagram of preset {preset}]({diagram})\n")
    return "\n".join(parts)


def _unranked(found: Ranking) -> list[str]:
    parts = [f"Set aside: {escape('; '.join(found.aside))}.\n"] if found.aside else []
    if found.lacking:
        alike: dict[str, list[str]] = {}
        for name, lacks in found.lacking.items():
            alike.setdefault(lacks, []).append(name)
        parts.append("Not ranked over cells, because they lack a number in some of these:\n")
        parts.append("".join(f"- {escape(', '.join(names))}: none in {escape(at)}\n" for at, names in alike.items()))
    return parts


def _critical(found: CriticalDifference | str) -> str:
    if isinstance(found, str):
        return found
    verdict = "the methods do not all rank alike" if found.p_value < ALPHA else "no two methods differ"
    test = f"Friedman's test over {found.cells} cells: p = {found.p_value:.2g}, {verdict} at {ALPHA:g}."
    if found.p_value < ALPHA:
        test += f" By Nemenyi's test two mean ranks differ if they are {found.difference:.2f} or more apart."
    return test
