"""What goes over all cells of a preset, as Markdown: cells side by side, ranks, what differs by more than chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from unbench.analysis.board.contest import Contest
from unbench.analysis.board.critical import ALPHA, CriticalDifference
from unbench.analysis.board.entries import SAME
from unbench.analysis.board.formatting import DASH, NAMES, WITHIN_NOISE, amount, points
from unbench.analysis.board.leaderboard import COSTS
from unbench.analysis.board.ranks import OVER_CELLS, RULE
from unbench.analysis.board.side_by_side import Line, Number, SideBySide, side_by_side
from unbench.report.markup import Footnotes, escape, table

if TYPE_CHECKING:
    from unbench.report.figures.spec import Picture


def overview(contests: Sequence[Contest], metric: str, diagrams: Mapping[str, Picture]) -> str:
    """A section for each preset with several cells; nothing where there is none.

    Args:
        contests: one for each preset.
        metric: the number that is set side by side, a column of the board.
        diagrams: by preset, where one was drawn.
    """
    parts = []
    for contest in contests:
        preset = contest.arena.preset
        beside = side_by_side(contest.arena, metric)
        if beside is not None:
            drawn = diagrams.get(preset)
            parts.append(f"## Preset {escape(preset)}: cells side by side\n")
            parts += [_side_by_side(beside), _ranks(contest, drawn.file if drawn else None)]
    return "\n".join(parts)


def _side_by_side(beside: SideBySide) -> str:
    footnotes = Footnotes()
    called = NAMES.get(beside.metric, beside.metric)
    lines = [[_name(line), *(_number(n, beside.metric, footnotes) for n in line.numbers)] for line in beside.lines]
    said = f"{escape(called)}, mean ± sample standard deviation over seeds. {SAME}\n"
    return "\n".join([said, table(["Method", *map(escape, beside.titles)], lines), str(footnotes)])


def _name(line: Line) -> str:
    return f"*{escape(line.name)}*" if line.reference else escape(line.name)


def _number(number: Number | None, metric: str, footnotes: Footnotes) -> str:
    if number is None:
        return ""
    if number.reason:
        return f"{DASH} {footnotes.mark(number.reason)}"
    text = (amount if metric in COSTS else points)(number.mean, number.std)
    return f"{text} {WITHIN_NOISE}" if number.within_noise else text


def _ranks(contest: Contest, diagram: str | None) -> str:
    found = contest.ranking
    parts = [f"### Ranks over the cells of preset {escape(found.preset)}\n", f"{RULE} {OVER_CELLS}\n"]
    if found.reason:
        parts.append(f"{found.reason}\n")
    if found.ranked:
        lines = [
            [escape(one.name), f"{one.mean:.2f}", f"{one.low:.2f} to {one.high:.2f}", *(f"{r:g}" for r in one.ranks)]
            for one in found.ranked
        ]
        parts.append(table(["Method", "Mean rank", "95 %", *map(escape, found.titles)], lines))
    if found.aside:
        parts.append(f"Set aside: {escape('; '.join(found.aside))}.\n")
    if found.lacking:
        alike: dict[str, list[str]] = {}
        for name, lacks in found.lacking.items():
            alike.setdefault(lacks, []).append(name)
        parts.append("Not ranked over cells, because they lack a number in some of these:\n")
        parts.append("".join(f"- {escape(', '.join(names))}: none in {escape(at)}\n" for at, names in alike.items()))
    if not found.reason:
        parts.append(_critical(contest.critical))
    if diagram is not None:
        parts.append(f"![Critical-difference diagram of preset {escape(found.preset)}]({diagram})\n")
    return "\n".join(parts)


def _critical(found: CriticalDifference | str) -> str:
    if isinstance(found, str):
        return f"{found}\n"
    verdict = "the methods do not all rank alike" if found.p_value < ALPHA else "no method is told from another"
    said = f"Friedman's test over {found.cells} cells: p = {found.p_value:.2g}, {verdict} at {ALPHA:g}."
    if found.p_value < ALPHA:
        said += f" By Nemenyi's test two mean ranks differ from {found.difference:.2f} on."
    return f"{said}\n"
