"""Reports: everything a reader sees, as a pure function of what is stored and of the methods' cards.

The same results give the same bytes, so that reports can be committed and compared: no time and no folder
name enters them. From the cards comes what a method's default hyper-parameters are.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["report"]


def report(
    results: Path | str = "results",
    out: Path | str = "reports",
    show: Callable[[pd.DataFrame], None] | None = None,
    images: bool = True,
) -> list[Path]:
    """Write OUT/leaderboard.md, leaderboard.csv, explorer.html and the plots as OUT/*.png; return the paths written.

    Args:
        results: the results folder.
        out: the folder to write in, made if it is not there.
        show: called with the leaderboard once everything is written.
        images: whether the explorer may hold small copies of forgotten images, where their files are at hand.

    Raises:
        StoreError: the results folder does not exist or holds a corrupt shard, or OUT cannot be written.
        CardError: the methods' cards cannot be read.
    """
    from unbench.explorer.page import explorer_html
    from unbench.files import atomic_path
    from unbench.reporting.cells import split_cells
    from unbench.reporting.leaderboard import leaderboard, leaderboard_csv
    from unbench.reporting.markdown import leaderboard_markdown
    from unbench.reporting.plots import draw_plots
    from unbench.store import load_results

    folder = Path(out)
    frame = load_results(results)
    board = leaderboard(frame)
    cells = split_cells(board)
    written = [folder / "leaderboard.md", folder / "leaderboard.csv", folder / "explorer.html"]
    # The numbers first: an OUT that cannot be written is found before any time goes into drawing.
    with atomic_path(written[1]) as path:
        path.write_bytes(leaderboard_csv(board).encode())
    drawings = draw_plots(cells, frame, Path(results), folder)
    with atomic_path(written[0]) as path:
        path.write_bytes(leaderboard_markdown(cells, drawings).encode())
    with atomic_path(written[2]) as path:
        path.write_bytes(explorer_html(cells, frame, Path(results), images).encode())
    if show is not None:
        show(board)
    return written + [folder / drawing.file for group in drawings for drawing in group if drawing.file is not None]
