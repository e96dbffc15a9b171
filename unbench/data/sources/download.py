"""Downloads that leave either all of a data set behind or nothing, and checksums of what is on disk."""

from __future__ import annotations

import gzip
import hashlib
import sys
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from io import BufferedReader
from pathlib import Path

from unbench.config.cards import DatasetCard
from unbench.data.sources.common import one_line, reading
from unbench.errors import ChecksumError, DataMissingError, UnbenchError

_DAMAGE = (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError)


@contextmanager
def explained(card: DatasetCard, by_hand: str) -> Iterator[None]:
    """Turn whatever a library's download raises into one line that ends with what to do `by_hand`.

    Raises:
        ChecksumError: the download is damaged.
        DataMissingError: it fails for any other reason.
    """
    handled = sys.exception()  # the caller may be handling one, which did not cause what is raised here
    try:
        yield
    except UnbenchError:
        raise
    except Exception as error:  # each library, and each version of it, has its own
        chain = list(_chain(error, handled))
        for cause in chain:
            if isinstance(cause, KeyboardInterrupt):  # medmnist turns it into a RuntimeError
                raise cause from None
        if any(isinstance(e, _DAMAGE) or "corrupted" in str(e).lower() for e in chain):
            raise ChecksumError(
                f"the download of {card.name} arrived damaged and was deleted: {one_line(chain[-1])}; "
                f"try again, or {by_hand}"
            ) from error
        raise DataMissingError(f"cannot download {card.name}: {one_line(chain[-1])}; {by_hand}") from error


@contextmanager
def staged(card: DatasetCard, root: Path, by_hand: str) -> Iterator[Path]:
    """Yield an empty folder inside `root` whose content moves into `root` if the block ends well, else vanishes.

    Libraries write straight to the final name and leave a damaged file there; so they get another place.
    """
    with explained(card, by_hand):
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=root, prefix=f".{card.name}-") as name:
            yield Path(name)
            _merge(Path(name), root)


def differing(published: Mapping[Path, str], algorithm: str = "md5", unpack: bool = False) -> list[str]:
    """Return one sentence for each file whose checksum is not the published one.

    With `unpack`, the checksums are those of what is inside .gz files.
    """
    faults = []
    for path, wanted in published.items():
        with reading(path), unpacked(path) if unpack else path.open("rb") as file:
            # As an integrity check only: some systems forbid MD5 for security.
            hasher = partial(hashlib.new, algorithm, usedforsecurity=False)
            found = hashlib.file_digest(file, hasher).hexdigest()
        if found != wanted:
            kind = f"{algorithm.upper()} of its content" if unpack else algorithm.upper()
            faults.append(f"{path.name} differs from the published file ({kind} {found}, published {wanted})")
    return faults


def unpacked(path: Path) -> gzip.GzipFile | BufferedReader:
    """Open a file for reading, decompressed if its name ends with .gz."""
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")


def _chain(error: BaseException | None, end: BaseException | None) -> Iterator[BaseException]:
    """Yield the error and its causes up to, but not including, `end`: the first cause last."""
    while error is not None and error is not end:
        yield error
        error = error.__cause__ or error.__context__


def _merge(source: Path, target: Path) -> None:
    """Move everything under `source` into `target`, whole folders at once where they are new."""
    for item in source.iterdir():
        place = target / item.name
        if item.is_dir() and place.is_dir():
            _merge(item, place)
        else:
            item.replace(place)
