"""leaderboard.md: an introduction, the comparison over cells, and a section for each cell."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING

from unbench.analysis.board.cells import BoardCell
from unbench.analysis.board.cross_setting import CrossSetting
from unbench.analysis.board.formatting import DASH, WITHIN_NOISE
from unbench.analysis.board.rank_basis import BY_GAP
from unbench.analysis.board.row_status import VERIFIED, hparams_of, made_with
from unbench.analysis.rows.records import records
from unbench.analysis.rows.values import json_list
from unbench.config.reference_names import NOTHING, ORACLE
from unbench.metrics import METRICS
from unbench.reporting.board_tables import board_table, columns_of, intervals_table, levels_table, status_table
from unbench.reporting.markup import code, escape, folded, markdown_table, template
from unbench.reporting.provenance import Provenance
from unbench.reporting.sections.ablation import ablation_section
from unbench.reporting.sections.audit import audit_section
from unbench.reporting.sections.deployment import deployment_section
from unbench.reporting.sections.overview import overview
from unbench.store.schema import Row

if TYPE_CHECKING:
    from unbench.reporting.figures.renderer import Picture, Pictures

FTA_NOTE = (
    "In scenario class, TA is over the test images of the remaining classes, MIA compares the forget set with "
    "the test images of the forgotten class, and FTA is the test accuracy on the forgotten class, in percent."
)


def leaderboard_markdown(
    cells: Sequence[BoardCell],
    pictures: Pictures,
    provenance: Provenance | None = None,
    settings: Sequence[CrossSetting] = (),
) -> str:
    """Write the whole document.

    Args:
        cells: of the leaderboard.
        pictures: its plots.
        provenance: what the report was made from.
        settings: the comparison over the cells of each preset; none leaves it out.
    """
    basis = cells[0].basis if cells else BY_GAP
    names = {"dash": DASH, "within_noise": WITHIN_NOISE, "oracle": ORACLE, "nothing": NOTHING, "verified": VERIFIED}
    parts = [template("introduction.md").format(rule=basis.rule, **names)]
    if metric := METRICS.get(basis.metric) if basis != BY_GAP else None:
        parts.append(f"**{escape(metric.name)}**: {escape(metric.title)}. {escape(metric.definition)}\n")
    if not cells and provenance is not None and provenance.filtered:
        parts.append("No stored run passes all of these filters.\n")
    elif not cells:
        parts.append("There are no runs in the results folder yet; `unbench run` makes one.\n")
    if len(cells) > 1:
        parts.append("\n".join(f"{n}. {escape(cell.title)}" for n, cell in enumerate(cells, 1)) + "\n")
    parts.append(overview(settings, pictures.of_ranks))
    parts += [_section(cell, pictures.of_cells.get(cell.slug, ())) for cell in cells]
    if pictures.overall:
        parts += ["## Over all cells\n", *map(_picture, pictures.overall)]
    if provenance is not None:
        parts += ["## Provenance\n", f"{escape(provenance.sentence)}\n\n{code(provenance.command)}"]
    return "\n".join(part for part in parts if part)


def _section(cell: BoardCell, plots: Sequence[Picture]) -> str:
    rows, main, columns = records(cell.rows), records(cell.main), columns_of(cell)
    parts = [f"## {escape(cell.title)}\n", _facts(rows), markdown_table(board_table(cell, columns))]
    parts += [markdown_table(status_table(cell)), _notes(cell, rows)]
    if (intervals := intervals_table(cell, columns)).rows:
        parts.append(folded("95 % intervals over seeds", markdown_table(intervals)))
    if (levels := levels_table(cell)).rows:
        parts.append(f"Levels to compare with:\n\n{markdown_table(levels)}")
    parts += [_picture(plot) for plot in plots if not plot.method]
    parts += [audit_section(rows), deployment_section(main)]
    for study in cell.studies:
        parts.append(ablation_section(study))
        parts += [_picture(plot) for plot in plots if plot.method == study.method]
    parts.append(folded("Commands, hyper-parameters and versions", _repeat(rows)))
    return "\n".join(part for part in parts if part)


def _picture(plot: Picture) -> str:
    if plot.file is not None:
        return f"![{escape(plot.title)}]({plot.file})\n"
    return f"*{escape(plot.title)}*: not drawn. {escape(' '.join(plot.notes))}\n"


def _facts(rows: Sequence[Row]) -> str:
    def each(column: str) -> str:
        return "; ".join(dict.fromkeys(escape(row[column]) for row in rows if row[column]))

    facts = {
        "n_train": "{} training images",
        "n_forget": "{} of them to forget",
        "n_test": "{} test images",
        "forget_class": "class to forget: {}",
        "family": "family: {}",
        "devices": "ran on {}",
    }
    known = [text.format(each(column)) for column, text in facts.items() if each(column)]
    text = ", ".join(known) + ".\n" if known else ""
    if each("stem"):
        seen = each("stem_trained_on") or "not stored"
        text += f"Images pass through the frozen backbone {each('stem')}, trained on: {seen}.\n"
    return text


def _notes(cell: BoardCell, rows: Sequence[Row]) -> str:
    """List what a reader of a cell's numbers should know besides the footnotes."""
    notes = list(cell.left_out)
    if any(row["n_seeds"] == 1 for row in rows):
        notes.append("A row of one seed has no spread and no interval, which require at least two.")
    if any(row["method"] == NOTHING and row["within_noise"] is True for row in rows):
        notes.append("Doing nothing is already within the noise of two oracles: this cell cannot distinguish methods.")
    if any("differs" in row["data_checksum"] for row in rows):
        notes.append(
            "The source files differ from the published ones (checksum), so these numbers cannot be compared "
            "with those of others on the official data."
        )
    if len({(row["training"], row["model_options"]) for row in rows}) > 1:
        notes.append("The rows do not all share one training recipe and one size of model; compare them with care.")
    notes += chain.from_iterable(map(_row_notes, rows))
    warned: dict[str, list[str]] = {}
    for row in rows:
        for warning in json_list(row["warnings"]):
            warned.setdefault(warning, []).append(row["label"])
    for warning, labels in warned.items():
        # A fault of the data is in every row; one line is enough.
        everyone = len(labels) > 1 and len(labels) == sum(row["n_seeds"] > 0 for row in rows)
        notes.append(f"{'all rows' if everyone else ', '.join(labels)}: {warning}")
    if any(row["forget_class"] for row in rows):
        notes.append(FTA_NOTE)
    return "".join(f"- {escape(note)}\n" for note in notes)


def _row_notes(row: Row) -> list[str]:
    notes = []
    if ";" in row["devices"]:
        notes.append(f"its seconds mix devices ({row['devices']}).")
    if row["outdated"]:
        notes.append(f"outdated: {row['outdated']}.")
    if row["n_superseded"]:
        notes.append(f"{row['n_superseded']} older run(s) of a seed are left out for newer ones.")
    return [f"{row['label']}: {note}" for note in notes]


def _repeat(rows: Sequence[Row]) -> str:
    """Write the versions, every hyper-parameter and the commands of each row."""
    parts = []
    for row in rows:
        parts.append(f"**{escape(row['label'])}**: {escape(', '.join(made_with(row)))}.")
        if row["key_encoder"]:
            seen = escape(row["key_encoder_trained_on"]) or "not stored"
            parts.append(f"Encoder of the keys: {escape(row['key_encoder'])}, trained on: {seen}.")
        parts.append(f"Hyper-parameters: {escape(hparams_of(row)) or 'none'}.\n")
        if row["commands"]:
            parts.append(code(row["commands"]))
    for options, training in dict.fromkeys((row["model_options"], row["training"]) for row in rows):
        parts.append(f"Model options: {escape(options) or 'not stored'}. Training: {escape(training) or 'not stored'}.")
    return "\n".join(parts)
