"""The ablations of one method as a section of the report."""

from __future__ import annotations

from unbench.analysis.board.ablations import Point, Study
from unbench.analysis.board.formatting import NAMES
from unbench.analysis.rows.values import is_number, present
from unbench.report.markup import Footnotes, escape, number, seeds, table

SCORES = ("test_acc", "forget_acc", "mia_auroc", "avg_gap", "avg_gap_floor")
CHOICE, IMAGE = "val_acc", "image_forget_acc"
"""Shown where runs have them: older ones, and methods without pathways, do not."""


def ablation_section(study: Study) -> str:
    """One table: a line per value of each hyper-parameter that was varied alone, the default's value in bold."""
    lines = [(ablation.hparam, point) for ablation in study.ablations for point in ablation.points]
    columns = [
        name
        for name in (CHOICE, *SCORES, IMAGE)
        if name in SCORES or any(present(point.row[f"{name}_mean"]) for _, point in lines)
    ]
    footnotes = Footnotes()
    cells = [
        [
            escape(hparam),
            f"**{_value(point)}**" if point.default else _value(point),
            *(number(point.row, column, footnotes) for column in columns),
            seeds(point.row, footnotes),
        ]
        for hparam, point in lines
    ]
    titles = [NAMES.get(column, "FA, image alone") for column in columns]
    said = "Each line differs from the default, in bold, in one hyper-parameter."
    if CHOICE in columns:
        said += " VA: accuracy on the validation set."
    if study.default["method_family"] == "by-design":
        said += " Each was trained anew and has an oracle of its own."
    parts = [
        f"### Ablations of {escape(study.method)}\n",
        f"{said}\n",
        table(["Hyper-parameter", "Value", *titles, "Seeds"], cells, texts=2),
        str(footnotes),
    ]
    return "\n".join(part for part in parts if part)


def _value(point: Point) -> str:
    """Nothing in a number needs escaping, and tables are read as text too."""
    return point.text if is_number(point.value) else escape(point.text)
