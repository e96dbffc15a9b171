"""What published data sets have in common: fixed names, checksums, and downloads that leave everything or nothing."""

import gzip
import hashlib
import sys
import tarfile
import tempfile
import zlib
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import ClassVar

from unbench.config.cards import DatasetCard
from unbench.data.sources.base import Files, ImageSource, list_files, one_line, reading
from unbench.errors import ChecksumError, DataMissingError, UnbenchError

_DAMAGE = (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError)


class PublishedSource(ImageSource):
    """A data set that a library, or a URL, offers for download.

    Attributes:
        md5: published checksum of each file that has one, by its name; of files that end with .gz, of their content,
            by the name without the ending.
    """

    md5: ClassVar[dict[str, str]] = {}

    def fetch(self, root: Path) -> None:
        """Download with the library, which checks the publisher's MD5 where there is one.

        Raises:
            ChecksumError: the download arrived damaged; it is deleted.
            DataMissingError: it fails for another reason; the message says what to do by hand.
        """
        with staged(self.card, root, self.by_hand(root)) as folder:
            self.download(folder)

    @abstractmethod
    def download(self, folder: Path) -> None:
        """Download and unpack everything into a data root that is empty."""

    @abstractmethod
    def by_hand(self, root: Path) -> str:
        """Return what a person can do where the download fails."""

    def checksums(self, paths: tuple[Path, ...]) -> dict[Path, str]:
        """Return the published MD5 of those files that have one."""
        names = {path: path.name.removesuffix(".gz") for path in paths}
        return {path: self.md5[name] for path, name in names.items() if name in self.md5}


class NamedFiles(PublishedSource):
    """A few files of fixed names, in the folder among `places` that has most of them, the first of equal ones.

    Attributes:
        files: names; ones that end with .gz may be unpacked, and their checksums are those of the content.
        places: folders below the data root; downloads go to the first, and the last is the data root itself.
    """

    files: tuple[str, ...]
    places: ClassVar[tuple[str, ...]]

    def find(self, root: Path) -> Files:
        """Return the files in the order of their names; raise DataMissingError naming those absent."""
        folders = [root / place for place in self.places]
        found = max((self._present(folder) for folder in folders), key=len)
        absent = [name for name in self.files if name not in found]
        if absent:
            where = next(iter(found.values())).parent if found else f"{folders[0]} or {root} itself"
            raise self.missing(root, f"{', '.join(absent)} in {where}")
        paths = tuple(found.values())
        packed = self.files[0].endswith(".gz")
        return Files(paths, True, lambda: differing(self.checksums(paths), unpack=packed))

    def by_hand(self, root: Path) -> str:
        """Return which files to put where."""
        return f"put {', '.join(self.files)} from {self.address()} in {root / self.places[0]}"

    def address(self) -> str:
        """Return where the files can be had by hand."""
        return self.card.homepage

    def _present(self, folder: Path) -> dict[str, Path]:
        """Return those of the files that `folder` has, packed ones rather than unpacked."""
        choices = {name: (folder / name.removesuffix(".gz"), folder / name) for name in self.files}
        return {name: path for name, pair in choices.items() for path in pair if path.is_file()}


class Photographs(PublishedSource):
    """Tables, and a folder of photographs.

    Attributes:
        home: folder of the data set, looked for below the data root, which may also be that folder itself.
        photographs: folder of the photographs, below `home`.
        tables: every file needed besides the photographs, below `home`; only they may have checksums, because those
            of archives are of no use once they are unpacked.
    """

    home: ClassVar[str]
    photographs: ClassVar[str]
    tables: ClassVar[tuple[str, ...]]

    def find(self, root: Path) -> Files:
        """Return tables and photographs; raise DataMissingError naming those absent."""
        base = self.base(root)
        tables = tuple(base / name for name in self.tables)
        photographs = list_files(base / self.photographs)
        absent = [str(path) for path in tables if not path.is_file()]
        if not photographs:
            absent.append(f"photographs in {base / self.photographs}")
        if absent:
            raise self.missing(root, ", ".join(absent))
        return Files((*tables, *photographs), bool(self.md5), lambda: differing(self.checksums(tables)))

    def base(self, root: Path) -> Path:
        """Return the folder of the data set: the data root if that has its name, else one below it."""
        return root if root.name == self.home and not (root / self.home).is_dir() else root / self.home


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
