"""The explorer of a results folder, as the report makes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from unbench.analysis.board.cells import split_cells
from unbench.analysis.board.leaderboard import leaderboard
from unbench.analysis.outputs import OutputsReader
from unbench.progress import Progress
from unbench.reporting.explorer.data import explorer_data
from unbench.reporting.explorer.page import explorer_html
from unbench.store.results import load_results

REFERENCE = Path(__file__).resolve().parents[2] / "results" / "reference"


def data_of(results: Path) -> dict[str, Any]:
    frame = load_results(results)
    return explorer_data(split_cells(leaderboard(frame)), frame, OutputsReader(results, frame), None, Progress())


def page_of(results: Path, images: bool = True) -> str:
    frame = load_results(results)
    return explorer_html(split_cells(leaderboard(frame)), frame, OutputsReader(results, frame), images)
