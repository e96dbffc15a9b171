"""What published data sets have in common: a download, fixed names of files and folders, and checksums."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import ClassVar

from unbench.data.sources.base import Files, ImageSource
from unbench.data.sources.common import list_files
from unbench.data.sources.download import differing, staged


class PublishedSource(ImageSource):
    """A data set that a library, or a URL, offers for download."""

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
        return {}


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
        tables: every file needed besides the photographs, below `home`.
        published: whether the tables have checksums; those of archives are of no use once they are unpacked.
    """

    home: ClassVar[str]
    photographs: ClassVar[str]
    tables: ClassVar[tuple[str, ...]]
    published: ClassVar[bool] = False

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
        return Files((*tables, *photographs), self.published, lambda: differing(self.checksums(tables)))

    def base(self, root: Path) -> Path:
        """Return the folder of the data set: the data root if that has its name, else one below it."""
        return root if root.name == self.home and not (root / self.home).is_dir() else root / self.home
