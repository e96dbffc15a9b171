"""Comparison of two results folders bit for bit, times and memory aside; exits with 1 if anything else differs.

    python benchmarks/exact.py BEFORE AFTER

For changes that must move no number: sweep before and after the change with equal `--threads`, and compare. Unlike
`unbench diff`, which tests whether a difference is beyond noise, this forgives nothing: keys, rows, splits, names of
reference models, per-example outputs, evaluated metrics, probes and outputs of shadow models must be equal.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from unbench.store.arrays import load_arrays
from unbench.store.results import Store, load_metrics, load_outputs, load_results

MEASURED = ("seconds", "peak_memory_mb", "_seconds", "predict_ms_")
"""Columns whose names hold one of these are measured on a clock or an allocator."""

CIRCUMSTANCES = ("started_at", "unbench_version", "torch_version", "python_version", "git_commit", "git_dirty")
"""Columns about when, and with which versions, a run was made."""


def main() -> int:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    arguments = parser.parse_args()
    found = list(differences(arguments.before, arguments.after))
    for line in found:
        print(line)
    rows = len(load_results(arguments.before))
    print(f"{rows} runs compared: {len(found)} differences")
    return int(bool(found))


def differences(before: Path, after: Path) -> Iterator[str]:
    """Yield a line for each difference."""
    one, other = (load_results(folder).set_index("run_key") for folder in (before, after))
    yield from _names("run", one.index, other.index)
    for key in one.index.intersection(other.index):
        for column in one.columns.intersection(other.columns):
            if not _forgiven(column) and not _same(one.at[key, column], other.at[key, column]):
                yield f"run {key}: {column}: {one.at[key, column]!r} and {other.at[key, column]!r}"
        rows = [{"run_key": key, "attempt": frame.at[key, "attempt"]} for frame in (one, other)]
        if one.at[key, "status"] == "ok" == other.at[key, "status"]:
            tables = [load_outputs(folder, row) for folder, row in zip((before, after), rows, strict=True)]
            if not tables[0].equals(tables[1]):
                yield f"run {key}: per-example outputs differ"
            probes = [Store(folder).read_probes(row) for folder, row in zip((before, after), rows, strict=True)]
            if (probes[0] is None) != (probes[1] is None):
                yield f"run {key}: probed on one side only"
            elif probes[0] is not None and probes[1] is not None:
                yield from _arrays(f"run {key}: probes", probes[0][0], probes[1][0])
    yield from _metrics(before, after)
    for pattern in ("splits/*.json", "stages/*", "shadows/*", "shadows/*/*"):
        yield from _names(pattern, *(_paths(folder, pattern) for folder in (before, after)))
    for path in sorted(_paths(before, "shadows/**/*.safetensors") & _paths(after, "shadows/**/*.safetensors")):
        yield from _arrays(path, load_arrays(before / path)[0], load_arrays(after / path)[0])


def _metrics(before: Path, after: Path) -> Iterator[str]:
    keys = ["run_key", "attempt", "metric", "of"]
    frames = [load_metrics(folder).set_index(keys) for folder in (before, after)]
    for key in frames[0].index.intersection(frames[1].index):
        for column in ("metric_version", "value", "low", "high", "missing", "shadows"):
            values = [frame.at[key, column] for frame in frames]
            if not _same(*values):
                yield f"metric {key}: {column}: {values[0]!r} and {values[1]!r}"
    # A run now measures more by itself than before; but what was evaluated before must be there.
    lacking = frames[0].index.difference(frames[1].index)
    if len(lacking):
        yield f"metrics only before: {len(lacking)}, such as {lacking[0]}"


def _arrays(what: str, one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> Iterator[str]:
    yield from _names(what, one, other)
    for name in sorted(one.keys() & other.keys()):
        if not np.array_equal(one[name], other[name], equal_nan=one[name].dtype.kind == "f"):
            yield f"{what}: {name} differs"


def _names(what: str, one: object, other: object) -> Iterator[str]:
    for side, names in (("before", set(one) - set(other)), ("after", set(other) - set(one))):  # type: ignore[call-overload]
        for name in sorted(map(str, names)):
            yield f"{what}: {name} only {side}"


def _paths(folder: Path, pattern: str) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.glob(pattern)}


def _forgiven(column: str) -> bool:
    return column in CIRCUMSTANCES or any(part in column for part in MEASURED)


def _same(one: object, other: object) -> bool:
    return bool((pd.isna(one) and pd.isna(other)) or one == other)


if __name__ == "__main__":
    sys.exit(main())
