"""The leaderboard as documents: leaderboard.md, leaderboard.html, which is the same as a page, and leaderboard.csv.

The text of the first is in templates/; here are the few things that it needs and that are no tables.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from cmarkgfm import cmark

from unbench.analysis.board.cells import SAME, BoardCell, CrossSetting
from unbench.analysis.board.formatting import DASH, WITHIN_NOISE, title_of
from unbench.analysis.board.leaderboard import AUDIT, COLUMNS
from unbench.analysis.board.rank_basis import BY_GAP
from unbench.analysis.board.ranks import ALPHA, OVER_CELLS
from unbench.analysis.board.row_status import VERIFIED, hparams_of, made_with
from unbench.analysis.rows.values import json_list, records
from unbench.config.reference_names import NOTHING, ORACLE
from unbench.metrics import METRICS
from unbench.reporting import board_tables, preset_tables
from unbench.reporting.markup import render
from unbench.reporting.provenance import Provenance
from unbench.store.schema import Row

if TYPE_CHECKING:
    import pandas as pd

    from unbench.reporting.figures.renderer import Pictures


def leaderboard_markdown(
    cells: Sequence[BoardCell],
    pictures: Pictures,
    provenance: Provenance | None = None,
    settings: Sequence[CrossSetting] = (),
) -> str:
    """Write the whole document.

    Args:
        cells: of the leaderboard.
        pictures: its plots.
        provenance: what the report was made from.
        settings: the comparison over the cells of each preset; none leaves it out.
    """
    basis = cells[0].basis if cells else BY_GAP
    about = {"basis": basis, "metric": None if basis == BY_GAP else METRICS.get(basis.metric)}
    return section("leaderboard", cells=cells, pictures=pictures, provenance=provenance, settings=settings, **about)


def leaderboard_html(markdown: str) -> str:
    """Return the page of a document that leaderboard_markdown wrote, which has escaped all strings from results.

    GitHub's own parser renders it: CommonMark with tables, and the few tags that reports write.
    """
    options = cmark.Options.CMARK_OPT_UNSAFE | cmark.Options.CMARK_OPT_TABLE_PREFER_STYLE_ATTRIBUTES
    body = cmark.markdown_to_html_with_extensions(markdown, options, ["table"]).replace("<th ", '<th scope="col" ')
    # The first cell of a row is its header for screen readers, as those of the first row are of their columns.
    body = re.sub(r"(<tr>\n)<td(.*?)</td>", r'\1<th scope="row"\2</th>', body, flags=re.DOTALL)
    return render("leaderboard.html", body=body)


def leaderboard_csv(board: pd.DataFrame, ranks: Sequence[float | None], provenance: Provenance | None = None) -> str:
    """Render the leaderboard as CSV with ten digits: enough for any use, and no binary noise.

    `rank`, before `within_noise`, is the rank of each row as unbench.analysis.board.cells.board_ranks returns it.
    Since CSV has no comments, the provenance is repeated in every row, in columns of its own.
    """
    board = board.copy()
    board.insert(COLUMNS.index("within_noise"), "rank", ranks)
    if provenance is not None:
        board = board.assign(
            inputs_sha256=provenance.sha256, report_version=provenance.version, report_command=provenance.command
        )
    return str(board.to_csv(index=False, float_format="%.10g", lineterminator="\n"))


def section(name: str, **values: Any) -> str:
    """Write a part of the document, templates/<name>.md, from the values that it names."""
    return render(f"{name}.md", **_NAMES, **values)


def distinct(rows: Sequence[Row], column: str) -> str:
    """Return the different values of a column, in order: `cpu; cuda`; empty if no row has one."""
    return "; ".join(dict.fromkeys(str(row[column]) for row in rows if row[column]))


def recipes(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """Return the different model options and training recipes of rows, in order."""
    return list(dict.fromkeys((row["model_options"], row["training"]) for row in rows))


def warned(rows: Sequence[Row]) -> dict[str, str]:
    """Return the warnings of rows, each with whom it is about."""
    found = by_value((row["label"], warning) for row in rows for warning in json_list(row["warnings"]))
    # A fault of the data is in every row; one line is enough.
    every = sum(row["n_seeds"] > 0 for row in rows)
    return {warning: "all rows" if 1 < len(who) == every else ", ".join(who) for warning, who in found.items()}


def by_value(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return the names that have each value, in order, from pairs of name and value."""
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(value, []).append(name)
    return found


_NAMES: dict[str, Any] = {
    **{"tables": board_tables, "presets": preset_tables, "records": records, "title_of": title_of},
    **{"distinct": distinct, "recipes": recipes, "warned": warned, "by_value": by_value},
    **{"made_with": made_with, "hparams_of": hparams_of, "VERIFIED": VERIFIED, "AUDIT": AUDIT},
    **{"ORACLE": ORACLE, "NOTHING": NOTHING, "DASH": DASH, "WITHIN_NOISE": WITHIN_NOISE},
    **{"SAME": SAME, "OVER_CELLS": OVER_CELLS, "ALPHA": ALPHA},
}
"""What every template may use."""
