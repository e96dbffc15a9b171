"""leaderboard.html: the document of leaderboard.md as one static page, with plain tables and without JavaScript."""

from __future__ import annotations

import re

from cmarkgfm import cmark

from unbench.reporting.markup import template

_FIRST_CELL = re.compile(r"(<tr>\n)<td(.*?)</td>", re.DOTALL)
"""The first cell of a row is its header for screen readers, as those of the first row are of their columns."""


def leaderboard_html(markdown: str) -> str:
    """Return the page of a document that leaderboard_markdown wrote."""
    body = _FIRST_CELL.sub(r'\1<th scope="row"\2</th>', render(markdown).replace("<th ", '<th scope="col" '))
    return template("leaderboard.html").replace("BODY", body)


def render(markdown: str) -> str:
    """Render Markdown as HTML with GitHub's own parser: CommonMark with tables, and the few tags that reports write.

    Strings from results must be escaped in it already.
    """
    options = cmark.Options.CMARK_OPT_UNSAFE | cmark.Options.CMARK_OPT_TABLE_PREFER_STYLE_ATTRIBUTES
    return str(cmark.markdown_to_html_with_extensions(markdown, options, ["table"]))
