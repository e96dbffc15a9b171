"""A person's own images: a folder per split, in it a folder per class, as torchvision's ImageFolder."""

from pathlib import Path

from unbench.data.sources.base import Files, ImageSource, RawData, RawSplit, file_split, list_files
from unbench.errors import DataError


class Folder(ImageSource):
    """train/<class>/*.png and test/<class>/*.png, optionally val/, and any other format that Pillow opens.

    They are looked for in the data root itself, else in a folder there with the card's name. The classes are
    the folders in train, sorted by name; test and val may lack some but have no others.
    """

    def find(self, root: Path) -> Files:
        """Return all files of the splits; raise DataMissingError if train/ or test/ is absent."""
        return Files(list_files(*self._folders(root).values()))

    def read(self, root: Path) -> RawData:
        """Return all splits; raise DataError naming a class folder that is empty or unknown."""
        folders = self._folders(root)
        classes = _classes(folders["train"])
        splits: dict[str, RawSplit] = {}
        for split, folder in folders.items():
            for name in _classes(folder):
                if name not in classes:
                    raise DataError(f"{folder / name} is a class without training images in {folders['train']}")
            splits[split] = _split(folder, classes, allow_empty=split != "train")
        return RawData(classes, splits)

    def _folders(self, root: Path) -> dict[str, Path]:
        named = root / self.card.name
        base = named if (named / "train").is_dir() and not (root / "train").is_dir() else root
        found = {name: base / name for name in ("train", "val", "test") if (base / name).is_dir()}
        absent = [str(base / name) for name in ("train", "test") if name not in found]
        if absent:
            what = f"{' and '.join(absent)}, each with a folder of images per class"
            raise self.missing(root, what, "put your images there, or name their folder with --data-root")
        return found


def _classes(folder: Path) -> tuple[str, ...]:
    """Return the sorted names of the class folders, less the hidden ones that file managers and notebooks leave."""
    names = sorted(p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    if not names:
        raise DataError(f"{folder} has no class folders; one folder of images per class is expected")
    return tuple(names)


def _split(folder: Path, classes: tuple[str, ...], allow_empty: bool) -> RawSplit:
    from torchvision.datasets.folder import IMG_EXTENSIONS, make_dataset

    index = {name: k for k, name in enumerate(classes)}
    try:
        samples = make_dataset(folder, index, extensions=IMG_EXTENSIONS, allow_empty=allow_empty)
    except FileNotFoundError as error:
        raise DataError(f"{folder}: {error}") from error
    if not samples:
        raise DataError(f"{folder} has no images in its class folders ({', '.join(IMG_EXTENSIONS)})")
    paths, labels = zip(*samples, strict=True)
    return file_split([Path(path) for path in paths], labels, len(classes), folder)
