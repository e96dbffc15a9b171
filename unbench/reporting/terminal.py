"""Tables for a terminal, 80 columns and up."""

from collections.abc import Sequence

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from unbench.analysis.board.cells import BoardCell, cross_settings
from unbench.analysis.board.formatting import DASH, WITHIN_NOISE
from unbench.reporting.board_tables import board_table
from unbench.reporting.preset_tables import ranks_table
from unbench.reporting.table import ReportTable, TableCell

LEGEND = (
    "TA, RA, FA: accuracy on the test, retain and forget set, %. MIA: AUROC of distinguishing forget from test "
    "images, %; 50 is chance. Gap: mean distance of these four to the oracle, the model retrained without "
    "the forget set; lower is better. Floor: the gap of a second oracle, which is noise."
)
MARK = f"{WITHIN_NOISE}: not above the floor."


def leaderboard_table(cells: Sequence[BoardCell]) -> Group:
    """Render the leaderboard: one table per cell, mean ± spread over seeds, and the mean ranks of each preset."""
    parts: list[Table | Text] = []
    for cell in cells:
        notes = [Text(note, "dim") for note in cell.left_out]
        parts += [rich_table(board_table(cell, narrow=True)), *notes, Text()]
    for setting in cross_settings(cells):
        if setting.ranking.ranked:
            parts += [rich_table(ranks_table(setting, each=False)), Text()]
    legend = Text(f"{LEGEND} {MARK} {DASH}: missing; leaderboard.md says why.", "dim")
    return Group(*parts, legend if cells else Text("There are no runs in the results folder yet."))


def rich_table(table: ReportTable, caption: Text | None = None) -> Table:
    """Render a table; its own caption becomes the title, since a terminal has no footnotes to put below it."""
    found = Table(
        title=Text(table.caption, "bold"),
        title_justify="left",
        caption=caption,
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        collapse_padding=True,
        header_style="bold",
    )
    for number, title in enumerate(table.titles):
        found.add_column(Text(title), justify="left" if number < table.texts else "right", overflow="fold")
    for name, *cells in table.rows:
        style = "italic" if name.style == "reference" else "bold"
        outdated = "dim" if name.style == "outdated" else None
        found.add_row(_text(name, style), *(_text(cell) for cell in cells), style=outdated)
    return found


def _text(cell: TableCell, style: str = "") -> Text:
    """Arrange the parts of a cell below each other."""
    text = Text(cell.text + cell.mark, "green" if cell.mark else style)
    plain = "not bold not italic"
    for line, below in ((cell.brief, f"{plain} red"), (cell.remark, f"{plain} dim"), (cell.spread, f"{plain} dim")):
        if line:
            text.append(f"\n{'±' if line is cell.spread else ''}{line}", below)
    return text
