"""leaderboard.md: one section per cell, every string from results escaped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from unbench.analysis.board.cells import Cell
from unbench.analysis.board.contest import Contest
from unbench.analysis.board.formatting import DASH, NAMES, WITHIN_NOISE, amount, points
from unbench.analysis.board.leaderboard import COSTS
from unbench.analysis.board.ranks import RULE, cell_ranks
from unbench.analysis.board.references import Reference, count_oracles
from unbench.analysis.board.row_status import VERIFIED, hparams_of, made_with
from unbench.analysis.rows.records import records
from unbench.analysis.rows.values import json_list
from unbench.config.reference_names import NOTHING, ORACLE
from unbench.metrics.gap import MEASURES
from unbench.report.markup import Footnotes, code, escape, number, seeds, table
from unbench.report.origin import Origin
from unbench.report.sections.ablation import ablation_section
from unbench.report.sections.audit import audit_section
from unbench.report.sections.changes import MARKED_GONE, changes_overview, changes_section, mark, marked
from unbench.report.sections.deployment import deployment_section
from unbench.report.sections.overview import overview
from unbench.report.sections.row_status import OUTDATED, intervals_section, standing_section

if TYPE_CHECKING:
    from unbench.analysis.board.changes import Changes
    from unbench.report.figures.spec import Picture, Pictures

HEADER = f"""\
# Leaderboard

How close does each way of unlearning come to a model that never saw the forgotten images, and at what cost?
That model is the *oracle*: trained from scratch on the retain set alone, by the same recipe. The best number
is not the highest or the lowest one but the oracle's.

- **TA**, **RA**, **FA**: accuracy on the test, retain and forget set after unlearning, in percent.
- **MIA**: membership inference, as the AUROC of a loss attack that tells forget images from test images, in
  percent. 50 is chance; above it traces are left, below it the forgotten images look less familiar than new
  ones. It is never folded.
- **Gap**: Average Gap, the mean absolute difference of TA, RA, FA and MIA to the method's own oracle, in
  points, computed per seed and then averaged. Lower is better.
- **Floor**: the gap of a second oracle that differs from the first in its seed alone: the noise in Gap.
- **Unlearn s**, **Peak MiB**: seconds and memory of the unlearning, precomputation included, evaluation not.
- **Seeds**: number of runs that ended well; each number is their mean ± sample standard deviation. Intervals are
  95 % t-intervals over seeds, and take two.

`{WITHIN_NOISE}` beside a gap: not above its floor, so the method is not told from retraining here; rows
with this mark are ties. `{DASH}`: missing, with the reason below the table. Rows in italics are references:
`{ORACLE}` is the oracle itself, `{NOTHING}` the original model left as it is. Presets, models, versions and
hyper-parameters are never averaged together.

{RULE}

What stands beside each row: **Hyper-parameters** `tuned` (chosen by `unbench tune`), `default` (of the card) or
`set by hand`; **May touch**, what the method's card lets it see of the training data besides the model: the forget
set, the retain set, held-out images, labels, or the training of the original; **Verified**: {VERIFIED}.
Rows marked *outdated* were made with an older version of a card or of the shared code; they come last.
"""

FTA_NOTE = (
    "In scenario class, TA is over the test images of the remaining classes, MIA compares the forget set with "
    "the test images of the forgotten class, and FTA is the test accuracy on the forgotten class, in percent."
)


def leaderboard_markdown(
    cells: Sequence[Cell],
    pictures: Pictures,
    origin: Origin | None = None,
    contests: Sequence[Contest] = (),
    metric: str = "avg_gap",
    changes: Changes | None = None,
) -> str:
    """The whole document.

    Args:
        cells: of the leaderboard.
        pictures: its plots.
        origin: what the report was made from.
        contests: what goes over the cells of each preset; none leaves that out.
        metric: the number that cells are set side by side by.
        changes: since other results, if there are any to compare with.
    """
    parts = [HEADER]
    if not cells and origin is not None and origin.filtered:
        parts.append("No stored run passes all of these filters.\n")
    elif not cells:
        parts.append("There are no runs in the results folder yet; `unbench run` makes one.\n")
    if len(cells) > 1:
        parts.append("\n".join(f"{n}. {escape(cell.title)}" for n, cell in enumerate(cells, 1)) + "\n")
    if changes is not None:
        parts.append(changes_overview(changes))
    parts.append(overview(contests, metric, pictures.of_ranks))
    parts += [_section(cell, pictures.of_cells.get(cell.slug, ()), changes) for cell in cells]
    if changes is not None:
        parts += [_gone(cell) for cell in changes.gone_cells(cells)]
    if pictures.overall:
        parts += ["## Over all cells\n", *map(_picture, pictures.overall)]
    if origin is not None:
        parts += ["## Provenance\n", _origin(origin)]
    return "\n".join(part for part in parts if part)


def _origin(origin: Origin) -> str:
    return f"{escape(origin.said)}\n\n{code(origin.command)}"


def _gone(cell: Cell) -> str:
    """A cell that only other results have: its numbers there."""
    rows, footnotes = records(cell.rows), Footnotes()
    columns = _columns(any(row["forget_class"] for row in rows))
    lines = [_gone_line(row, columns, footnotes) for row in rows]
    titles = ["Method", *(NAMES[column] for column in columns), "Seeds"]
    parts = [f"## {escape(cell.title)} {MARKED_GONE}\n", table(titles, lines), str(footnotes)]
    return "\n".join(part for part in parts if part)


def _gone_line(row: dict[str, Any], columns: Sequence[str], footnotes: Footnotes) -> list[str]:
    numbers = [number(row, column, footnotes) for column in columns]
    return [f"{escape(row['label'])} {MARKED_GONE}", *numbers, seeds(row, footnotes)]


def _section(cell: Cell, plots: Sequence[Picture], changes: Changes | None) -> str:
    rows, main = records(cell.rows), records(cell.main)
    class_scenario = any(row["forget_class"] for row in rows)
    footnotes = Footnotes()
    parts = [f"## {escape(cell.title)}\n", _facts(rows)]
    columns = _columns(class_scenario)
    parts.append(_table(cell, main, columns, footnotes, changes))
    ranks = cell_ranks(cell.competitors)
    parts.append(standing_section(main, ranks, footnotes))
    notes = str(footnotes) + "".join(f"- {escape(note)}\n" for note in (*cell.left_out, *_notes(rows)))
    if class_scenario:
        notes += f"- {FTA_NOTE}\n"
    parts += [notes, changes_section(changes.lines(cell)) if changes is not None else ""]
    parts += [intervals_section(main, columns), _levels(cell)]
    parts += [_picture(plot) for plot in plots if not plot.method]
    parts += [audit_section(rows), deployment_section(main)]
    for study in cell.studies:
        parts.append(ablation_section(study))
        parts += [_picture(plot) for plot in plots if plot.method == study.method]
    parts.append(_repeat(rows))
    return "\n".join(part for part in parts if part)


def _picture(plot: Picture) -> str:
    if plot.file is not None:
        return f"![{escape(plot.title)}]({plot.file})\n"
    return f"*{escape(plot.title)}*: not drawn. {escape(' '.join(plot.notes))}\n"


def _facts(rows: Sequence[dict[str, Any]]) -> str:
    def each(column: str) -> str:
        return "; ".join(dict.fromkeys(escape(row[column]) for row in rows if row[column]))

    facts = [
        (f"{each('n_train')} training images", "n_train"),
        (f"{each('n_forget')} of them to forget", "n_forget"),
        (f"{each('n_test')} test images", "n_test"),
        (f"class to forget: {each('forget_class')}", "forget_class"),
        (f"family: {each('family')}", "family"),
        (f"ran on {each('devices')}", "devices"),
    ]
    known = [text for text, column in facts if each(column)]
    text = ", ".join(known) + ".\n" if known else ""
    if each("stem"):
        seen = each("stem_trained_on") or "not stored"
        text += f"Images are seen through the frozen stem {each('stem')}, trained on: {seen}.\n"
    return text


def _columns(class_scenario: bool) -> list[str]:
    measures = [*MEASURES, *(["forget_class_test_acc"] if class_scenario else [])]
    return [*measures, "avg_gap", "avg_gap_floor", "unlearn_seconds", "peak_memory_mb"]


def _table(
    cell: Cell, rows: Sequence[dict[str, Any]], columns: Sequence[str], footnotes: Footnotes, changes: Changes | None
) -> str:
    lines = []
    for row in rows:
        change = None if changes is None else changes.of(row)
        numbers = [marked(number(row, column, footnotes), change, column) for column in columns]
        lines.append([f"{_method(row)}{mark(change)}", *numbers, seeds(row, footnotes)])
    oracles = count_oracles(rows)
    above = [_reference(one, columns) for one in cell.references]
    gone = [] if changes is None else [_gone_line(row, columns, footnotes) for row in changes.gone_from(cell)]
    titles = ["Method", *(NAMES[column] for column in columns), "Seeds"]
    return table(titles, [*lines[:oracles], *above, *lines[oracles:], *gone])


def _reference(reference: Reference, columns: Sequence[str]) -> list[str]:
    """A line that is no method's: blank where it has no number."""
    shown = [
        (amount if column in COSTS else points)(*reference.values[column]) if column in reference.values else ""
        for column in columns
    ]
    name = f"*{reference.name}*" + (f" of {escape(reference.who)}" if reference.who else "")
    return [name, *shown, str(reference.n_seeds)]


def _method(row: dict[str, Any]) -> str:
    name = escape(row["label"])
    if row["outdated"]:
        return f"{name} {OUTDATED}"
    if row["method"] == ORACLE:
        return f"*{name}* (oracle)"
    if row["method"] == NOTHING:
        return f"*{name}* (no unlearning)"
    return f"*{name}*" if row["method_family"] == "reference" else name


def _notes(rows: Sequence[dict[str, Any]]) -> list[str]:
    """What a reader of this cell's numbers should know besides the footnotes."""
    notes = []
    if any(row["n_seeds"] == 1 for row in rows):
        notes.append("A row of one seed has no spread and no interval: that takes two.")
    if any(row["method"] == NOTHING and row["within_noise"] is True for row in rows):
        notes.append("Doing nothing is already within the noise of two oracles: this cell cannot tell methods apart.")
    if any(row["data_checksum"].find("differs") >= 0 for row in rows):
        notes.append(
            "The source files differ from the published ones (checksum), so these numbers cannot be compared "
            "with those of others on the official data."
        )
    recipes = {(row["training"], row["model_options"]) for row in rows}
    if len(recipes) > 1:
        notes.append("The rows do not all share one training recipe and one size of model; compare them with care.")
    for row in rows:
        if ";" in row["devices"]:
            notes.append(f"{row['label']}: its seconds mix devices ({row['devices']}).")
        if row["outdated"]:
            notes.append(f"{row['label']}: outdated: {row['outdated']}.")
        if row["n_superseded"]:
            notes.append(f"{row['label']}: {row['n_superseded']} older run(s) of a seed are left out for newer ones.")
    warned: dict[str, list[str]] = {}
    for row in rows:
        for warning in json_list(row["warnings"]):
            warned.setdefault(warning, []).append(row["label"])
    for warning, labels in warned.items():
        # A fault of the data is in every row; said once it is read.
        everyone = len(labels) > 1 and len(labels) == sum(row["n_seeds"] > 0 for row in rows)
        notes.append(f"{'all rows' if everyone else ', '.join(labels)}: {warning}")
    return notes


def _levels(cell: Cell) -> str:
    """The levels to be matched: every original and oracle that the gaps above refer to."""
    if not cell.oracles:
        return ""
    lines = []
    for group in cell.oracles:
        row = group.row
        for model, seconds in (("original", "train_seconds"), ("oracle", "oracle_seconds")):
            accuracies = [points(row[f"{model}_{measure}_mean"], row[f"{model}_{measure}_std"]) for measure in MEASURES]
            floor = points(row["avg_gap_floor_mean"], row["avg_gap_floor_std"]) if model == "oracle" else ""
            time = amount(row[f"{seconds}_mean"], row[f"{seconds}_std"])
            name = f"{model} of {escape(group.who)}" if group.who else model
            lines.append([name, *accuracies, floor, time])
    titles = ["Model", *(NAMES[measure] for measure in MEASURES), "Floor", "Training s"]
    return "Levels to compare with:\n\n" + table(titles, lines)


def _repeat(rows: Sequence[dict[str, Any]]) -> str:
    """Versions, every hyper-parameter and the commands of each row, folded away."""
    parts = ["<details>\n<summary>Commands, hyper-parameters and versions</summary>\n"]
    for row in rows:
        hparams = hparams_of(row)
        parts.append(f"**{escape(row['label'])}**: {escape(', '.join(made_with(row)))}.")
        if row["key_encoder"]:
            seen = escape(row["key_encoder_trained_on"]) or "not stored"
            parts.append(f"Encoder of the keys: {escape(row['key_encoder'])}, trained on: {seen}.")
        parts.append(f"Hyper-parameters: {escape(hparams) if hparams else 'none'}.\n")
        if row["commands"]:
            parts.append(code(row["commands"]))
    recipes = dict.fromkeys((row["model_options"], row["training"]) for row in rows)
    for options, training in recipes:
        parts.append(f"Model options: {escape(options) or 'not stored'}. Training: {escape(training) or 'not stored'}.")
    return "\n".join(parts) + "\n</details>\n"
