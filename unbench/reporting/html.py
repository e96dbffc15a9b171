"""leaderboard.html: the same document as one static page, with plain tables and without JavaScript."""

from __future__ import annotations

from collections.abc import Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token

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


def leaderboard_html(tokens: Sequence[Token]) -> str:
    """The page of a document that leaderboard_markdown made and `parse` parsed.

    Strings from results are escaped in it already. The tokens are changed, so that this is the last use of them.
    """
    parser = _parser()
    _mark_headers(tokens)
    body = parser.renderer.render(tokens, parser.options, {})
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>unbench: leaderboard</title>\n<style>\n{_STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )


def parse(markdown: str) -> list[Token]:
    """The parts of a document as reports are written: CommonMark with tables and a few tags."""
    return _parser().parse(markdown)


def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": True}).enable("table")


def _mark_headers(tokens: Sequence[Token]) -> None:
    """Say of each table's first row and first column that they are headers, for those who hear it read."""
    in_head = first = False
    for token in tokens:
        if token.type in ("thead_open", "thead_close"):
            in_head = token.type == "thead_open"
        elif token.type == "tr_open":
            first = True
        elif token.type == "th_open":
            token.attrSet("scope", "col")
        elif token.type == "td_open" and first and not in_head:
            token.tag = "th"
            token.attrSet("scope", "row")
        elif token.type == "td_close" and first and not in_head:
            token.tag = "th"
            first = False
