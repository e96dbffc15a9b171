"""Everything that the explorer shows, as plain data that JSON can hold."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from unbench.analysis.board.cells import BoardCell
from unbench.analysis.board.oracles import OracleGroup
from unbench.analysis.board.row_status import hparams_of, made_with
from unbench.analysis.looks import EDGES, ForgottenImages, digest_outputs
from unbench.analysis.outputs import MOST, OutputsReader
from unbench.analysis.rows.values import clean, json_list
from unbench.config.reference_names import NOTHING, ORACLE
from unbench.errors import DamagedError
from unbench.metrics import MEASURES, MissingValue
from unbench.progress import Progress
from unbench.reporting.explorer.columns import describe_columns
from unbench.reporting.explorer.thumbnails import Thumbnails
from unbench.reporting.explorer.values import (
    Value,
    board_values,
    failure,
    paired,
    read_comparisons,
    shadow_values,
    stored_values,
)
from unbench.store.results import load_metrics

if TYPE_CHECKING:
    import pandas as pd

NO_IMAGES = "left out of this page by --no-images"


def explorer_data(
    cells: Sequence[BoardCell],
    frame: pd.DataFrame,
    reader: OutputsReader,
    thumbnails: Thumbnails | None,
    progress: Progress,
) -> dict[str, Any]:
    """Return what static/ draws: `columns`, `cells`, `runs` and `edges`.

    Each cell has its rows in the order of the leaderboard, the levels of its oracles, paired differences and the
    forgotten images by seed; a row's `runs` are positions in `runs`, by seed. A value is mean, spread and the ends of
    its interval, or a reason; of shadow models there is no spread. No folder of this machine enters it.

    Args:
        cells: of the leaderboard.
        frame: the runs, as unbench.load_results gives them.
        reader: of the results folder, for their outputs and metrics.
        thumbnails: draws the forgotten images; None leaves them out.
        progress: shows of how many cells the outputs have been read.

    Raises:
        StoreError: a file of metrics or comparisons is corrupt.
        CardError: the data sets' cards cannot be read.
    """
    tables = [cell.records for cell in cells]
    numbered = [row for rows in tables for row in rows]
    ok = frame[frame["status"] == "ok"]
    keys = {key: number for number, row in enumerate(numbered) for key in row["run_keys"].split()}
    metrics = load_metrics(reader.results)
    stored = stored_values(_of_runs(metrics, ok), keys) if keys else {}
    shadows = shadow_values(metrics, numbered)
    examples = _Examples(reader, thumbnails)
    pairs = paired(tables, read_comparisons(reader.results))
    found, start = [], 0
    together = list(zip(cells, tables, pairs, strict=True))
    for cell, rows, differences in progress.track(together, "cells"):
        evaluated = {
            n: {of: stored.get((start + n, of), {}) | shadows.get((start + n, of), {}) for of in _OF}
            for n in range(len(rows))
        }
        found.append({**_cell(cell, rows, evaluated), "comparisons": differences, **examples.cell(rows)})
        start += len(rows)
    names = {name for cell in found for row in cell["rows"] for name in row["values"]}
    return {"columns": describe_columns(names), "cells": found, "runs": examples.read, "edges": list(EDGES)}


_OF = ("unlearned", "oracle", "oracle_2")
Evaluated = dict[int, dict[str, dict[str, Value]]]


def _of_runs(metrics: pd.DataFrame, ok: pd.DataFrame) -> pd.DataFrame:
    """Return the stored metrics of these very attempts, and of no others."""
    return metrics[metrics["seed"].notna()].merge(ok[["run_key", "attempt"]], on=["run_key", "attempt"])


def _cell(cell: BoardCell, rows: Sequence[dict[str, Any]], evaluated: Evaluated) -> dict[str, Any]:
    first, main = rows[0], set(cell.main["label"])
    numbers = {row["label"]: number for number, row in enumerate(rows)}
    references = [
        reference
        for group in cell.oracles
        for reference in _references(group, _shared([evaluated[numbers[label]] for label in group.labels]))
    ]
    return {
        "title": cell.title,
        **{name: clean(first[name]) for name in ("dataset", "family", "scenario", "preset")},
        "place": " · ".join(cell.place[3:]),
        "about": f"{first['n_train']} training images, {first['n_forget']} of them to forget, "
        f"{first['n_test']} test images",
        "rows": [_row(row, row["label"] in main, evaluated[number]) for number, row in enumerate(rows)],
        "references": references,
    }


def _shared(members: Sequence[dict[str, dict[str, Value]]]) -> dict[str, dict[str, Value]]:
    """Merge what rows that share an oracle know: the first has all of its runs, any may have its shadow models."""
    return {of: dict(ChainMap(*(member[of] for member in members))) for of in _OF}


def _row(row: dict[str, Any], main: bool, evaluated: dict[str, dict[str, Value]]) -> dict[str, Any]:
    return {
        "label": row["label"],
        "method": clean(row["method"]),
        "family": clean(row["method_family"]),
        "kind": {ORACLE: "oracle", NOTHING: "nothing"}.get(row["method"], "method"),
        "variant": not main,
        "n": int(row["n_seeds"]),
        "tie": row["within_noise"] is True,
        # The leaderboard's own columns come first: both are of the same runs, and the page must agree with it.
        "values": {**evaluated["unlearned"], **board_values(row)},
        "failed": failure(row),
        "notes": json_list(row["warnings"]),
        "versions": ", ".join(made_with(row)),
        "hparams": hparams_of(row),
        "commands": row["commands"],
    }


def _references(group: OracleGroup, evaluated: dict[str, dict[str, Value]]) -> list[dict[str, Any]]:
    """Return the oracle that a group of rows shares, and how far another oracle is from it."""
    row, members = group.row, list(group.labels)
    levels = board_values(row, [*(f"oracle_{measure}" for measure in MEASURES), "oracle_seconds", "avg_gap_floor"])
    distances = {"avg_gap": levels.pop("avg_gap_floor")} if "avg_gap_floor" in levels else {}
    named = {"oracle_seconds": "unlearn_seconds"}
    oracle = {named.get(name, name.removeprefix("oracle_")): value for name, value in levels.items()}
    shared = {"of": group.who, "members": members, "n": int(row["n_seeds"])}
    return [
        {"kind": "oracle", **shared, "values": {**evaluated["oracle"], **oracle}},
        {"kind": "floor", **shared, "values": {**evaluated["oracle_2"], **distances}},
    ]


class _Examples:
    """The per-example part of the page.

    Attributes:
        read: what digest_outputs gives, for each run that was read.
    """

    def __init__(self, reader: OutputsReader, thumbnails: Thumbnails | None) -> None:
        self._reader, self._thumbnails = reader, thumbnails
        self.read: list[dict[str, Any]] = []

    def cell(self, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Return `outputs` (by row of a cell, its runs by seed or why there are none), `forgotten` and `classes`."""
        outputs: list[dict[str, Any]] = [{} for _ in rows]
        images: dict[str, ForgottenImages] = {}
        read = 0
        for number in sorted(range(len(rows)), key=lambda n: rows[n]["method"] not in (ORACLE, NOTHING)):
            stored = [key for key in rows[number]["run_keys"].split() if self._reader.has(key)]
            if not stored:
                outputs[number] = {"runs": {}, "reason": _why(rows[number])}
                continue
            read += 1
            if read > MOST:
                outputs[number] = {"runs": {}, "reason": f"outputs are shown of {MOST} rows, those with the least gap"}
                continue
            outputs[number] = self._row(stored, images)
        forgotten = {seed: self._images(rows[0], shown) for seed, shown in sorted(images.items())}
        classes = self._thumbnails.classes(rows[0]) if self._thumbnails and forgotten else None
        return {"outputs": outputs, "forgotten": forgotten, "classes": classes}

    def _row(self, stored: Sequence[str], images: dict[str, ForgottenImages]) -> dict[str, Any]:
        runs, reasons = dict[str, int](), []
        for key in stored:
            seed = str(self._reader.seed(key))
            try:
                kept, shown = self._reader.take(key, {"digest": digest_outputs})["digest"]
            except (DamagedError, MissingValue) as error:
                reasons.append(f"seed {seed}: {error.what if isinstance(error, DamagedError) else error}")
                continue
            found = dict(kept)
            same = images.setdefault(seed, shown)
            if not (np.array_equal(same.ids, shown.ids) and same.total == shown.total):
                found["said"] = {}
                reason = "another forget set than that of the other methods with this seed"
                found["missing"] = [*found["missing"], reason]
            runs[seed] = len(self.read)
            self.read.append(found)
        return {"runs": runs, "reason": "; ".join(reasons)}

    def _images(self, row: Mapping[str, Any], shown: ForgottenImages) -> dict[str, Any]:
        drawn = self._thumbnails.draw(row, shown.ids) if self._thumbnails else NO_IMAGES
        return {
            "ids": shown.ids.tolist(),
            "labels": shown.labels.tolist(),
            "total": shown.total,
            "images": drawn if isinstance(drawn, list) else None,
            "reason": drawn if isinstance(drawn, str) else "",
        }


def _why(row: Mapping[str, Any]) -> str:
    return "no per-example outputs are stored for its runs" if row["n_seeds"] else f"no run ended well: {failure(row)}"
