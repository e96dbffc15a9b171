"""leaderboard.csv: every row and column of the leaderboard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from unbench.analysis.board.leaderboard import COLUMNS

if TYPE_CHECKING:
    import pandas as pd

    from unbench.report.origin import Origin


def leaderboard_csv(board: pd.DataFrame, ranks: Sequence[float | None], origin: Origin | None = None) -> str:
    """The leaderboard as CSV; ten digits, so that no binary noise is shown and nothing of use is lost.

    `rank`, which stands before `within_noise`, is that of each row as unbench.analysis.board.ranks.board_ranks gives
    it. With `origin` each row says in columns of their own what it was made from, since CSV has no place for remarks.
    """
    board = board.copy()
    board.insert(COLUMNS.index("within_noise"), "rank", ranks)
    if origin is not None:
        made = {"inputs_sha256": origin.sha256, "report_version": origin.version, "report_command": origin.command}
        if origin.other_sha256:
            made["compared_sha256"] = origin.other_sha256
        board = board.assign(**made)
    return str(board.to_csv(index=False, float_format="%.10g", lineterminator="\n"))
