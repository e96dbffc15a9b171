"""Parquet files of images as the hub lays them out; the datasets library interprets their columns."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unbench.data.sources.common import decode, reading
from unbench.errors import DataError

ROWS = 256
"""Images of a file in memory at once, still encoded."""


def shards(folder: Path, split: str) -> tuple[tuple[Path, ...], list[str]]:
    """Return the files of one split in `folder`, in order, and the names of those that are missing."""
    pattern = re.compile(rf"{re.escape(split)}-(\d+)-of-(\d+)(-\w+)?\.parquet")
    files = _files(folder)
    numbered = {path: match for path in files if (match := pattern.fullmatch(path.name))}
    if numbered:
        total = max(int(match[2]) for match in numbered.values())
        have = {int(match[1]) for match in numbered.values()}
        return tuple(numbered), [f"{split}-{k:05d}-of-{total:05d}.parquet" for k in range(total) if k not in have]
    plain = _files(folder / split) or [path for path in files if path.name == f"{split}.parquet"]
    return tuple(plain), [] if plain else [f"{split}-*.parquet"]


def read_labels(path: Path, image: str, label: str) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Return the labels (N,) of one file, and the class names in its ClassLabel feature, if it has one.

    Raises:
        DataError: the file is damaged, or lacks a column or a label.
    """
    from datasets.features import ClassLabel, Features
    from pyarrow import parquet

    with reading(path):
        schema = parquet.read_schema(path)  # in the footer, the last thing in the file
        for name in (image, label):
            if name not in schema.names:
                raise DataError(f"{path} has no column '{name}', only {', '.join(schema.names)}")
        feature = Features.from_arrow_schema(schema)[label]
        column = parquet.read_table(path, columns=[label]).column(label)
    if column.null_count:
        raise DataError(f"{path} has {column.null_count} rows without a label in '{label}'")
    values: NDArray[Any] = column.to_numpy()
    if not len(values) or not np.issubdtype(values.dtype, np.integer):
        raise DataError(f"{path} does not hold a whole number in each row of '{label}'")
    return values, tuple(feature.names) if isinstance(feature, ClassLabel) else ()


def images(paths: Sequence[Path], column: str) -> Iterator[Image.Image]:
    """Decode the images of some files row by row; raise DataError naming file and row of a damaged one."""
    from datasets.features import Image as Encoded
    from pyarrow import parquet

    # Neither load_dataset, which asks the hub even about local files, nor a stream of datasets, whose threads may abort
    # Python as it exits (huggingface/datasets issue 7467).
    for path in paths:
        with reading(path), parquet.ParquetFile(path) as file:
            number = 0
            for batch in file.iter_batches(ROWS, columns=[column], use_threads=False):
                for row in Encoded(decode=False).cast_storage(batch.column(column)).to_pylist():
                    where = f"{path}, row {number}"
                    if not (row and row["bytes"]):
                        raise DataError(f"{where} has no image in '{column}'")
                    yield decode(io.BytesIO(row["bytes"]), where)
                    number += 1


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.parquet") if path.is_file())
