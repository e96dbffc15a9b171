"""Figures before they are drawn, the processes that draw them, and how the documents of a report show them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from joblib import cpu_count
from joblib.executor import get_memmapping_executor

from unbench.config.interpreter import collect_rarely
from unbench.progress import Progress
from unbench.store.files import write_bytes, write_text

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from matplotlib.figure import Figure

    from unbench.analysis.rows.noted import NotedTable
    from unbench.reporting.figures.style import Palette

MOST_WORKERS = 4
"""Beyond this many, processes take longer to start than the figures of a report take to draw."""

IDLE = 60
"""Seconds after which processes that have nothing to draw end; a report that is watched uses them again before."""


_SAVING: dict[str, dict[str, Any]] = {
    # Compressed less hard than Matplotlib does it: half the time, and hardly larger.
    "png": {"metadata": {"Software": None}, "pil_kwargs": {"compress_level": 3}},
    "svg": {"metadata": {"Date": None, "Creator": None}},
}
"""How files are saved, so that they do not depend on when and by what they were written."""


@dataclass(frozen=True)
class FigureSpec:
    """One figure to be drawn, in this process or another.

    Attributes:
        name: of its files, without an ending.
        title: what it shows.
        data: the same as numbers; there is nothing to draw where the table is empty.
        draw: makes the figure from data, the words above it and, if there is one, `palette=`.
        heading: the cell it belongs to; empty where the title says so.
        palette: colours and markers of methods; None where the figure needs none.
        method: the one whose ablations it shows; empty for figures that compare methods.
    """

    name: str
    title: str
    data: NotedTable
    draw: Callable[..., Figure]
    heading: str = ""
    palette: Palette | None = None
    method: str = ""

    def figure(self) -> Figure:
        """Draw the figure."""
        words = f"{self.title}\n{self.heading}" if self.heading else self.title
        return self.draw(self.data, words, **({"palette": self.palette} if self.palette else {}))


@dataclass(frozen=True)
class Picture:
    """One figure in a document: the names of its files, none where there was nothing to draw, and what it leaves out.

    `method` is the one whose ablations it shows; empty for figures that compare methods.
    """

    title: str
    files: tuple[str, ...]
    notes: tuple[str, ...]
    method: str = ""

    @property
    def file(self) -> str | None:
        """The file that documents show: the PNG, else the SVG, which LaTeX cannot take."""
        return next((name for kind in (".png", ".svg") for name in self.files if name.endswith(kind)), None)


@dataclass(frozen=True)
class Pictures:
    """All pictures of a report.

    Attributes:
        of_cells: by the slug of the cell; none of a cell whose figures were not asked for.
        of_ranks: critical differences, by preset; none of a preset without them.
        overall: what goes over all cells.
    """

    of_cells: Mapping[str, Sequence[Picture]] = field(default_factory=dict)
    of_ranks: Mapping[str, Picture] = field(default_factory=dict)
    overall: Sequence[Picture] = ()

    @property
    def files(self) -> list[str]:
        """Names of all files."""
        each = [picture for pictures in self.of_cells.values() for picture in pictures]
        return [name for one in (*each, *self.of_ranks.values(), *self.overall) for name in one.files]


class Renderer:
    """Renders the figures of one report into a folder.

    Processes start, and import what they need, as soon as there is a renderer; each figure that is added is drawn by
    the next one that is free.

    Args:
        folder: to write in.
        formats: of unbench.reporting.PLOT_FORMATS.
        data: whether the numbers behind each figure are written too.
        workers: how many processes may draw. They are used only where there is more than one processor.
    """

    def __init__(
        self, folder: Path, formats: Sequence[str] = ("png",), data: bool = False, workers: int = MOST_WORKERS
    ) -> None:
        self._folder, self._formats, self._data = folder, tuple(dict.fromkeys(formats)), data
        self._executor = _executor(min(cpu_count(), workers))
        self._rendered: list[tuple[str, Callable[[], dict[str, bytes]]]] = []

    def add(self, spec: FigureSpec) -> tuple[str, ...]:
        """Begin to render a figure.

        Returns:
            The names that its files have or will have, <name>.png, .svg and .csv as asked for; none where there is
            nothing to draw.

        Raises:
            StoreError: the data cannot be written.
        """
        if spec.data.table.empty:
            return ()
        draw = partial(render, spec, self._formats)
        self._rendered.append((spec.name, self._executor.submit(draw).result if self._executor else draw))
        names = [f"{spec.name}.{kind}" for kind in self._formats]
        if self._data:
            names.append(f"{spec.name}.csv")
            write_text(self._folder / names[-1], figure_csv(spec.data))
        return tuple(names)

    def finish(self, progress: Progress) -> None:
        """Wait for all figures and write them, showing how many are done.

        Raises:
            StoreError: a picture cannot be written.
        """
        for name, result in progress.track(self._rendered, "pictures"):
            for kind, content in result().items():
                write_bytes(self._folder / f"{name}.{kind}", content)


def render(spec: FigureSpec, kinds: Sequence[str]) -> dict[str, bytes]:
    """Draw a figure once; return the content of a file of each kind: png or svg."""
    from unbench.reporting.figures.style import style

    with style():
        figure = spec.figure()
        return {kind: _printed(figure, kind) for kind in kinds}


def _printed(figure: Figure, kind: str) -> bytes:
    file = BytesIO()
    figure.savefig(file, format=kind, **_SAVING[kind])
    return file.getvalue()


def figure_csv(data: NotedTable) -> str:
    """Return what a figure shows as CSV: ten digits, which show no binary noise and lose nothing of use."""
    return str(data.table.to_csv(index=False, float_format="%.10g", lineterminator="\n"))


def _executor(workers: int) -> Executor | None:
    """Start the processes that draw; None where there is one processor, which then draws at the end."""
    if cpu_count() < 2:
        return None
    # Joblib's own, not loky's, which joblib would take for its own where this process trains shadow models later.
    executor: Executor = get_memmapping_executor(
        workers, timeout=IDLE, initializer=_prepare, env={"OMP_NUM_THREADS": "1"}
    )
    executor.submit(int)  # starts them all
    return executor


def _prepare() -> None:
    """Import what drawing takes, while the report still reads its rows; give way to it."""
    collect_rarely()
    if hasattr(os, "nice"):
        os.nice(5)
    import matplotlib.backends.backend_agg  # noqa: F401
    import pandas  # noqa: F401
