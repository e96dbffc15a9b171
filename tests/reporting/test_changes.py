"""`unbench report --diff`: what changed since other results, by known answers on made-up ones."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from command import unbench
from fakes import fake_run
from rich.console import Console

from unbench import diff
from unbench.analysis.board.cells import split_cells
from unbench.analysis.board.changes import Changes, Line, changes_since
from unbench.analysis.board.leaderboard import leaderboard
from unbench.analysis.board.selection import Selection
from unbench.errors import SpecError, StoreError
from unbench.report import report
from unbench.report.html import leaderboard_html, render
from unbench.report.origin import digest
from unbench.report.terminal import leaderboard_table
from unbench.store.results import Store, load_results

NASTY = "<script>a</script>|*b*_c%&#$^~{}\\d"
Side = tuple[Store, Store]


@pytest.fixture
def sides(tmp_path: Path) -> Side:
    return Store(tmp_path / "before"), Store(tmp_path / "after")


def write(store: Store, method: str, values: Sequence[float], measure: str = "test_acc", **changes: Any) -> None:
    """A run for each value, seeds counted from 0, alike on both sides but for that and `changes`."""
    for seed, value in enumerate(values):
        given = {"avg_gap_floor": 1.0, "unlearn_seconds": 1.0, measure: value, **changes}
        fake_run(store, method, seed, outputs=False, **given)


def since(sides: Side, **filters: tuple[str, ...]) -> Changes:
    selection = Selection(**filters)
    frame = selection.of(load_results(sides[1].folder))
    return changes_since(sides[0].folder, sides[1].folder, frame, selection, log=lambda line: None)


def lines(sides: Side) -> list[Line]:
    cells = split_cells(leaderboard(load_results(sides[1].folder)))
    return [line for cell in cells for line in since(sides).lines(cell)]


def row_of(store: Store, label: str) -> dict[str, Any]:
    board = leaderboard(load_results(store.folder))
    (row,) = board[board["label"] == label].to_dict("records")
    return dict(row)


def markdown(sides: Side, out: Path, **options: Any) -> str:
    report(sides[1].folder, out, diff=sides[0].folder, **{"formats": ["md"], "plots": (), **options})
    return (out / "leaderboard.md").read_text("utf-8")


def cells_of(text: str, method: str) -> list[str]:
    """The line of a method in the first table of the document that has it."""
    line = next(line for line in text.splitlines() if line.startswith(f"| {method}"))
    return [part.strip() for part in line.strip("|").split("|")]


def test_a_row_and_a_seed_more_are_new_and_what_is_missing_is_gone(sides: Side, tmp_path: Path) -> None:
    before, after = sides
    write(before, "ft", [80.0, 81.0])
    write(after, "ft", [80.0, 81.0, 82.0])
    write(before, "ga", [50.0, 52.0])
    write(after, "scrub", [60.0])
    told = [(line.label, line.what, line.verdict, line.note) for line in lines(sides)]
    assert sorted(told) == [
        ("ft", "run", "new", "seed 2"),
        ("ga", "row", "gone", "seeds 0, 1"),
        ("scrub", "row", "new", "seed 0"),
    ]
    changes = since(sides)
    assert changes.said.startswith("2 common runs: 1 gone, 2 new, ") and changes.said.endswith(" same")
    assert [changes.of(row_of(after, name)).state for name in ("ft", "scrub")] == ["", "new"]
    text = markdown(sides, tmp_path / "out")
    assert cells_of(text, "scrub")[0] == "scrub **new**" and cells_of(text, "ft")[0] == "ft"
    ga = cells_of(text, "ga")
    assert ga[0] == 'ga <span class="outdated">gone</span>' and ga[1].startswith("51.00 ± 1.41"), "its numbers stay"
    assert ga[-1] == "2"


def test_a_number_beyond_noise_has_an_arrow_and_its_old_value_is_told(sides: Side, tmp_path: Path) -> None:
    for store, test, retain, seconds in ((sides[0], 80.0, 90.0, 1.0), (sides[1], 70.0, 90.1, 5.0)):
        write(store, "ft", [test, test + 1, test + 2.5], retain_acc=retain, unlearn_seconds=seconds)
    loud = [line for line in lines(sides) if not line.quiet]
    shown = [(x.what, x.verdict, x.before, x.after, x.difference, x.seeds) for x in loud]
    assert sorted(shown) == [
        ("TA", "beyond noise", "81.17", "71.17", "−10.00", "3"),
        ("Unlearn s", "beyond noise", "1.00", "5.00", "+4.00", "3"),
    ]
    quiet = [line for line in lines(sides) if line.quiet]
    assert [(line.what, line.before, line.after, line.difference) for line in quiet] == [
        ("RA", "90.00", "90.10", "+0.10")
    ]
    assert dict(since(sides).of(row_of(sides[1], "ft")).numbers) == {"test_acc": "↓", "unlearn_seconds": "↑"}
    text = markdown(sides, tmp_path / "out")
    ft = cells_of(text, "ft")
    assert ft[1].endswith(" ↓") and ft[7].endswith(" ↑") and not ft[2].endswith(("↑", "↓"))
    folded = text[text.index("<summary>Differences within noise") :].partition("</details>")[0]
    assert "| ft | RA | within noise | 90.00 | 90.10 | +0.10 |" in folded
    shown_part = text[text.index("### Changes") : text.index("<summary>Differences")]
    assert "| ft | TA | beyond noise | 81.17 | 71.17 | −10.00 |" in shown_part and "| RA |" not in shown_part


def test_within_noise_nothing_is_marked(sides: Side, tmp_path: Path) -> None:
    write(sides[0], "ft", [80.0, 81.0, 82.0])
    write(sides[1], "ft", [80.5, 81.5, 82.25])
    (line,) = lines(sides)
    assert (line.what, line.verdict, line.quiet) == ("TA", "within noise", True)
    assert not since(sides).of(row_of(sides[1], "ft")).numbers
    text = markdown(sides, tmp_path / "out")
    assert "Nothing changed by more than noise." in text and "↓" not in text.split("### Changes")[0].split("\n## ")[2]


def test_verdicts_are_those_of_diff(sides: Side) -> None:
    write(sides[0], "ft", [80.0, 81.0, 82.0], val_gap=None)
    write(sides[1], "ft", [70.0, 71.5, 71.5], val_gap=2.0)
    write(sides[0], "ga", [30.0], avg_gap_floor=None)
    write(sides[1], "ga", [99.0], avg_gap_floor=None)
    frame = diff(sides[0].folder, sides[1].folder)
    words = {"changed": "beyond noise", "only in A": "gone", "only in B": "new"}
    known = {
        (row["label"], words.get(row["verdict"], row["verdict"]), row["note"])
        for row in frame.to_dict("records")
        if row["verdict"] != "same"
    }
    assert {(line.label, line.verdict, line.note) for line in lines(sides)} == known
    assert {verdict for _, verdict, _ in known} == {"beyond noise", "cannot tell", "new"}


def test_a_number_that_is_lost_keeps_its_old_value_and_one_that_is_found_is_new(sides: Side, tmp_path: Path) -> None:
    reason = '{"mia_auroc": "some logits are not finite"}'
    write(sides[0], "ft", [50.0, 60.0], "mia_auroc", peak_memory_mb=None)
    write(sides[1], "ft", [80.0], "test_acc", mia_auroc=None, missing=reason)
    fake_run(sides[1], "ft", 1, outputs=False, avg_gap_floor=1.0, unlearn_seconds=1.0, mia_auroc=60.0)
    found = {line.what: line for line in lines(sides)}
    assert (found["MIA"].verdict, found["MIA"].before, found["MIA"].after) == ("gone", "50.00", "")
    assert found["MIA"].note == "seed 0: some logits are not finite"
    assert (found["Peak MiB"].verdict, found["Peak MiB"].before, found["Peak MiB"].after) == ("new", "", "12.5")
    ft = cells_of(markdown(sides, tmp_path / "out"), "ft")
    assert ft[4].startswith("–") and ft[4].endswith(" **gone**") and ft[8].endswith(" **new**")


def test_a_worse_status_is_marked_with_its_reason(sides: Side, tmp_path: Path) -> None:
    write(sides[0], "ft", [80.0])
    fake_run(sides[1], "ft", status="failed", error="boom")
    (line,) = lines(sides)
    assert (line.what, line.verdict, line.note) == ("status", "status worse", "ok to failed, seed 0: boom")
    text = markdown(sides, tmp_path / "out")
    assert cells_of(text, "ft")[0] == "ft **status worse**"


def test_a_newer_version_is_compared_and_the_row_it_outdates_is_left_alone(sides: Side) -> None:
    before, after = sides
    write(before, "munkey", [80.0, 81.0, 82.0], method_version=1)
    shutil.copytree(before.folder, after.folder)
    write(after, "munkey", [70.0, 71.5, 71.5], method_version=2, started_at="2026-02-01T00:00:00Z")
    changes = since(sides)
    assert dict(changes.of(row_of(after, "munkey v2")).numbers) == {"test_acc": "↓"}
    assert changes.of(row_of(after, "munkey v1")).found == ()
    assert changes.circumstances == ("what else differs, and in how many of 3 common runs: method version (3)")


def test_commits_of_one_folder_can_be_compared(tmp_path: Path) -> None:
    store = Store(tmp_path / "results")
    write(store, "ft", [80.0, 81.0, 82.0], git_commit="abc111")
    write(store, "ft", [70.0, 71.5, 71.5], git_commit="abd222")
    report(store.folder, tmp_path / "out", formats=["md"], plots=(), diff=f"{store.folder}@abc")
    text = (tmp_path / "out" / "leaderboard.md").read_text("utf-8")
    assert cells_of(text, "ft")[1].endswith(" ↓") and "abc" not in text.split("## Provenance")[1]


def test_a_cell_that_is_gone_stands_at_the_end_with_its_numbers(sides: Side, tmp_path: Path) -> None:
    write(sides[0], "ft", [80.0])
    write(sides[1], "ft", [80.0])
    write(sides[0], "ga", [33.25], dataset="cub")
    text = markdown(sides, tmp_path / "out")
    last = text[text.index("## cub · random10 · preset cpu · vit") :]
    assert cells_of(last, "ga")[1] == "33.25" and "## digits" not in last and "## Provenance" in last
    assert "\n| ga" not in text[: text.index("## cub")]
    filtered = markdown(sides, tmp_path / "one", datasets=["digits"])
    assert "cub" not in filtered, "filters go for both sides"


def test_nothing_in_common_is_all_new_and_all_gone(sides: Side, tmp_path: Path) -> None:
    write(sides[0], "ga", [80.0])
    write(sides[1], "ft", [80.0])
    text = markdown(sides, tmp_path / "out")
    assert cells_of(text, "ft")[0] == "ft **new**" and "gone</span>" in cells_of(text, "ga")[0]
    assert "0 common runs: 1 gone, 1 new." in text
    filtered = markdown(sides, tmp_path / "one", methods=["ft"])
    assert "0 common runs: 1 new." in filtered and "| ga" not in filtered, "a method that OTHER lacks is no mistake"


def test_results_that_are_still_empty_have_lost_everything(sides: Side, tmp_path: Path) -> None:
    write(sides[0], "ft", [80.0])
    sides[1].runs.mkdir(parents=True)
    text = markdown(sides, tmp_path / "out")
    assert "There are no runs in the results folder yet" in text and "gone</span>" in cells_of(text, "ft")[0]


def test_same_inputs_same_bytes_and_both_are_named_by_hash(sides: Side, tmp_path: Path) -> None:
    write(sides[0], "ft", [80.0, 81.0])
    write(sides[0], "ga", [40.0])
    write(sides[1], "ft", [20.0, 21.5])
    first = report(sides[1].folder, tmp_path / "one", diff=sides[0].folder, plots=())
    moved = [shutil.copytree(side.folder, tmp_path / "moved" / side.folder.name) for side in sides]
    second = report(moved[1], tmp_path / "two", diff=moved[0], plots=())
    hashes = [digest(load_results(side.folder)) for side in sides]
    for one, two in zip(first, second, strict=True):
        text = one.read_text("utf-8").replace("\\allowbreak{}", "")
        assert one.read_bytes() == two.read_bytes(), one.name
        assert all(known in text for known in hashes) and "unbench report --diff OTHER" in text.replace("-{}", "-")
        assert str(tmp_path) not in text
    plain = report(sides[1].folder, tmp_path / "plain", plots=())
    assert not any("OTHER" in path.read_text("utf-8") for path in plain)


def test_a_copy_has_no_marks(sides: Side, tmp_path: Path) -> None:
    for store in sides:
        write(store, "ft", [80.0, 81.0])
        fake_run(store, "ga", status="failed", error="boom")
    assert lines(sides) == []
    tables = markdown(sides, tmp_path / "out").split("## digits")[1]
    assert not re.search(r"\*\*(new|status)|↑|↓|gone", tables) and "Nothing changed by more than noise." in tables


def test_every_format_is_sound_whatever_the_names(sides: Side, tmp_path: Path) -> None:
    for method, values in ((NASTY, (80.0, 20.0)), (f"{NASTY}2", (50.0, None)), (f"{NASTY}3", (None, 50.0))):
        for store, value in zip(sides, values, strict=True):
            if value is not None:
                write(store, method, [value])
    report(sides[1].folder, tmp_path, formats=["md", "html", "tex", "csv"], plots=(), diff=sides[0].folder)
    page = (tmp_path / "leaderboard.html").read_text("utf-8")
    assert "<script" not in page and page.count("&lt;script&gt;a&lt;/script&gt;|*b*_c%&amp;#$^~{}\\d") >= 6
    assert page == leaderboard_html(render((tmp_path / "leaderboard.md").read_text("utf-8")))
    assert "<strong>new</strong>" in page and "20.00 ↓" in page
    tex = (tmp_path / "leaderboard.tex").read_text("utf-8")
    assert "20.00 \\ensuremath{\\downarrow}" in tex and "\\textbf{new}" in tex and "[U+" not in tex
    for block in re.findall(r"\\begin\{longtable\}\{@\{\}(\w+)@\{\}\}(.*?)\\end\{longtable\}", tex, re.DOTALL):
        rows = [line for line in block[1].splitlines() if line.endswith("\\\\")]
        assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {len(block[0]) - 1}
    greyed = [line for line in tex.splitlines() if line.startswith("{}\\textcolor{gray}") and "{gone}}" in line]
    assert len(greyed) == 1
    (row, _) = csv.DictReader(StringIO((tmp_path / "leaderboard.csv").read_text("utf-8")))
    assert row["compared_sha256"] == digest(load_results(sides[0].folder))


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex is installed")
def test_latex_with_marks_compiles(sides: Side, tmp_path: Path) -> None:
    write(sides[0], "ft", [80.0])
    write(sides[0], "ga", [80.0])
    write(sides[1], "ft", [20.0])
    write(sides[1], NASTY, [20.0])
    report(sides[1].folder, tmp_path / "out", formats=["tex"], plots=(), diff=sides[0].folder)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "leaderboard.tex"]
    done = subprocess.run(command, cwd=tmp_path / "out", capture_output=True, text=True, errors="replace", timeout=120)
    assert done.returncode == 0, done.stdout[-2000:]


def test_on_a_terminal_the_marks_fit_80_columns(sides: Side) -> None:
    write(sides[0], "[red]ft[/red]", [80.0, 81.0])
    write(sides[1], "[red]ft[/red]", [20.0, 21.5])
    write(sides[0], "ga", [40.0])
    write(sides[0], "ga", [40.0], dataset="cub")
    write(sides[1], "scrub", [40.0])
    console = Console(width=80, file=StringIO(), color_system=None)
    console.print(leaderboard_table(leaderboard(load_results(sides[1].folder)), since(sides)))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert all(len(line) <= 80 for line in text.splitlines()) and "…" not in text
    assert "20.8 ↓" in text and "[red]ft[/red]" in text
    words = [line.split() for line in text.splitlines()]
    assert ["[red]ft[/red]", "TA", "beyond", "noise", "80.50", "20.75"] in words
    assert ["scrub", "row", "new"] in words and ["ga", "row", "gone"] in words
    assert "gone: cub · random10 · preset cpu · vit: ga" in text and "2 common runs:" in text


def test_what_cannot_be_compared_with_is_one_line_and_nothing_is_written(sides: Side, tmp_path: Path) -> None:
    write(sides[1], "ft", [80.0])
    out = tmp_path / "out"
    table = tmp_path / "leaderboard.csv"
    table.touch()
    sides[0].runs.mkdir(parents=True)
    for other, kind, why in (
        (tmp_path / "nowhere", StoreError, "there is no results folder"),
        (sides[0].folder, StoreError, "there are no runs in"),
        (table, SpecError, "is a file; name a folder of results, or FOLDER@COMMIT"),
    ):
        with pytest.raises(kind, match=why):
            report(sides[1].folder, out, diff=other)
    done = unbench("report", "--results", "after", "--diff", "nowhere", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[1:] == ["unbench: there is no results folder nowhere; 'unbench run' makes one"]
    assert not out.exists() and not (tmp_path / "reports").exists()


def test_the_command_ends_well_whatever_changed(sides: Side, tmp_path: Path) -> None:
    write(sides[0], "ft", [80.0])
    write(sides[1], "ft", [20.0])
    done = unbench(
        "report", "--results", "after", "--diff", "before", "--format", "md", "--plots", "none", cwd=tmp_path
    )
    assert (done.returncode, done.stdout.split()) == (0, ["reports/leaderboard.md"])
    assert "20.00 ↓" in (tmp_path / "reports" / "leaderboard.md").read_text("utf-8")
    assert "'unbench diff' is for scripts" in " ".join(unbench("report", "--help", cwd=tmp_path).stdout.split())
