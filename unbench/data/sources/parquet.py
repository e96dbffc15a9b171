"""Parquet files of images as the hub lays them out; what their columns mean is told by the datasets library."""

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
    """The files of one split in `folder`, in order, and the names of those that are lacking."""
    pattern = re.compile(rf"{re.escape(split)}-(\d+)-of-(\d+)(-\w+)?\.parquet")
    numbered = {path: match for path in _files(folder) if (match := pattern.fullmatch(path.name))}
    if numbered:
        total = max(int(match[2]) for match in numbered.values())
        have = {int(match[1]) for match in numbered.values()}
        lacking = [f"{split}-{k:05d}-of-{total:05d}.parquet" for k in range(total) if k not in have]
        return tuple(numbered), lacking
    plain = _files(folder / split) or [path for path in _files(folder) if path.name == f"{split}.parquet"]
    return tuple(plain), [] if plain else [f"{split}-*.parquet"]


def class_names(path: Path, label: str) -> tuple[str, ...]:
    """The names in the file's ClassLabel feature, or none."""
    from datasets.features import ClassLabel, Features
    from pyarrow import parquet

    with reading(path):
        feature = Features.from_arrow_schema(parquet.read_schema(path))[label]
    return tuple(feature.names) if isinstance(feature, ClassLabel) else ()


def label_column(path: Path, image: str, label: str) -> NDArray[Any]:
    """The labels of one file; raises DataError if it is damaged, or a column or a label is lacking."""
    from pyarrow import parquet

    with reading(path):
        names = parquet.read_schema(path).names  # in the footer, the last thing in the file
        for name in (image, label):
            if name not in names:
                raise DataError(f"{path} has no column '{name}', only {', '.join(names)}")
        column = parquet.read_table(path, columns=[label]).column(label)
    if column.null_count:
        raise DataError(f"{path} has {column.null_count} rows without a label in '{label}'")
    values: NDArray[Any] = column.to_numpy()
    if not len(values) or not np.issubdtype(values.dtype, np.integer):
        raise DataError(f"{path} does not hold a whole number in each row of '{label}'")
    return values


def images(paths: Sequence[Path], column: str) -> Iterator[Image.Image]:
    """Decode the images of some files row by row; raises DataError naming file and row of a damaged one."""
    from datasets.features import Image as Encoded
    from pyarrow import parquet

    # Neither load_dataset, which asks the hub even about files that are here, nor a stream of datasets, whose threads
    # may end Python's last moments in an abort (huggingface/datasets issue 7467).
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
