"""Badges, outdated rows, filters, and where a report comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fakes import fake_run

from unbench.analysis.board import row_status
from unbench.analysis.board.cells import split_cells
from unbench.analysis.board.leaderboard import leaderboard
from unbench.analysis.board.selection import select
from unbench.analysis.rows.defaults import tuned_values_of
from unbench.errors import UnknownNameError
from unbench.reporting import report
from unbench.reporting.provenance import Provenance, digest
from unbench.store.results import Store, load_results

TUNED = """
[toy.digits.cpu.random10]
version = 3
model = "vit"
rule = "val_gap"
trials = 20
score = 1.0
hparams = { rule = "mean", k = 8, rate = 0.1 }
"""


def board_of(store: Store) -> pd.DataFrame:
    return leaderboard(load_results(store.folder))


def markdown(store: Store, out: Path, **options: Any) -> str:
    report(store.folder, out, **{"formats": ["md"], "plots": (), **options})
    return (out / "leaderboard.md").read_text("utf-8")


def test_the_interval_is_students(store: Store) -> None:
    for seed, value in enumerate((90.0, 92.0, 97.0)):
        fake_run(store, "ft", seed, outputs=False, test_acc=value)
    (row,) = board_of(store).to_dict("records")
    # 4.302653: the 97.5 % quantile of Student's t with two degrees of freedom.
    half = 4.302653 * 3.605551 / 3**0.5
    assert (row["test_acc_low"], row["test_acc_high"]) == pytest.approx((93 - half, 93 + half))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, ""),
        ({"data_checksum": "none published"}, ""),
        ({"git_dirty": True}, "uncommitted changes"),
        ({"git_dirty": None}, "uncommitted changes"),
        ({"git_commit": None}, "no commit is known"),
        ({"data_checksum": "differs"}, "data differ from the published ones"),
        ({"data_checksum": None}, "data differ from the published ones"),
        ({"status": "failed"}, "no run ended well"),
    ],
)
def test_one_seed_that_cannot_be_checked_is_enough(store: Store, changes: dict[str, Any], reason: str) -> None:
    if changes.get("status") != "failed":
        fake_run(store, "ft", 0, outputs=False)
    fake_run(store, "ft", 1, outputs=False, **changes)
    assert list(board_of(store)["unverified"]) == [reason]


def test_a_method_whose_card_is_not_known_is_not_verified(store: Store) -> None:
    fake_run(store, "nobody", outputs=False)
    (row,) = board_of(store).to_dict("records")
    assert "not known" in row["unverified"] and (row["chosen"], row["touches"], row["outdated"]) == ("", "", "")


def test_rows_of_older_versions_come_last_without_a_rank(store: Store, tmp_path: Path) -> None:
    for version, gap in ((1, 2.0), (2, 3.0)):
        fake_run(store, "munkey", outputs=False, method_version=version, avg_gap=gap, avg_gap_floor=0.1)
    fake_run(store, "none", outputs=False, avg_gap=9.0)
    (cell,) = split_cells(board_of(store))
    assert list(cell.rows["label"]) == ["munkey v2", "none", "munkey v1"]
    assert list(cell.rows["outdated"]) == ["", "", "card of the method v1, now v2"]
    assert list(cell.competitors) == ["munkey v2", "none"]
    lines = [line.split(" | ") for line in markdown(store, tmp_path).splitlines() if line.startswith("| ")]
    ranks = {line[0]: line[4] for line in lines if len(line) == 6}
    assert {name: ranks[name] for name in ("| munkey v2", "| none")} == {"| munkey v2": "1", "| none": "2"}
    (old,) = [name for name in ranks if name.startswith("| munkey v1")]
    assert ranks[old] == "–" and ">outdated<" in old


def test_shared_code_counts_as_a_version(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_run(store, "ft", 0, outputs=False, numerics_version=None, avg_gap=1.0)
    fake_run(store, "ft", 1, outputs=False, numerics_version=1, avg_gap=2.0)
    assert [list(board_of(store)[name]) for name in ("n_seeds", "outdated")] == [[2], [""]]
    monkeypatch.setattr(row_status, "NUMERICS_VERSION", 2)
    fake_run(store, "ft", 2, outputs=False, numerics_version=2, avg_gap=9.0)
    board = board_of(store)
    assert list(board["n_seeds"]) == [1, 2] and board["label"].is_unique
    assert list(board["outdated"]) == ["", "shared code v1, now v2"]


def test_another_version_of_a_data_set_is_outdated() -> None:
    row = {"method": "ft", "method_version": 1, "dataset": "digits", "dataset_version": 0, "numerics_version": None}
    assert row_status.outdated(row) == "card of the data set v0, now v1"


def test_how_hyper_parameters_came_about(store: Store, toy: str, tmp_path: Path) -> None:
    (tmp_path / "tuning").mkdir()
    (tmp_path / "tuning" / "tuned.toml").write_text(TUNED, "utf-8")
    row = {"method": toy, "method_version": 3, "dataset": "digits", "preset": "cpu", "scenario": "random10"}
    row |= {"model": "vit", "stem": None, "tuned": False}
    for k, said in ((8, "tuned"), (4, "default"), (16, "set by hand")):
        with tuned_values_of(tmp_path):
            assert row_status.chosen({**row, "hparams": f'{{"rule": "mean", "k": {k}, "rate": 0.1}}'}) == said
    assert row_status.chosen({**row, "hparams": "{}", "tuned": True}) == "tuned"
    assert row_status.chosen({**row, "hparams": "{}", "method_version": 2}) == ""


def test_what_a_method_may_touch_is_what_its_card_says() -> None:
    assert row_status.touches("ga") == "forget, labels"
    assert row_status.touches("none") == "nothing"


def test_the_oracle_and_the_floor_are_on_top_even_where_no_row_is_the_oracle(store: Store, tmp_path: Path) -> None:
    fake_run(store, "ft", outputs=False, oracle_test_acc=81.25, oracle_seconds=21.0, avg_gap_floor=1.75)
    (cell,) = split_cells(board_of(store))
    oracle, floor = cell.references
    assert (oracle.name, oracle.values["test_acc"][0], oracle.values["avg_gap"][0]) == ("oracle", 81.25, 0)
    assert (floor.name, floor.values["avg_gap"][0], set(floor.values)) == ("noise floor", 1.75, {"avg_gap"})
    table = markdown(store, tmp_path).split("| Method | TA")[1].splitlines()[2:5]
    assert [line.split("|")[1].strip() for line in table] == ["*oracle*", "*noise floor*", "ft"]
    fake_run(store, "retrain", outputs=False)
    (cell,) = split_cells(board_of(store))
    assert [one.name for one in cell.references][-1] == "noise floor"


def test_filters_keep_what_they_name_and_know_the_nearest(store: Store, tmp_path: Path) -> None:
    for method in ("ft", "munkey", "none"):
        for dataset in ("digits", "cub"):
            fake_run(store, method, outputs=False, dataset=dataset)
    frame = load_results(store.folder)
    kept = select(frame, {"datasets": ["cub"], "methods": ["ft", "none"], "families": ["post-hoc"]})
    assert list(zip(kept["dataset"], kept["method"], strict=True)) == [("cub", "ft")]
    fake_run(store, "ft", outputs=False, dataset="pneumoniamnist", family="medical")
    everything = load_results(store.folder)
    assert set(select(everything, {"data_families": ["medical"]})["dataset"]) == {"pneumoniamnist"}
    with pytest.raises(UnknownNameError, match=r"family of data sets .* 'medicine'; did you mean 'medical'"):
        select(everything, {"data_families": ["medicine"]})
    with pytest.raises(UnknownNameError, match=r"data set .* 'digit'; did you mean 'digits'"):
        select(frame, {"datasets": ["digit"]})
    with pytest.raises(UnknownNameError, match="did you mean 'digits'"):
        report(store.folder, tmp_path, plots=["digts"])
    with pytest.raises(UnknownNameError, match="did you mean 'test_acc'"):
        report(store.folder, tmp_path, metric="test_ac")
    text = markdown(store, tmp_path, datasets=["cub"], methods=["ft"])
    assert "munkey" not in text.split("## Provenance")[0].split("## ", 1)[1]
    assert "\nunbench report -d cub -m ft\n" in text
    fake_run(store, "ga", outputs=False, preset="smoke")
    assert "No stored run passes" in markdown(store, tmp_path, methods=["ga"], presets=["cpu"])


def test_another_number_can_be_set_side_by_side(store: Store, tmp_path: Path) -> None:
    for dataset, seconds in (("digits", 1.25), ("cub", 77.5)):
        fake_run(store, "ft", outputs=False, dataset=dataset, unlearn_seconds=seconds, oracle_seconds=200.0)
    text = markdown(store, tmp_path, metric="unlearn_seconds")
    table = text[text.index("## Preset cpu") :].split("###")[0]
    assert "| ft | 77.5 | 1.25 |" in table and "| *oracle* | 200 | 200 |" in table and "noise floor* |" not in table
    assert "unbench report --metric unlearn_seconds" in text


def test_the_digest_follows_contents_and_nothing_else(store: Store) -> None:
    for seed in (0, 1):
        fake_run(store, "ft", seed, outputs=False, test_acc=50.0 + seed, forget_class_test_acc=None)
    frame = load_results(store.folder)
    first = digest(frame)
    assert first == digest(frame.iloc[::-1]) == digest(frame.copy()) and len(first) == 64
    for column, value in (("test_acc", 50.5), ("attempt", 2), ("error", "x"), ("git_dirty", True), ("seed", 7)):
        changed = frame.copy()
        changed.loc[0, column] = value
        assert digest(changed) != first, column
    command = Provenance.of(frame, {"datasets": ["b", "a b"], "metric": "unlearn_seconds"}).command
    assert command == "unbench report -d 'a b' -d b --metric unlearn_seconds"


def test_every_format_names_its_inputs(store: Store, tmp_path: Path) -> None:
    fake_run(store, "ft", outputs=False)
    known = digest(load_results(store.folder))
    for path in report(store.folder, tmp_path, plots=()):
        text = path.read_text("utf-8")
        assert known in text and "unbench report" in text and str(tmp_path) not in text
