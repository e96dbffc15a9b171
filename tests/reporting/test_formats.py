"""Every format says the same of the same results: odd names, one seed, failures, nothing at all."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import pytest
from fakes import fake_run

from unbench.errors import UnknownNameError
from unbench.report import FILES, report
from unbench.report.html import render
from unbench.report.latex import escape, leaderboard_latex
from unbench.report.latex_table import Text, latex_table
from unbench.store.results import Store

NASTY = "<script>a</script>|*b*_c%&#$^~{}\\d"
VOID = {"meta", "img", "br", "hr"}
OVERFULL = 2.0
"""Points that a line may stand out of the margin, which nobody sees."""


class Page(HTMLParser):
    """What a browser makes of a page: its tags, its text, and whether each tag is closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def written(store: Store, out: Path) -> dict[str, str]:
    report(store.folder, out, plots=())
    return {name: (out / file).read_text("utf-8") for name, file in FILES.items() if name != "explorer"}


def assert_sound(texts: dict[str, str]) -> Page:
    """What holds of every report."""
    page = Page(texts["html"])
    assert not page.open
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "iframe", "a", "b", "link", "object"} and {"main", "title"} <= names
    assert not any(key.startswith("on") for _, attributes in page.tags for key in attributes)
    assert all(attributes.get("alt") for tag, attributes in page.tags if tag == "img")
    assert all(attributes.get("scope") for tag, attributes in page.tags if tag == "th")
    assert_latex_is_sound(texts["tex"])
    assert len({len(line) for line in csv.reader(StringIO(texts["csv"]))}) == 1
    return page


def assert_latex_is_sound(text: str) -> None:
    stack: list[str] = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", text):
        if kind == "begin":
            stack.append(name)
        else:
            assert stack.pop() == name
    assert not stack
    # Two backslashes are a line break, and escape nothing.
    body = text[text.index("\\begin{document}") :].replace("\\\\", "")
    bare = re.sub(r"\\[&%$#_{}]", "", body)
    assert bare.count("{") == bare.count("}")
    bare = re.sub(r"\\(IfFileExists|includegraphics)(\[[^]]*\])?\{[^}]*\}", "", bare)
    assert not set("%#$_^~") & set(bare)
    assert text.isascii() or all(c.isprintable() and c <= "\u017e" for c in text if not c.isascii())
    for block in re.findall(r"\\begin\{longtable\}\{@\{\}(\w+)@\{\}\}(.*?)\\end\{longtable\}", text, re.DOTALL):
        rows = [line for line in block[1].splitlines() if line.endswith("\\\\")]
        assert rows and {len(re.findall(r"(?<!\\)&", line)) for line in rows} == {len(block[0]) - 1}


def test_names_with_markup_are_text_in_every_format(store: Store, tmp_path: Path) -> None:
    for seed in (0, 1):
        fake_run(store, NASTY, seed, outputs=False, command=f"run '{NASTY}'")
    fake_run(store, "ft", 0, status="failed", error=NASTY)
    texts = written(store, tmp_path / "out")
    page = assert_sound(texts)
    assert page.text.count(NASTY) >= 4
    assert "<script>" not in texts["html"] and escape(NASTY) in texts["tex"]
    assert {row["method"] for row in csv.DictReader(StringIO(texts["csv"]))} == {NASTY, "ft"}


def test_nothing_failures_alone_and_one_seed(store: Store, tmp_path: Path) -> None:
    store.runs.mkdir(parents=True)
    texts = written(store, tmp_path / "none")
    assert "There are no runs" in assert_sound(texts).text and "There are no runs" in texts["tex"]
    fake_run(store, "ga", status="failed", error="boom")
    texts = written(store, tmp_path / "failed")
    assert all("failed: boom" in text.replace('"', "") for name, text in texts.items() if name != "csv")
    assert_sound(texts)
    fake_run(store, "ft", outputs=False)
    texts = written(store, tmp_path / "one")
    assert_sound(texts)
    for name in ("md", "html", "tex"):
        assert "an interval over seeds takes two of them" in texts[name]
    rows = {row["method"]: row for row in csv.DictReader(StringIO(texts["csv"]))}
    assert rows["ft"]["avg_gap_mean"] and not rows["ft"]["avg_gap_low"] and not rows["ft"]["avg_gap_std"]


def test_a_missing_number_is_a_dash_with_its_reason_everywhere(store: Store, tmp_path: Path) -> None:
    fake_run(store, "ft", outputs=False, mia_auroc=None, avg_gap=None, missing=json.dumps({"mia_auroc": "no <test>"}))
    texts = written(store, tmp_path / "out")
    assert "not known: no <test> (seed 0)" in assert_sound(texts).text
    assert "no \\textless{}test\\textgreater{} (seed 0)" in texts["tex"]


def test_commands_are_folded_in_the_page_and_left_out_of_latex(store: Store, tmp_path: Path) -> None:
    row = fake_run(store, "ft", outputs=False)
    texts = written(store, tmp_path / "out")
    for name in ("md", "html"):
        folded = texts[name][texts[name].index("<summary>Commands") :].partition("</details>")[0]
        assert row["command"] in folded and "card v1" in folded and "torch 2" in folded.replace("\\", "")
    assert row["command"] not in texts["tex"]


def test_formats_can_be_chosen_and_a_typo_gets_the_nearest(store: Store, tmp_path: Path) -> None:
    fake_run(store, "ft", outputs=False)
    assert [path.name for path in report(store.folder, tmp_path / "a", formats=["csv"])] == ["leaderboard.csv"]
    assert [path.name for path in report(store.folder, tmp_path / "b", formats=["tex"], plots=())] == [
        "leaderboard.tex"
    ]
    with pytest.raises(UnknownNameError, match="did you mean 'html'"):
        report(store.folder, tmp_path / "c", formats=["htm"])


def test_latex_has_every_special_character_as_text() -> None:
    assert escape("a_b & 50 %") == "a\\_b \\& 50 \\%"
    assert escape("\\") == "\\textbackslash{}" and escape("--") == "-{}-{}"
    assert escape("日é") == "[U+65E5]é"
    text = leaderboard_latex(render("| a | b |\n|:---|---:|\n| \\[x\\] | 1 ± 2 |\n\n- \\[y\\]\n"))
    assert "{}[x] & 1 \\ensuremath{\\pm} 2 \\\\" in text and "\\item{} [y]" in text
    assert "\\begin{longtable}{@{}lr@{}}\n\\toprule\n{}a & b \\\\\n\\midrule" in text
    assert_latex_is_sound(text)


def test_latex_breaks_words_that_are_too_long_for_a_line() -> None:
    digest = "0123456789abcdef" * 4
    assert escape(digest).split("\\allowbreak{}") == [digest[n : n + 8] for n in range(0, 64, 8)]
    assert escape("a checksum") == "a checksum"


def split_tables(text: str) -> list[list[list[str]]]:
    """The cells of each table, row by row."""
    blocks = re.findall(r"\\begin\{longtable\}.*?\\toprule\n(.*?)\\end\{longtable\}", text, re.DOTALL)
    rows = [[line.removeprefix("{}").removesuffix(" \\\\") for line in b.splitlines() if " & " in line] for b in blocks]
    return [[row.split(" & ") for row in table] for table in rows]


@pytest.mark.parametrize("columns", [3, 10, 25, 200])
def test_columns_that_do_not_fit_come_in_tables_of_their_own(columns: int) -> None:
    rows = [[Text(name, name) for name in ("name", *(f"{row}-{n}: 12.34" for n in range(columns)))] for row in "abc"]
    tables = split_tables(latex_table(rows, "l" + "r" * columns))
    assert (len(tables) > 1) == (columns > 10)
    for number, row in enumerate(rows):
        assert all(table[number][0] == "name" for table in tables)
        assert [cell for table in tables for cell in table[number][1:]] == [cell.latex for cell in row[1:]]
    assert max(map(len, (table[0] for table in tables))) <= 14


def test_a_table_takes_smaller_letters_before_it_is_split_and_wraps_a_long_name() -> None:
    def table(columns: int, name: str = "name") -> str:
        return latex_table([[Text(name, name)] + [Text("9" * 10, "9" * 10)] * columns], "l" + "r" * columns)

    assert [size for n in (1, 14, 15, 16) for size in re.findall(r"\\(\w+size)", table(n))] == [
        *("footnotesize", "footnotesize", "scriptsize"),
        *("footnotesize", "footnotesize"),
    ]
    assert "{@{}lr@{}}" in table(1) and "{@{}Pr@{}}" in table(1, "m" * 40)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex is installed")
def test_latex_compiles_on_its_own_within_the_page(store: Store, tmp_path: Path) -> None:
    hparams = {f"hyper_parameter_{n}": n / 7 for n in range(20)}
    for dataset in ("digits", "cub", *(f"another_data_set_{n}" for n in range(10))):
        for seed in (0, 1):
            fake_run(store, NASTY, seed, dataset=dataset, outputs=False)
            fake_run(store, "ft", seed, dataset=dataset, outputs=dataset == "digits", hparams=json.dumps(hparams))
            fake_run(store, "ft", seed, dataset=dataset, outputs=False)
    letters = "".join(filter(str.isprintable, map(chr, range(0xA1, 0x180))))
    fake_run(store, "ga", status="failed", error=f"{letters} {'0123456789abcdef' * 20} {' '.join(letters)}")
    report(store.folder, tmp_path, formats=["tex"], plots=["digits"])
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "leaderboard.tex"]
    for _ in range(2):  # tables that run over pages take two
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", timeout=300)
        assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "leaderboard.pdf").read_bytes().startswith(b"%PDF")
    log = (tmp_path / "leaderboard.log").read_text("utf-8", errors="replace")
    over = re.findall(r"Overfull \\[hv]box \(([\d.]+)pt too", log)
    assert max(map(float, over), default=0.0) <= OVERFULL and "Missing character:" not in log
