"""One look for all figures: colours for every eye, sizes for print, and the same bytes every time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unbench.config.reference_names import NOTHING, ORACLE

if TYPE_CHECKING:
    from unbench.analysis.board.cells import BoardCell

# Okabe and Ito's palette without its yellow, which is too pale for lines on white paper.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h")
ORACLE_COLOUR, NOTHING_COLOUR, FAINT = "#000000", "#7F7F7F", "#B8B8B8"
DOTTED: dict[str, Any] = {"color": FAINT, "linewidth": 0.8, "linestyle": (0, (1, 2))}
"""A line that belongs to no method, such as that of chance."""

_SETTINGS: dict[Any, Any] = {
    # Names come from results: a dollar sign is a dollar sign.
    "text.parse_math": False,
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 8.5,
    "axes.labelsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.linewidth": 0.6,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "figure.dpi": 200,
    # At so many dots hinting changes nothing that one sees, and takes a fifth of the time.
    "text.hinting": "no_hinting",
    # Text stays text in an SVG: it can be searched, and the file is small.
    "svg.fonttype": "none",
    # Without it the names of its parts are random.
    "svg.hashsalt": "unbench",
}


@dataclass(frozen=True)
class Palette:
    """A colour and a marker per method, the same in every figure of a report."""

    methods: tuple[str, ...]

    @classmethod
    def of(cls, cells: Sequence[BoardCell]) -> Palette:
        """Give a place to each method of a report, references aside."""
        names = {str(name) for cell in cells for name in cell.rows["method"]}
        return cls(tuple(sorted(names - {ORACLE, NOTHING})))

    def colour(self, method: str) -> str:
        """Return black for the oracle, grey for doing nothing, else one of six; place and label tell the rest."""
        if method in (ORACLE, NOTHING):
            return ORACLE_COLOUR if method == ORACLE else NOTHING_COLOUR
        return _COLOURS[self.methods.index(method) % len(_COLOURS)]

    def marker(self, method: str) -> str:
        """Return a shape, so that colour is never the only difference."""
        if method in (ORACLE, NOTHING):
            return "*" if method == ORACLE else "d"
        return _MARKERS[self.methods.index(method) % len(_MARKERS)]


@contextmanager
def style() -> Iterator[None]:
    """Set Matplotlib's defaults, whatever the user's own settings are, with the few changes that print takes."""
    from matplotlib import rc_context, rcParamsDefault

    defaults = {name: value for name, value in rcParamsDefault.items() if not name.startswith("backend")}
    with rc_context({**defaults, **_SETTINGS}):
        yield


def model_look(model: str, method: str, palette: Palette) -> dict[str, Any]:
    """Return how lines of the original, oracle and unlearned model look: they differ in colour, dash and width."""
    if model == "unlearned":
        return {"color": palette.colour(method), "linestyle": "-", "linewidth": 1.8, "zorder": 2.2}
    if model == "oracle":
        # Over the thicker line: where both agree, both are seen.
        return {"color": ORACLE_COLOUR, "linestyle": "-", "linewidth": 0.8, "zorder": 2.3}
    return {"color": NOTHING_COLOUR, "linestyle": (0, (4, 2)), "linewidth": 1.1, "zorder": 2.1}
