"""The explorer as a file: what is in it, what cannot get out of its strings, and that it is always the same."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from command import unbench
from explorer_pages import REFERENCE, data_of, page_of
from fakes import fake_run

from unbench.errors import SpecError
from unbench.reporting import FILES, explorer, report
from unbench.reporting.explorer.data import NO_IMAGES
from unbench.reporting.explorer.page import page, vega
from unbench.store.results import Store

NASTY = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&<!-- {{library}}"


class Elements(HTMLParser):
    """Tags with their attributes, and the text of each script."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script":
            self.scripts[-1] += data

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)


def data_in(text: str) -> dict[str, Any]:
    return dict(json.loads(Elements(text).scripts[0]))


@pytest.fixture
def filled(store: Store) -> Store:
    for seed in (0, 1):
        for method in ("none", "retrain", "ft", "munkey"):
            fake_run(store, method, seed)
    return store


def test_strings_from_results_stay_strings(store: Store) -> None:
    fake_run(store, NASTY, 0, warnings=json.dumps([NASTY]), command=NASTY)
    fake_run(store, "ga", 0, status="failed", error=NASTY)
    text = page_of(store.folder)
    elements = Elements(text)
    assert elements.count("script") == 3 and elements.count("img") == 0
    rows = {row["method"]: row for row in data_in(text)["cells"][0]["rows"]}
    assert rows[NASTY]["notes"] == [f"{NASTY} (seed 0)"] and rows[NASTY]["commands"] == NASTY
    assert NASTY in rows["ga"]["failed"]


def test_nothing_outside_the_file_is_named_or_allowed(filled: Store) -> None:
    text = page_of(filled.folder)
    elements = Elements(text)
    assert not any("src" in attrs for _, attrs in elements.tags)
    assert {attrs.get("href", "#board") for _, attrs in elements.tags} == {"#board"}
    [policy] = [a["content"] for tag, a in elements.tags if tag == "meta" and a.get("http-equiv")]
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'" and rules["img-src"] == "data:"
    # Only the two scripts that were put in may run.
    hashes = [base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in elements.scripts[1:]]
    assert rules["script-src"] == " ".join(f"'sha256-{digest}'" for digest in hashes)


def test_the_same_results_give_the_same_bytes_wherever_they_are(filled: Store, tmp_path: Path) -> None:
    first = page_of(filled.folder)
    moved = filled.folder.rename(tmp_path / "elsewhere")
    assert page_of(moved) == first
    assert str(tmp_path) not in first


def test_the_page_has_the_numbers_of_the_leaderboard(filled: Store, tmp_path: Path) -> None:
    report(filled.folder, tmp_path / "out")
    text = (tmp_path / "out" / "explorer.html").read_text("utf-8")
    assert data_in(text) == json.loads(json.dumps(data_of(filled.folder) | {})) | {"cells": data_in(text)["cells"]}
    markdown = (tmp_path / "out" / "leaderboard.md").read_text("utf-8")
    rows = {row["label"]: row["values"] for row in data_in(text)["cells"][0]["rows"]}
    for label in ("ft", "munkey"):
        line = next(line for line in markdown.splitlines() if line.startswith(f"| {label} |"))
        mean, spread, *_ = rows[label]["test_acc"]
        assert f" {mean:.2f} ± {spread:.2f} " in line


def test_empty_results_make_a_page_that_says_so(store: Store) -> None:
    text = page_of(store.folder)
    assert data_in(text)["cells"] == [] and "No runs are stored" in text


def test_the_reference_page_is_small_and_has_images_of_digits(reference_page: str) -> None:
    assert len(reference_page.encode()) < 3 * 2**20
    cells = {(cell["dataset"], cell["scenario"]): cell for cell in data_in(reference_page)["cells"]}
    digits = cells["digits", "random10"]
    assert all(url.startswith("data:image/png") for url in digits["forgotten"]["0"]["images"])
    assert "not at hand" in cells["cub", "random10"]["forgotten"]["0"]["reason"]
    assert digits["comparisons"]["avg_gap"]


def test_images_stay_out_of_a_page_that_is_to_have_none(reference_page: str) -> None:
    text = page_of(REFERENCE, images=False)
    assert "data:image" in reference_page and "data:image" not in text
    forgotten = [shown for cell in data_in(text)["cells"] for shown in cell["forgotten"].values()]
    assert forgotten and all(shown["reason"] == NO_IMAGES and shown["images"] is None for shown in forgotten)


def test_the_command_line_can_leave_images_out(filled: Store) -> None:
    out = filled.folder.parent / "out"
    done = unbench("report", "--no-images", "--results", str(filled.folder), "--out", str(out), cwd=filled.folder)
    assert done.returncode == 0, done.stderr
    assert NO_IMAGES in (out / "explorer.html").read_text("utf-8")


def test_the_library_is_read_from_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import vl_convert

    monkeypatch.setenv("UNBENCH_CACHE", str(tmp_path))
    monkeypatch.setattr(vl_convert, "javascript_bundle", lambda snippet: "first")
    assert vega() == "first"
    monkeypatch.setattr(vl_convert, "javascript_bundle", lambda snippet: "second")
    assert vega() == "first"


def test_scripts_have_no_markup_of_their_own_to_fill_in() -> None:
    text = page({"columns": [], "cells": [], "runs": [], "edges": []})
    assert not re.search(r"\{\{\w+\}\}", Elements(text).scripts[2])
    assert "innerHTML" not in Elements(text).scripts[2]


def test_without_its_extra_the_explorer_is_left_out_unless_asked_for(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_run(store, "ft", outputs=False)
    real = importlib.util.find_spec
    monkeypatch.setattr(explorer, "find_spec", lambda name: None if name == "vl_convert" else real(name))
    lines: list[str] = []
    written = report(store.folder, tmp_path / "all", plots=(), log=lines.append)
    assert lines == ['explorer.html left out: pip install "unbench[explorer]"']
    assert [path.name for path in written] == [name for name in FILES.values() if name != "explorer.html"]
    assert not (tmp_path / "all" / "explorer.html").exists()
    with pytest.raises(SpecError, match=r'explorer.html needs .*pip install "unbench\[explorer\]"'):
        report(store.folder, tmp_path / "asked", formats=["md", "explorer"], log=lines.append)
    assert not (tmp_path / "asked").exists() and len(lines) == 1
    report(store.folder, tmp_path / "md", formats=["md"], plots=(), log=lines.append)
    assert len(lines) == 1


def test_nothing_but_the_report_imports_the_explorer() -> None:
    root = Path(explorer.__file__).parents[2]
    importers = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if "unbench.reporting.explorer" in path.read_text("utf-8") and path.parent != Path(explorer.__file__).parent
    }
    assert importers == {"reporting/__init__.py"}
