"""Forgotten images, small, as data URLs, up to a limit of bytes for the whole page."""

import base64
from collections.abc import Mapping
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unbench.config import registry
from unbench.data import Dataset, load_dataset
from unbench.errors import DataMissingError, UnbenchError

SIDE = 72
"""Pixels of the longer side at most; smaller images stay as they are."""
LIMIT = 3 * 2**20
"""Bytes of all data URLs of a page."""


class Thumbnails:
    """Draws from the files of the data sets, which it never downloads.

    Args:
        limit: bytes of all data URLs together.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._left = limit
        self._loaded: dict[tuple[str, str], Dataset | str] = {}

    def classes(self, row: Mapping[str, Any]) -> list[str] | None:
        """Return the names of the classes of a row's data set; None if its files are not at hand."""
        data = self._data(row)
        return None if isinstance(data, str) else list(data.classes)

    def draw(self, row: Mapping[str, Any], ids: NDArray[np.int64]) -> list[str] | str:
        """Return the images with these ids as data URLs, or in words why there are none.

        Args:
            row: of the leaderboard, for its data set.
            ids: positions in the published training split.
        """
        data = self._data(row)
        if isinstance(data, str):
            return data
        places = {int(number): place for place, number in enumerate(data.train.ids)}
        if not all(int(number) in places for number in ids):
            return "not all of these images are in the data set's files"
        urls = [_url(np.asarray(data.train.pixels[places[int(number)]])) for number in ids]
        size = sum(map(len, urls))
        if size > self._left:
            return "left out: the page's limit of bytes for images is reached"
        self._left -= size
        return urls

    def _data(self, row: Mapping[str, Any]) -> Dataset | str:
        key = (row["dataset"], row["preset"])
        if key not in self._loaded:
            self._loaded[key] = _load(*key)
        data = self._loaded[key]
        if isinstance(data, Dataset) and data.fingerprint != row["data_fingerprint"]:
            return "the data set's files at hand are not those of these results"
        return data


def _load(dataset: str, preset: str) -> Dataset | str:
    card = registry.datasets().get(dataset)
    if card is None or preset not in card.presets:
        return "no card says how to read this data set"
    try:
        # The fingerprint of the results decides whether the files are the right ones.
        return load_dataset(card, card.presets[preset], checksums="accept", download=False)
    except DataMissingError:
        return "the data set's files are not at hand where the report was made (UNBENCH_DATA)"
    except UnbenchError:
        # Its message names folders of this machine, which have no place in a report.
        return "the data set's files could not be read where the report was made"


def _url(pixels: NDArray[np.uint8]) -> str:
    image = Image.fromarray(pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, -1))
    small = max(image.size) <= SIDE
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    kind = "png" if small else "jpeg"
    buffer = BytesIO()
    image.save(buffer, format=kind, **({"optimize": True} if small else {"quality": 80}))
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"
