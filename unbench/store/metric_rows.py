"""The table of metrics of a run: the one place where a metric's value is, and how a run's row is read from it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unbench.store.layout import Layout
from unbench.store.schema import MEASURED, METRIC_COLUMNS, NEEDS_PATHWAY, Row
from unbench.store.tables import read_table, write_table

if TYPE_CHECKING:
    import pyarrow as pa

Key = tuple[str, str]
"""Name of a metric and the model that it is of."""


@dataclass(frozen=True)
class MetricRow:
    """One metric of one model; what its fields mean is in unbench.store.schema.METRIC_COLUMNS."""

    metric: str
    of: str
    metric_version: int = 1
    value: float | None = None
    low: float | None = None
    high: float | None = None
    missing: str | None = None
    shadows: int | None = None
    unbench_version: str = field(default_factory=lambda: version("unbench"))

    @property
    def key(self) -> Key:
        """Name of the metric and the model that it is of."""
        return self.metric, self.of


_FIELDS = tuple(one.name for one in fields(MetricRow))


def read_metric_table(path: Path) -> pa.Table:
    """Return the table of one file of metrics, with METRIC_COLUMNS.

    Raises:
        StoreError: the file is missing, corrupt, or from a newer version of unbench.
    """
    return read_table(path, METRIC_COLUMNS, "'unbench evaluate'")


def read_metric_rows(path: Path) -> list[MetricRow]:
    """Return the rows of one file of metrics, none if it is not there; raises StoreError as `read_metric_table`."""
    if not path.is_file():
        return []
    columns = read_metric_table(path).select(_FIELDS).to_pydict()
    return [MetricRow(*values) for values in zip(*columns.values(), strict=True)]


def write_metric_rows(path: Path, identity: Row, rows: Iterable[MetricRow]) -> None:
    """Store metrics in place of what was there.

    Args:
        path: of the file.
        identity: columns of METRIC_COLUMNS that name the run or the cell of shadow models.
        rows: its metrics.

    Raises:
        StoreError: the file cannot be written; what was there stays.
    """
    write_table(path, [{**identity, **vars(row)} for row in rows], METRIC_COLUMNS)


def identity_of(row: Row) -> dict[str, Any]:
    """Return the columns of METRIC_COLUMNS that name a run, given its row."""
    same = [column.name for column in METRIC_COLUMNS if column.name not in (*_FIELDS, "backbone")]
    return {**{name: row.get(name) for name in same}, "backbone": row.get("model")}


def with_metrics(row: Row, metrics: Iterable[MetricRow]) -> dict[str, Any]:
    """Return a row whose MEASURED columns, reasons in `missing` and `metric_versions` are those of its metrics.

    A column whose metric is not among them keeps what the row itself holds, as rows of schema 1 and 2 do.
    """
    known = {one.key: one for one in metrics}
    complete, reasons, versions = dict(row), _json_object(row.get("missing")), _json_object(row.get("metric_versions"))
    before = dict(reasons)
    for column, key in MEASURED.items():
        found = known.get(key)
        applies = column not in NEEDS_PATHWAY or ("test_acc", NEEDS_PATHWAY[column]) in known
        if found is None or (found.value is None and not applies):
            continue
        complete[column] = found.value
        reasons.pop(column, None)
        versions.pop(column, None)
        if found.missing is not None:
            reasons[column] = found.missing
        if found.metric_version != 1:
            versions[column] = found.metric_version
    # Text that did not change stays as it is, unreadable text too.
    if reasons != before:
        complete["missing"] = json.dumps(reasons, sort_keys=True)
    complete["metric_versions"] = json.dumps(versions, sort_keys=True) if versions else None
    return complete


def without_metrics(row: Row, metrics: Iterable[MetricRow]) -> tuple[dict[str, Any], list[MetricRow]]:
    """Split a row into what its own file holds, and its metrics.

    Values and reasons of MEASURED columns that the row itself holds, as a row does that was read before, become
    metrics unless they are among `metrics`.
    """
    known = {one.key: one for one in metrics}
    own = {column: value for column, value in row.items() if column not in MEASURED} | {"metric_versions": None}
    reasons, versions = _json_object(row.get("missing")), _json_object(row.get("metric_versions"))
    for column, key in MEASURED.items():
        value, reason = row.get(column), reasons.get(column)
        if key not in known and (value is not None or reason is not None):
            known[key] = MetricRow(*key, versions.get(column, 1), value, missing=reason)
    if reasons.keys() & MEASURED.keys():
        own["missing"] = json.dumps({column: reasons[column] for column in reasons if column not in MEASURED})
    return own, list(known.values())


def _json_object(text: Any) -> dict[str, Any]:
    """Return a stored JSON object; empty for missing and for unreadable text."""
    if not isinstance(text, str):
        return {}
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


class MetricsFile:
    """The metrics of one run, or of one cell of shadow models: those stored, and those added since it was read.

    Args:
        layout: the results folder.
        path: of the file, which need not be there; a damaged one is set aside.
        identity: columns of METRIC_COLUMNS that name the run or the cell.
    """

    def __init__(self, layout: Layout, path: Path, identity: Row) -> None:
        self._layout, self._path, self._identity = layout, path, identity
        self._stored = self._read()
        self._added: dict[Key, MetricRow] = {}

    def lacks(self, metric: str, of: str, metric_version: int, shadows: int | None = None) -> bool:
        """Return True if there is no value or reason of this version, computed from this many shadow models."""
        row = self._added.get((metric, of)) or self._stored.get((metric, of))
        return row is None or (row.metric_version, row.shadows) != (metric_version, shadows)

    def add(self, row: MetricRow) -> None:
        """Put a value, or the reason why there is none, in the place of an older one."""
        self._added[row.key] = row

    def save(self) -> None:
        """Write the file if anything was added; rows that another process has written meanwhile stay."""
        if self._added:
            with self._layout.lock("metrics"):
                write_metric_rows(self._path, self._identity, {**self._read(), **self._added}.values())

    def _read(self) -> dict[Key, MetricRow]:
        return {row.key: row for row in self._layout.recover(self._path, read_metric_rows) or ()}
