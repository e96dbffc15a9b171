"""Requests that were run again: other versions, data or training recipes make another run, with a key of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unbench.analysis.rows.values import sorted_json

if TYPE_CHECKING:
    import pandas as pd

ASKED = ("dataset", "scenario", "preset", "model", "method", "hparams")
"""Columns that say what was requested of a run, the seed aside."""


def newest_reruns(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep the newest ok run of each request and seed, or the newest of any status where none is ok.

    Args:
        frame: one row for each run, columns as in unbench.store.schema.COLUMNS.

    Returns:
        One row for each cell and seed, the oldest first, with `hparams` as `sorted_json` writes them.
    """
    runs = frame.assign(hparams=[sorted_json(text) for text in frame["hparams"]], _ok=frame["status"] == "ok")
    runs = runs.sort_values(["_ok", "started_at", "run_key"], kind="stable", na_position="first")
    return runs.drop_duplicates([*ASKED, "seed"], keep="last").drop(columns="_ok")
