"""The files of one folder as one table, most of it from a copy, since opening thousands of small files takes long.

The copy holds the rows of all files together with the name, size and time of change of the file that each came from,
and of the file of the same name beside it, if rows are read from two. Files that are new or changed are read, rows of
those that vanished are dropped. The copy is only a convenience: if anything is wrong with it, it is made again, and
where it cannot be written there is none.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from unbench.errors import StoreError, refusals_as
from unbench.store.files import keep_from_git
from unbench.store.schema import SCHEMA_VERSION, Column
from unbench.store.tables import VERSION_KEY, arrow_schema, read_arrow, write_arrow

if TYPE_CHECKING:
    import pyarrow as pa

LEAST = 200
"""Number of files below which reading them takes no time worth saving."""

ORIGIN = (
    Column("cached_file", "string", "name of the file that a row is from"),
    Column("cached_size", "int64", "its size, bytes"),
    Column("cached_mtime_ns", "int64", "when it was changed last, nanoseconds"),
    Column("cached_size_beside", "int64", "size of the file beside it, bytes; 0 if there is none"),
    Column("cached_mtime_ns_beside", "int64", "when that was changed last, nanoseconds; 0 if there is none"),
)

Stamp = tuple[int, int]
"""Size of a file and time of its last change."""


@dataclass(frozen=True)
class RowsCache:
    """The Parquet files in `folder` as a table with `columns`, and its copy at `path`.

    Attributes:
        folder: of the files.
        columns: of the table.
        path: of the copy.
        beside: another folder, whose files of the same names the rows are read from as well.
    """

    folder: Path
    columns: tuple[Column, ...]
    path: Path
    beside: Path | None = None

    def read(
        self,
        read: Callable[[Path], pa.Table | None],
        names: Sequence[str] | None = None,
        not_kept: Collection[str] = (),
    ) -> pa.Table:
        """Return the rows of all files, in the order of the files' names.

        Args:
            read: returns the rows of one file, with the columns of this cache; None leaves the file out.
            names: of the columns to return; default all.
            not_kept: names of files whose rows are not to be copied; `read` may add to it.

        Raises:
            StoreError: `read` does.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        wanted = tuple(column for column in self.columns if names is None or column.name in names)
        present = self._present()
        stored = self._stored(wanted)
        if _origins(stored) != present:
            stored = self._stored(self.columns)
            known = _origins(stored)
            fresh = [name for name, stamp in known.items() if present.get(name) == stamp]
            parts = [stored.filter(pc.is_in(stored[ORIGIN[0].name], pa.array(fresh, pa.string())))]
            for name in sorted(present.keys() - set(fresh)):
                table = read(self.folder / name)
                if table is not None:
                    parts.append(self._with_origin(table, name, present[name]))
            stored = pa.concat_tables(parts).combine_chunks().sort_by(ORIGIN[0].name)
            left_out = pc.is_in(stored[ORIGIN[0].name], pa.array(sorted(not_kept), pa.string()))
            kept = stored.filter(pc.invert(left_out))
            if len(present) >= LEAST and _origins(kept) != known:
                self._write(kept)
        schema = arrow_schema(wanted)
        return pa.Table.from_arrays([stored[field.name] for field in schema], schema=schema)

    def _present(self) -> dict[str, tuple[int, ...]]:
        """Return the stamps of each file and of the one beside it, by its name."""
        own, beside = stamps(self.folder), stamps(self.beside) if self.beside else {}
        return {name: (*stamp, *beside.get(name, (0, 0))) for name, stamp in own.items()}

    def _with_origin(self, table: pa.Table, name: str, stamp: tuple[int, ...]) -> pa.Table:
        import pyarrow as pa

        origin = [[value] * table.num_rows for value in (name, *stamp)]
        schema = arrow_schema((*self.columns, *ORIGIN))
        types = list(schema)[-len(ORIGIN) :]
        arrays = [pa.array(values, field.type) for values, field in zip(origin, types, strict=True)]
        return pa.Table.from_arrays([*table.columns, *arrays], schema=schema)

    def _stored(self, columns: tuple[Column, ...]) -> pa.Table:
        """Return these columns of the copy and ORIGIN; empty if the copy is damaged, older or not there."""
        schema = arrow_schema((*columns, *ORIGIN))
        # Asked first, because most folders are small and have none.
        if not self.path.is_file():
            return schema.empty_table()
        try:
            table = read_arrow(self.path, schema.names)
        except StoreError:
            return schema.empty_table()
        newest = (table.schema.metadata or {})[VERSION_KEY] == str(SCHEMA_VERSION).encode()
        if not newest or sorted(table.column_names) != sorted(schema.names):
            return schema.empty_table()
        table = table.select(schema.names)
        return table.replace_schema_metadata(schema.metadata) if table.schema.equals(schema) else schema.empty_table()

    def _write(self, table: pa.Table) -> None:
        with suppress(StoreError):
            keep_from_git(self.path.parent)
            write_arrow(self.path, table)


def stamps(folder: Path) -> dict[str, Stamp]:
    """Return the stamp of each Parquet file in a folder, by name; none if there is no such folder.

    Raises:
        StoreError: the folder cannot be listed.
    """
    found: dict[str, Stamp] = {}
    with refusals_as(StoreError, f"cannot read {folder}"), suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".parquet"):
                try:
                    about = entry.stat()
                except FileNotFoundError:  # another process has set it aside meanwhile
                    continue
                found[entry.name] = (about.st_size, about.st_mtime_ns)
    return found


def _origins(table: pa.Table) -> dict[str, tuple[int, ...]]:
    """Return the stamps of the files that a table's rows are from, by name."""
    names = [column.name for column in ORIGIN]
    files = table.group_by(names).aggregate([])
    columns = [files[name].to_pylist() for name in names]
    return dict(zip(columns[0], zip(*columns[1:], strict=True), strict=True))
