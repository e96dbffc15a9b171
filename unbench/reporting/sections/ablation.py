"""The ablations of one method."""

from __future__ import annotations

from unbench.analysis.board.ablations import AblationStudy
from unbench.analysis.board.formatting import title_of
from unbench.analysis.rows.values import present
from unbench.reporting.board_tables import number_cell, seeds_cell
from unbench.reporting.markup import escape, markdown_table
from unbench.reporting.table import ReportTable, TableCell

SCORES = ("test_acc", "forget_acc", "mia_auroc", "avg_gap", "avg_gap_floor")
CHOICE, IMAGE = "val_acc", "image_forget_acc"
"""Shown if runs have them; older runs lack the first, and methods without pathways the second."""


def ablation_section(study: AblationStudy) -> str:
    """Write the section of one method: a line per value of each hyper-parameter that was varied alone."""
    lines = [(ablation.hparam, point) for ablation in study.ablations for point in ablation.points]
    columns = [
        name
        for name in (CHOICE, *SCORES, IMAGE)
        if name in SCORES or any(present(point.row[f"{name}_mean"]) for _, point in lines)
    ]
    rows = tuple(
        (
            TableCell(hparam),
            TableCell(point.text, style="strong" if point.default else ""),
            *(number_cell(point.row, column) for column in columns),
            seeds_cell(point.row),
        )
        for hparam, point in lines
    )
    titles = ["FA, image alone" if column == IMAGE else title_of(column) for column in columns]
    intro = "Each line differs from the default, in bold, in one hyper-parameter."
    if CHOICE in columns:
        intro += " VA: accuracy on the validation set."
    if study.default["method_family"] == "by-design":
        intro += " Each was trained separately and has an oracle of its own."
    table = markdown_table(ReportTable(("Hyper-parameter", "Value", *titles, "Seeds"), rows, texts=2))
    return f"### Ablations of {escape(study.method)}\n\n{intro}\n\n{table}"
