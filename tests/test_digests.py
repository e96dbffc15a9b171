"""Strings that enter seeds, keys and names of files: digests.json holds those of the code before its folders moved.

A difference means other draws or other keys: results that are stored would no longer be found, or no longer agree.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXPECTED = json.loads(Path(__file__).with_name("digests.json").read_text("utf-8"))
RECORD = """
import json, re, sys
from pathlib import Path
import unbench
from unbench import registry
from unbench.config import seeds
from unbench.data import load_dataset

texts, canonical = {}, seeds.canonical

def record(value):
    text = canonical(value)
    texts[text] = None
    return text

seeds.canonical = record
results = Path(sys.argv[1])
common = {"preset": "smoke", "results": results, "device": "cpu", "start": "default"}
unbench.run("ft", "synthetic", probe=True, **common)
card = registry.dataset("digits")
load_dataset(card, card.presets["smoke"])
unbench.run("munkey", "synthetic", seed=1, **common)
unbench.run("sisa", "synthetic", **common)
unbench.run("unsir", "synthetic", scenario="class", **common)
unbench.shadow("none", "synthetic", count=4, jobs=1, **common)
unbench.evaluate(results)
strings = [text for text in texts if len(text) < 60 and text.startswith("[") and '"' in text]
json.dump({
    # SISA derives a seed for each image and each step from that of the training: one of each form is enough.
    "seeds": sorted({re.sub(r"^\\[\\d+.*", lambda found: re.sub(r"\\d+", "N", found[0]), text) for text in strings}),
    "files": sorted(
        str(path.relative_to(results)) for path in results.rglob("*")
        if path.parent.name in ("stages", "splits", "runs", "outputs", "probes", "shadows", "metrics", "summary")
    ),
}, sys.stdout, indent=1)
"""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What enters digests while methods of each kind run, in a process in which nothing is cached yet."""
    folder = tmp_path_factory.mktemp("digests")
    environment = {**os.environ, "UNBENCH_CACHE": str(folder / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", RECORD, str(folder / "results")], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("kind", ["seeds", "files"])
def test_no_string_that_enters_a_seed_a_key_or_the_name_of_a_file_has_changed(
    recorded: dict[str, list[str]], kind: str
) -> None:
    assert EXPECTED[kind]
    assert recorded[kind] == EXPECTED[kind]
