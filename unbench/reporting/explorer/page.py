"""The explorer as one HTML file that asks nothing of any network."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from contextlib import suppress
from html import escape
from importlib.metadata import version
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from unbench.data.cache import cache_folder
from unbench.errors import StoreError
from unbench.progress import Progress
from unbench.reporting.explorer.data import explorer_data
from unbench.reporting.explorer.thumbnails import Thumbnails
from unbench.store.files import write_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from unbench.analysis.board.cells import BoardCell
    from unbench.analysis.outputs import OutputsReader
    from unbench.reporting.provenance import Provenance

SCRIPTS = ("format.js", "state.js", "controls.js", "table.js", "tradeoff.js", "examples.js", "compare.js", "main.js")
"""Ours, in the order in which they run."""


def explorer_html(
    cells: Sequence[BoardCell],
    frame: pd.DataFrame,
    reader: OutputsReader,
    images: bool = True,
    origin: Provenance | None = None,
    progress: Progress | None = None,
) -> str:
    """Return the page: the same results, with the same files of data sets at hand, give the same text.

    Args:
        cells: of the leaderboard.
        frame: the runs, as unbench.load_results gives them.
        reader: of the results folder, for their outputs and metrics.
        images: whether the forgotten images are put into the page.
        origin: what the page was made from, for its end.
        progress: shows of how many cells the outputs have been read.

    Raises:
        StoreError: a stored file is corrupt.
        CardError: the data sets' cards cannot be read.
    """
    data = explorer_data(cells, frame, reader, Thumbnails() if images else None, progress or Progress())
    return page(data, origin)


def page(data: dict[str, Any], origin: Provenance | None = None) -> str:
    """Return the page that shows `data`, which explorer_data made."""
    library, scripts = _script(vega()), _script("\n".join(_static(name) for name in SCRIPTS))
    hashes = " ".join(f"'sha256-{_sha256(script)}'" for script in (library, scripts))
    parts = {
        # Only these two scripts run, and nothing is fetched. Vega writes styles into its own elements.
        "policy": f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'",
        "style": _static("style.css"),
        "origin": "" if origin is None else f"{escape(origin.sentence)} <code>{escape(origin.command)}</code>",
        "data": _json(data),
        "library": library,
        "scripts": scripts,
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], _static("page.html"))


def vega() -> str:
    """Return one script that defines `vegaEmbed`: Vega, Vega-Lite and Vega-Embed; about 0.9 MB.

    Bundling takes seconds, so the bundle is kept in the cache of unbench, by the version of vl-convert.
    """
    path = cache_folder() / f"vega-{version('vl-convert-python')}.js"
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        pass
    import vl_convert

    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    with suppress(StoreError):  # A cache that cannot be written costs time, and nothing else.
        write_text(path, bundle)
    return bundle


def _static(name: str) -> str:
    return files("unbench.reporting.explorer").joinpath("static", name).read_text("utf-8")


def _json(data: dict[str, Any]) -> str:
    """Write JSON in which no text can end the element around it."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _script(text: str) -> str:
    """Escape a script, so that no string in it can end the element around it or begin a comment of HTML."""
    return text.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
