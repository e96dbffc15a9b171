"""Leakage audit, deployment costs, stem and key encoder in the leaderboard and in its document."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fakes import fake_run

from unbench.analysis.board.cells import split_cells
from unbench.analysis.board.formatting import DASH
from unbench.analysis.board.leaderboard import AUDIT, DEPLOYMENT, leaderboard
from unbench.analysis.rows.values import records
from unbench.reporting.board_tables import audited, costs_table
from unbench.reporting.documents import leaderboard_markdown, section
from unbench.reporting.figures.renderer import Pictures
from unbench.reporting.markup import markdown_table
from unbench.store.results import Store, load_results
from unbench.store.schema import COLUMNS

PATHWAYS = {name: float(number) for number, name in enumerate(AUDIT)}
MEMORY = {
    "memory_entries": 1200,
    "memory_bytes_per_entry": 1832.0,
    "memory_index": "exact",
    "index_build_seconds": 0.25,
    "delete_seconds": 0.0125,
    "predict_ms_ensemble": 4.5,
    "predict_ms_softmax": 1.5,
    "predict_ms_rank": 1.25,
    "predict_ms_plain": 1.0,
}
DEFAULT = {"rule": "mean", "k": 4, "rate": 0.1}


def memory_run(store: Store, method: str = "munkey", seed: int = 0, **changes: Any) -> None:
    fake_run(store, method, seed, outputs=False, **{**PATHWAYS, **MEMORY, **changes})


def rows_of(store: Store) -> list[dict[str, Any]]:
    return records(leaderboard(load_results(store.folder)))


def document(store: Store) -> str:
    cells = split_cells(leaderboard(load_results(store.folder)))
    return leaderboard_markdown(cells, Pictures())


def table_lines(text: str, start: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith(start)]


def test_every_audit_and_deployment_column_of_the_schema_is_averaged() -> None:
    ends = ("image_", "memory_", "pathway_", "index_", "delete_", "predict_")
    names = [column.name for column in COLUMNS if column.type != "string"]
    wanted = [n for n in names if n.removeprefix("original_").removeprefix("oracle_").startswith(ends)]
    assert sorted((*AUDIT, *DEPLOYMENT)) == sorted(wanted)


def test_they_are_averaged_over_seeds(store: Store) -> None:
    memory_run(store, seed=0, image_forget_acc=70.0, memory_entries=100)
    memory_run(store, seed=1, image_forget_acc=74.0, memory_entries=100)
    (row,) = rows_of(store)
    assert row["image_forget_acc_mean"] == 72.0
    assert row["image_forget_acc_std"] == pytest.approx(8**0.5)
    assert (row["memory_entries_mean"], row["memory_entries_std"]) == (100.0, 0.0)
    assert row["memory_index"] == "exact"


def test_what_does_not_apply_is_not_missing_and_what_is_missing_has_its_reason(store: Store) -> None:
    fake_run(store, "ft", outputs=False)
    reason = {"pathway_sensitivity_val": "no validation images", "oracle_image_test_acc": "lost"}
    memory_run(store, "munkey", 0, **dict.fromkeys(reason, None), missing=json.dumps(reason))
    memory_run(store, "munkey", 1, **dict.fromkeys(reason, None), missing=json.dumps(reason), delete_seconds=None)
    rows = {row["method"]: json.loads(row["missing"]) for row in rows_of(store)}
    assert not set(rows["ft"]) & {*AUDIT, *DEPLOYMENT}
    assert {name: reason for name, reason in rows["munkey"].items() if name in (*AUDIT, *DEPLOYMENT)} == {
        "pathway_sensitivity_val": "no validation images (seeds 0, 1)",
        "oracle_image_test_acc": "lost (seeds 0, 1)",
        "delete_seconds": "no value is stored, and no reason (seed 1)",
    }


def test_audit_shows_each_pathway_before_after_and_of_the_oracle(store: Store) -> None:
    fake_run(store, "ft", outputs=False)
    memory_run(store)
    text = document(store)
    assert text.count("### Leakage audit") == 1

    def numbers(*names: str) -> list[str]:
        return [f"{PATHWAYS[name]:.2f}" for name in names]

    for pathway in ("image", "memory"):
        lines = table_lines(text, f"| {pathway} alone ")
        prefixes = {"before deletion": "original_", "after deletion": "", "oracle": "oracle_"}
        assert [line[1] for line in lines] == list(prefixes)
        for line in lines:
            start = f"{prefixes[line[1]]}{pathway}"
            wanted = ("test_acc", "retain_acc", "forget_acc", "mia_auroc")
            assert line[2:] == numbers(*(f"{start}_{name}" for name in wanted))
    validation, forget = table_lines(text, "| P\\_s")
    for line, split in ((validation, "val"), (forget, "forget")):
        assert line[1:] == numbers(*(f"{p}pathway_sensitivity_{split}" for p in ("original_", "", "oracle_")))
    assert "cannot change the image pathway" in text.replace("\n", " ")


def test_a_missing_number_of_the_audit_has_its_reason_under_the_table(store: Store) -> None:
    memory_run(store, pathway_sensitivity_val=None, missing='{"pathway_sensitivity_val": "no | val"}')
    text = section("audit", rows=rows_of(store))
    assert table_lines(text, "| P\\_s, validation")[0][2] == f"{DASH} <sup>a</sup>"
    assert "- <sup>a</sup> not known: no \\| val (seed 0)" in text


def test_a_sweep_gives_one_audit_the_defaults_else_the_firsts(store: Store, toy: str) -> None:
    for number, k in enumerate((1, 4, 16)):
        hparams = json.dumps({**DEFAULT, "k": k})
        memory_run(store, toy, hparams=hparams, method_version=3, avg_gap=float(number))
        memory_run(store, "unknown", hparams=hparams, avg_gap=float(number))
    rows = rows_of(store)
    chosen = {row["method"]: json.loads(row["hparams"])["k"] for row in audited(rows)}
    assert chosen == {"toy": 4, "unknown": 1}
    text = section("audit", rows=rows)
    assert text.count("| image alone | oracle |") == 2 and "leaderboard.csv has all" in text
    assert "**toy**:" in text and "**unknown\\[k=1\\]**:" in text
    assert "leaderboard.csv has all" not in section("audit", rows=audited(rows))


def test_deployment_costs_have_their_units(store: Store) -> None:
    memory_run(store, memory_entries=1_234_567)
    fake_run(store, "ft", outputs=False)
    (line,) = table_lines(markdown_table(costs_table(rows_of(store))), "| munkey ")
    assert line[1:] == ["exact", "1,234,567", "1,832", "0.250", "0.013", "4.50", "1.50", "1.25", "1.00"]


def test_cells_without_pathways_or_memory_have_neither_section(store: Store) -> None:
    for method in ("ft", "none", "retrain"):
        fake_run(store, method, outputs=False)
    fake_run(store, "munkey", status="failed", error="boom")
    text = document(store)
    assert "Leakage audit" not in text and "What the memory costs" not in text
    assert "Ablations" not in text and "frozen backbone" not in text and "Encoder of the keys" not in text


def test_stem_and_key_encoder_are_named_with_what_they_saw(store: Store) -> None:
    seen = {"stem": "net", "stem_trained_on": "ImageNet <1k>", "key_encoder": "pca", "key_encoder_trained_on": "val"}
    memory_run(store, **seen)
    text = document(store)
    facts, _, details = text.partition("<details>")
    assert "frozen backbone net, trained on: ImageNet &lt;1k&gt;." in facts
    assert "Encoder of the keys: pca, trained on: val." in details and "pca" not in facts.split("## ")[1]


def test_runs_on_pixels_and_on_a_stem_are_never_compared(store: Store) -> None:
    fake_run(store, "ft", 0, outputs=False, test_acc=10.0)
    fake_run(store, "ft", 1, outputs=False, test_acc=90.0, stem="net")
    cells = split_cells(leaderboard(load_results(store.folder)))
    assert [list(cell.rows["test_acc_mean"]) for cell in cells] == [[10.0], [90.0]]
    assert len({cell.title for cell in cells}) == 2 and len({cell.slug for cell in cells}) == 2


def test_names_from_results_are_escaped(store: Store) -> None:
    name = "<b>|*x*"
    memory_run(store, name, memory_index=name, stem=name, stem_trained_on=name, key_encoder=name)
    memory_run(store, name, hparams='{"a|b": "<i>"}')
    text = document(store)
    assert "<b>" not in text.replace(f"-m {name}", "") and "<i>" not in text
    lines = table_lines(text.replace("\\|", ""), "| &lt;b&gt;")
    # Cells side by side, what the numbers rest on, the numbers: no column more in any of these tables.
    assert lines and {len(line) for line in lines if "exact" not in line} <= {3, 6, 10}
