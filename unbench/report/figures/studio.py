"""Where sketches become pictures, in processes of their own while the rest of the report is being written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from joblib import Parallel, cpu_count, delayed, parallel_config

from unbench.config.interpreter import collect_rarely
from unbench.progress import Progress
from unbench.report.figures.picture_cache import PictureCache, drawn_from
from unbench.report.figures.saving import pictures_of, plot_csv
from unbench.report.figures.sketch import Sketch
from unbench.store.files import write_bytes, write_text

EACH = 4
"""Pictures that a process of its own must have to draw: it takes as long to start as some of them to draw."""


class Studio:
    """Draws into one folder. Sketches are added, drawing starts, a few more may follow, and the end is waited for.

    Args:
        folder: to write in.
        formats: of unbench.report.PLOT_FORMATS.
        data: whether the numbers behind each picture are written too.
    """

    def __init__(self, folder: Path, formats: Sequence[str] = ("png",), data: bool = False) -> None:
        self._folder, self._formats, self._data = folder, tuple(dict.fromkeys(formats)), data
        self._cache = PictureCache(folder)
        self._lacking: list[tuple[Sketch, list[str], str]] = []
        self._begun = 0
        self._drawn: Iterator[dict[str, bytes]] = iter(())

    def add(self, sketch: Sketch) -> tuple[str, ...]:
        """Take on a sketch; a picture that is there already, drawn from the same, will not be drawn again.

        Returns:
            The names that its files have or will have, <name>.png, .svg and .csv as far as they are wanted; none where
            there is nothing to draw.

        Raises:
            StoreError: the data cannot be written.
        """
        if sketch.data.table.empty:
            return ()
        names = {kind: f"{sketch.name}.{kind}" for kind in self._formats}
        source = drawn_from(sketch)
        lacking = [kind for kind, name in names.items() if not self._cache.holds(name, source)]
        if lacking:
            self._lacking.append((sketch, lacking, source))
        if self._data:
            names["csv"] = f"{sketch.name}.csv"
            write_text(self._folder / names["csv"], plot_csv(sketch.data))
        return tuple(names.values())

    def start(self) -> None:
        """Begin to draw what was added, if there is enough of it for more than one process.

        The rest, and what is added later, `finish` draws.
        """
        self._begun = len(self._lacking)
        workers = max(1, min(cpu_count(), self._begun // EACH))
        with parallel_config(backend="loky", inner_max_num_threads=1, initializer=collect_rarely):
            calls = (delayed(pictures_of)(sketch, kinds) for sketch, kinds, _ in self._lacking[: self._begun])
            # Tables are sent whole: joblib would map large ones from files, which nobody may write to.
            self._drawn = Parallel(n_jobs=workers, return_as="generator", max_nbytes=None)(calls)

    def finish(self, progress: Progress) -> None:
        """Wait until everything is drawn and write it, showing how far that is.

        Raises:
            StoreError: a picture cannot be written.
        """
        rest = (pictures_of(sketch, kinds) for sketch, kinds, _ in self._lacking[self._begun :])
        drawn = progress.track(chain(self._drawn, rest), "pictures", len(self._lacking))
        try:
            for (sketch, _, source), pictures in zip(self._lacking, drawn, strict=True):
                for kind, content in pictures.items():
                    name = f"{sketch.name}.{kind}"
                    write_bytes(self._folder / name, content)
                    self._cache.add(name, source, content)
        finally:
            if self._lacking:
                self._cache.save()
