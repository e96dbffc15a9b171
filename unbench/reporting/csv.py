"""leaderboard.csv: every row and column of the leaderboard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from unbench.analysis.board.leaderboard import COLUMNS

if TYPE_CHECKING:
    import pandas as pd

    from unbench.reporting.provenance import Provenance


def leaderboard_csv(board: pd.DataFrame, ranks: Sequence[float | None], provenance: Provenance | None = None) -> str:
    """Render the leaderboard as CSV with ten digits: enough for any use, and no binary noise.

    `rank`, before `within_noise`, is the rank of each row as unbench.analysis.board.cells.board_ranks returns it.
    Since CSV has no comments, the provenance is repeated in every row, in columns of its own.
    """
    board = board.copy()
    board.insert(COLUMNS.index("within_noise"), "rank", ranks)
    if provenance is not None:
        board = board.assign(
            inputs_sha256=provenance.sha256, report_version=provenance.version, report_command=provenance.command
        )
    return str(board.to_csv(index=False, float_format="%.10g", lineterminator="\n"))
