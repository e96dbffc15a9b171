"""leaderboard.html: the document of leaderboard.md as one static page, with plain tables and without JavaScript."""

from __future__ import annotations

import re

from cmarkgfm import cmark

_FIRST_CELL = re.compile(r"(<tr>\n)<td(.*?)</td>", re.DOTALL)
"""The first cell of a row is its header for screen readers, as those of the first row are of their columns."""

_STYLE = """\
body { font: 15px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff; max-width: 80rem; margin: 2rem auto;
  padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; display: block;
  overflow-x: auto; }
th, td { border-bottom: 1px solid #ccc; padding: .25rem .6rem; text-align: left; font-weight: normal;
  white-space: nowrap; }
thead th { border-bottom: 2px solid #1a1a1a; font-weight: bold; }
tr:has(.outdated) { color: #666; background: #f2f2f2; }
img { max-width: 100%; height: auto; }
pre { background: #f5f5f5; padding: .6rem; overflow-x: auto; }
summary { cursor: pointer; }
"""


def leaderboard_html(markdown: str) -> str:
    """Return the page of a document that leaderboard_markdown wrote."""
    body = _FIRST_CELL.sub(r'\1<th scope="row"\2</th>', render(markdown).replace("<th ", '<th scope="col" '))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>unbench: leaderboard</title>\n<style>\n{_STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )


def render(markdown: str) -> str:
    """Render Markdown as HTML with GitHub's own parser: CommonMark with tables, and the few tags that reports write.

    Strings from results must be escaped in it already.
    """
    options = cmark.Options.CMARK_OPT_UNSAFE | cmark.Options.CMARK_OPT_TABLE_PREFER_STYLE_ATTRIBUTES
    return str(cmark.markdown_to_html_with_extensions(markdown, options, ["table"]))
