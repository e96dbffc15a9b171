"""Downloads from the hub, from a stand-in on this machine, for a data set that exists only as a card."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import hub_stand_in
import pytest
import source_layouts as layouts

CARD = """
name = "shapes"
version = 1
title = "Shapes"
family = "custom"
source = "huggingface"
source_options = { hub = "someone/shapes", folder = "all", image = "picture", label = "kind", val = "validation" }
licence = "none"
citation = "none"
classes = 2
channels = 3
presets = {}
"""
PROGRAM = """
import sys
from pathlib import Path
from unbench.config import registry
from unbench.data import sources
from unbench.errors import UnbenchError
source, root = sources.create(registry.dataset("shapes")), Path(sys.argv[1])
try:
    source.fetch(root)
except UnbenchError as error:
    sys.exit(f"{type(error).__name__}: {error}")
files = source.find(root)
raw = source.read(root)
counts = {name: sum(1 for _ in split.images()) for name, split in raw.splits.items()}
print(files.published, files.mismatches(), raw.classes, counts)
"""


@pytest.fixture
def published(tmp_path) -> Path:
    folder = tmp_path / "published"
    for shard in range(2):
        name = f"train-{shard:05d}-of-00002.parquet"
        layouts.parquet(folder / "all" / name, 5, ["round", "square"], "picture", "kind")
    for name in ("validation", "test", "other"):
        path = folder / "all" / f"{name}-00000-of-00001.parquet"
        layouts.parquet(path, 4, ["round", "square"], "picture", "kind")
    (folder / "README.md").write_text("shapes")
    return folder


@pytest.fixture
def fetch(tmp_path):
    """Fetch in a process of its own, because the library reads its settings once, when imported."""
    (tmp_path / "cards" / "datasets").mkdir(parents=True)
    (tmp_path / "cards" / "datasets" / "shapes.toml").write_text(CARD)

    def fetch(endpoint: str, root: Path) -> subprocess.CompletedProcess[str]:
        own = {"HF_ENDPOINT": endpoint, "HF_HOME": str(tmp_path / "hf"), "UNBENCH_CARDS": str(tmp_path / "cards")}
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING"))}
        return subprocess.run(
            [sys.executable, "-c", PROGRAM, str(root)],
            env={**kept, **own, "HF_HUB_DISABLE_TELEMETRY": "1"},
            cwd=Path(__file__).resolve().parents[2],
            capture_output=True,
            text=True,
        )

    return fetch


def test_a_card_is_enough_to_fetch_check_and_read(published, fetch, tmp_path):
    root = tmp_path / "root"
    with hub_stand_in.serve(published) as endpoint:
        done = fetch(endpoint, root)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "True [] ('round', 'square') {'train': 10, 'val': 4, 'test': 4}"
    got = sorted(path.name for path in (root / "shapes" / "all").iterdir())
    assert got == [
        "SHA256SUMS",
        "test-00000-of-00001.parquet",
        "train-00000-of-00002.parquet",
        "train-00001-of-00002.parquet",
        "validation-00000-of-00001.parquet",
    ]
    for line in (root / "shapes" / "all" / "SHA256SUMS").read_text().splitlines():
        sha256, name = line.split("  ")
        assert hashlib.sha256((root / "shapes" / "all" / name).read_bytes()).hexdigest() == sha256


def test_a_damaged_download_is_thrown_away_and_can_be_repeated(published, fetch, tmp_path):
    root = tmp_path / "root"
    name = "train-00001-of-00002.parquet"
    with hub_stand_in.serve(published, damage=name) as endpoint:
        failed = fetch(endpoint, root)
    assert failed.returncode == 1 and "ChecksumError: the download of shapes arrived damaged" in failed.stderr
    assert not (root / "shapes" / "all" / name).exists()
    with hub_stand_in.serve(published) as endpoint:
        assert fetch(endpoint, root).returncode == 0


def test_no_hub_is_one_clear_line(fetch, tmp_path):
    failed = fetch("http://127.0.0.1:9", tmp_path / "root")
    last = failed.stderr.strip().splitlines()[-1]
    assert last.startswith("DataMissingError: cannot download shapes: ")
    assert "put all/train-*.parquet, all/validation-*.parquet, all/test-*.parquet of the hub's data set" in last
    assert "Traceback" not in failed.stderr
