"""Tables on disk: Parquet with a schema version and a checksum, parsed from the very bytes that were verified."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from unbench.errors import RUN, DamagedError, StoreError
from unbench.store.checksum import BLANK, is_intact, is_marked
from unbench.store.files import read_stored, write_with_checksum
from unbench.store.schema import CHECKSUMS_SINCE, SCHEMA_VERSION, Column, Row

if TYPE_CHECKING:
    import pyarrow as pa

VERSION_KEY = b"unbench.schema_version"
CHECKSUM_KEY = b"unbench.seal"


@cache
def arrow_schema(columns: tuple[Column, ...]) -> pa.Schema:
    """Return the Arrow schema of `columns`, which carries the schema version."""
    import pyarrow as pa

    types = {
        "string": pa.string(),
        "int64": pa.int64(),
        "double": pa.float64(),
        "bool": pa.bool_(),
        "list<float>": pa.list_(pa.float32()),
    }
    fields = [pa.field(c.name, types[c.type], metadata={"meaning": c.meaning}) for c in columns]
    return pa.schema(fields, metadata={VERSION_KEY: str(SCHEMA_VERSION).encode()})


def write_table(path: Path, rows: Sequence[Row], columns: tuple[Column, ...]) -> pa.Table:
    """Store rows as Parquet, atomically, in place of what was there; a column that a row lacks is null."""
    import pyarrow as pa

    table = pa.Table.from_pylist(list(rows), schema=arrow_schema(columns))
    write_arrow(path, table)
    return table


def write_arrow(path: Path, table: pa.Table, compression: str = "snappy") -> None:
    """Store a table as Parquet with a checksum, atomically, in place of what was there.

    Raises:
        StoreError: the file cannot be written; what was there stays.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    # Arrow writes these twice, but its own copy of the schema is in base64: one plain marker is in the file.
    metadata = {**(table.schema.metadata or {}), CHECKSUM_KEY: BLANK.encode()}
    sink = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata(metadata), sink, compression=compression)
    write_with_checksum(path, sink.getvalue().to_pybytes())


def read_arrow(path: Path, names: Sequence[str] | None = None, again: str = RUN) -> pa.Table:
    """Return the table of a file as stored, or some of its columns; `again` is the command that makes such a file.

    A file that was written before files had checksums is taken as it is.

    Raises:
        DamagedError: the file is missing, empty, cut off, changed, or not one of unbench's.
        StoreError: it cannot be read, or is from a newer version of unbench.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    content = read_stored(path, again)
    if is_marked(content) and not is_intact(content):
        raise DamagedError(path, "it does not match its checksum", again)
    try:
        with pq.ParquetFile(pa.BufferReader(content)) as file:
            # Without threads: where a damaged file ends the process at once, those of Arrow may still be starting, and
            # it is aborted.
            table = file.read(list(names) if names is not None else None, use_threads=False)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DamagedError(path, f"it is not a Parquet file ({str(error).splitlines()[0]})", again) from error
    version = (table.schema.metadata or {}).get(VERSION_KEY, b"")
    if not version.isdigit():
        raise DamagedError(path, "it was not written by unbench", again)
    # Else a flipped bit in the marker would turn the file into one that never had a checksum.
    if int(version) >= CHECKSUMS_SINCE and not is_marked(content):
        raise DamagedError(path, "it has no checksum", again)
    if int(version) > SCHEMA_VERSION:
        raise StoreError(f"{path} has schema {int(version)}, newer than {SCHEMA_VERSION}; upgrade unbench")
    return table


def read_table(path: Path, columns: tuple[Column, ...], again: str = RUN) -> pa.Table:
    """Return the table of a file with the schema of `columns`; what an older file lacks is null.

    Raises:
        DamagedError: the file is damaged, lacks the first of the columns, or has another type in one of them.
        StoreError: it cannot be read, or is from a newer version of unbench.
    """
    import pyarrow as pa

    table, wanted = read_arrow(path, again=again), arrow_schema(columns)
    # Nearly all files are like this; taking a column by its name is slow in a wide table.
    if table.schema.equals(wanted):
        return pa.Table.from_arrays(table.columns, schema=wanted)
    if columns[0].name not in table.column_names:
        raise DamagedError(path, f"it has no column '{columns[0].name}'", again)
    try:
        arrays = [
            table[field.name].cast(field.type)
            if field.name in table.column_names
            else pa.nulls(table.num_rows, field.type)
            for field in wanted
        ]
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DamagedError(path, f"it does not follow the schema ({str(error).splitlines()[0]})", again) from error
    return pa.Table.from_arrays(arrays, schema=wanted)
