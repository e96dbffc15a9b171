"""Remarks on tuned values tell the truth about the reference results."""

from __future__ import annotations

from pathlib import Path

import unbench
from unbench.analysis.board.cells import split_cells
from unbench.analysis.board.leaderboard import leaderboard
from unbench.analysis.rows.values import records
from unbench.config import registry
from unbench.config.reference_names import NOTHING
from unbench.config.tuned import TunedValues

RESULTS = Path(__file__).resolve().parents[1] / "results" / "reference"


def test_a_tuned_method_no_better_than_doing_nothing_says_why_with_the_numbers_and_no_other_does() -> None:
    board = leaderboard(unbench.load_results(RESULTS))
    said = {}
    for cell in split_cells(board):
        nothing = cell.rows[cell.rows["method"] == NOTHING]["avg_gap_mean"]
        for row in records(cell.rows[cell.rows["method_family"] == "post-hoc"]):
            if row["chosen"] != "tuned":
                continue
            card = registry.method(row["method"])
            tuned = TunedValues.of().find(card, row["dataset"], row["preset"], row["scenario"], row["model"])
            assert tuned is not None and row["n_seeds"] == 3, row["label"]
            gap, idle = row["avg_gap_mean"], nothing.item()
            stated = f"{gap:.2f}" in tuned.remark and f"{idle:.2f}" in tuned.remark
            said[row["label"], cell.title] = stated if gap >= idle else not tuned.remark
    assert len(said) >= 21
    assert [which for which, right in said.items() if not right] == []
