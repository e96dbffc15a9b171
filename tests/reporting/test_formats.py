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
from rich.console import Console

from unbench.analysis.board.cells import split_cells
from unbench.analysis.board.leaderboard import leaderboard
from unbench.errors import UnknownNameError
from unbench.reporting import FILES, report
from unbench.reporting.latex import escape, leaderboard_latex
from unbench.reporting.table import ReportTable, TableCell
from unbench.reporting.terminal import leaderboard_table
from unbench.store.results import Store, load_results

NASTY = "<script>a</script>|*b*_c%&#$^~{}\\d"
VOID = {"meta", "img", "br", "hr"}
PAPER = r"""
\documentclass{article}
\usepackage[T1]{fontenc}
\usepackage{booktabs}
\begin{document}
\input{leaderboard}
\end{document}
"""


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
    """Check that a paper can input the text: tables alone, in balance, with every special character escaped."""
    lines = text.splitlines()
    comments = [line for line in lines if line.startswith("%")]
    assert "booktabs" in "".join(comments) and lines[: len(comments)] == comments
    body = "\n".join(lines[len(comments) :])
    assert "\\documentclass" not in text and "\\begin{document}" not in text
    stack: list[str] = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", body):
        if kind == "begin":
            stack.append(name)
        else:
            assert stack.pop() == name
    assert not stack
    tables = re.findall(r"\\begin\{table\}.*?\\end\{table\}", body, re.DOTALL)
    assert all(len(re.findall(r"\\(?:caption|label)\{", table)) == 2 for table in tables)
    labels = re.findall(r"\\label\{(.*?)\}", body)
    assert len(set(labels)) == len(tables) and all(label.startswith("tab:unbench-") for label in labels)
    # Two backslashes are a line break, and escape nothing; labels take underscores.
    bare = re.sub(r"\\label\{.*?\}|\\\\|\$\\(pm|approx)\$", "", body)
    bare = re.sub(r"\\[&%$#_{}]", "", bare)
    assert bare.count("{") == bare.count("}")
    assert not set("%#$_^~<>|") & set(bare)
    assert all(c.isprintable() and c <= "\xff" for c in body if c != "\n")
    for columns, block in re.findall(r"\\begin\{tabular\}\{(\w+)\}(.*?)\\end\{tabular\}", body, re.DOTALL):
        assert all(rule in block for rule in ("\\toprule", "\\midrule", "\\bottomrule"))
        rows = [line for line in block.splitlines() if line.endswith("\\\\")]
        assert rows and {len(re.findall(r"(?<!\\)&", line)) for line in rows} == {len(columns) - 1}
        assert not any(line.startswith(("[", "*")) for line in rows)


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
    assert "There are no runs" in assert_sound(texts).text and "% There are no runs" in texts["tex"]
    fake_run(store, "ga", status="failed", error="boom")
    texts = written(store, tmp_path / "failed")
    assert all("failed: boom" in text.replace('"', "") for name, text in texts.items() if name != "csv")
    assert_sound(texts)
    fake_run(store, "ft", outputs=False)
    texts = written(store, tmp_path / "one")
    assert_sound(texts)
    for name in ("md", "html"):
        assert "an interval over seeds requires at least two" in texts[name]
    rows = {row["method"]: row for row in csv.DictReader(StringIO(texts["csv"]))}
    assert rows["ft"]["avg_gap_mean"] and not rows["ft"]["avg_gap_low"] and not rows["ft"]["avg_gap_std"]


def test_a_missing_number_is_a_dash_with_its_reason_everywhere(store: Store, tmp_path: Path) -> None:
    fake_run(store, "ft", outputs=False, mia_auroc=None, avg_gap=None, missing=json.dumps({"mia_auroc": "no <test>"}))
    texts = written(store, tmp_path / "out")
    assert "not known: no <test> (seed 0)" in assert_sound(texts).text
    assert "\\textsuperscript{a} not known: no \\textless{}test\\textgreater{} (seed 0)" in texts["tex"]
    assert "\\textendash{}\\textsuperscript{a}" in texts["tex"]


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


def test_every_renderer_has_the_rows_in_one_order(store: Store, tmp_path: Path) -> None:
    for version, gap in ((1, 2.0), (2, 3.0)):
        fake_run(store, "munkey", outputs=False, method_version=version, avg_gap=gap)
    for method, gap in (("none", 9.0), ("retrain", 0.0), ("ft", 1.0)):
        fake_run(store, method, outputs=False, avg_gap=gap)
    texts = written(store, tmp_path)
    (cell,) = split_cells(leaderboard(load_results(store.folder)))
    console = Console(width=120, file=StringIO(), color_system=None)
    console.print(leaderboard_table([cell]))
    shown = {
        "md": [line.split("|")[1] for line in texts["md"].split("| Method | TA")[1].splitlines()[2:8]],
        "html": re.findall(r'<th scope="row"[^>]*>(.*?)</th>', texts["html"])[:6],
        "tex": [line.split(" & ")[0] for line in texts["tex"].split("\\midrule\n")[1].splitlines()[:6]],
        "terminal": re.findall(r"^(\S.*?) {2,}[\d–]*", console.file.getvalue(), re.MULTILINE)[1:],  # type: ignore[attr-defined]
    }
    names = ("retrain", "noise floor", "ft", "munkey v2", "none", "munkey v1")
    for renderer, lines in shown.items():
        found = [name for line in lines for name in names if name in line.replace("\\_", "_")]
        assert found == list(names), renderer


def test_latex_has_every_special_character_as_text() -> None:
    assert escape("a_b & 50 %") == "a\\_b \\& 50 \\%"
    assert escape("\\") == "\\textbackslash{}" and escape("---") == "-{}-{}-" and escape("a-b") == "a-b"
    assert escape("日é\n\x1b") == "[U+65E5]é"
    special = "".join(map(chr, range(32, 127)))
    table = ReportTable(
        ("a", special),
        ((TableCell("[x]"), TableCell("1", "2", "≈", notes=("why_1", "why"))), (TableCell("*"), TableCell(special))),
        caption=f"caption {special}",
        label="x_1",
    )
    text = leaderboard_latex([table])
    assert_latex_is_sound(text)
    assert "{}[x] & 1 $\\pm$ 2 $\\approx$\\textsuperscript{a,b} \\\\" in text and "{}* & " in text
    assert f"a & {escape(special)} \\\\" in text and f"\\caption{{caption {escape(special)}}}" in text
    assert "\\label{tab:unbench-x_1}" in text and "\\begin{tabular}{lr}\n\\toprule\n" in text
    assert text.index("\\end{tabular}") < text.index("\\textsuperscript{a} why\\_1\n") < text.index("\\end{table}")


def test_latex_has_one_table_for_each_cell_and_those_over_cells(store: Store, tmp_path: Path) -> None:
    for dataset in ("digits", "cub"):
        for method, gap in (("ft", 2.0), ("ga", 3.0)):
            fake_run(store, method, outputs=False, dataset=dataset, avg_gap=gap, avg_gap_floor=1.0)
    text = written(store, tmp_path)["tex"]
    assert re.findall(r"\\label\{tab:unbench-(.*?)\}", text) == [
        *("cub-random10-cpu", "digits-random10-cpu", "cells-cpu", "ranks-cpu")
    ]
    assert "\\caption{digits \\textperiodcentered{} random10 \\textperiodcentered{} preset cpu" in text
    first = text[text.index("\\midrule") : text.index("\\bottomrule")].splitlines()[1:]
    assert [line.split(" & ")[0] for line in first] == ["{}\\emph{oracle}", "{}\\emph{noise floor}", "{}ft", "{}ga"]


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex is installed")
def test_a_paper_can_input_the_tables(store: Store, tmp_path: Path) -> None:
    letters = "".join(filter(str.isprintable, map(chr, range(0xA1, 0x180))))
    for dataset in ("digits", "cub"):
        fake_run(store, NASTY, 0, dataset=dataset, outputs=False)
        fake_run(store, "ft", 0, dataset=dataset, outputs=False)
    fake_run(store, "ga", status="failed", error=f"{letters} {''.join(map(chr, range(32, 127)))}")
    report(store.folder, tmp_path, formats=["tex"])
    (tmp_path / "paper.tex").write_text(PAPER, "utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", timeout=300)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Missing character:" not in (tmp_path / "paper.log").read_text("utf-8", errors="replace")
