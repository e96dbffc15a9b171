"""Costs and versions: what a row records of how it was made."""

from __future__ import annotations

import importlib.metadata
import re
import time

import pytest
import torch

from unbench.errors import SpecError
from unbench.experiment import provenance
from unbench.training import cost
from unbench.training.cost import measured
from unbench.training.devices import choose_device

CPU = torch.device("cpu")


def test_seconds_are_those_of_the_block() -> None:
    with measured(CPU) as spent:
        time.sleep(0.2)
    assert 0.2 <= spent.seconds < 2


@pytest.mark.skipif(not cost._CLEAR.exists(), reason="peak memory is read from Linux's /proc")
def test_peak_memory_counts_what_was_freed_again_and_not_what_was_there() -> None:
    before = torch.ones(30_000_000)  # 114 MiB that are no part of the block
    with measured(CPU) as spent:
        torch.ones(20_000_000).sum()  # 76 MiB, freed at once
    assert spent.peak_memory_mb is not None
    assert 60 < spent.peak_memory_mb < 110
    with measured(CPU) as nothing:
        pass
    assert nothing.peak_memory_mb is not None
    assert nothing.peak_memory_mb < 10
    assert len(before) == 30_000_000


def test_where_memory_cannot_be_read_it_is_missing_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "_reset_peak", lambda device: None)
    with measured(CPU) as spent:
        pass
    assert spent.peak_memory_mb is None
    assert spent.missing


def test_versions_are_those_installed() -> None:
    versions = provenance.versions()
    assert versions["torch_version"] == torch.__version__
    assert versions["unbench_version"] == importlib.metadata.version("unbench")
    assert versions["git_commit"] is None or re.fullmatch("[0-9a-f]{40}", str(versions["git_commit"]))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", provenance.now())


def test_devices_are_chosen_or_refused() -> None:
    assert choose_device("cpu") == CPU
    assert choose_device("auto").type in ("cpu", "cuda")
    with pytest.raises(SpecError, match="cannot be used here"):
        choose_device("quantum")


@pytest.mark.skipif(not cost._CLEAR.exists(), reason="peak memory is read from Linux's /proc")
def test_memory_that_earlier_work_freed_does_not_hide_what_a_block_needs() -> None:
    earlier = [torch.ones(10_000) for _ in range(1500)]  # small blocks, which the allocator keeps for itself
    del earlier
    with measured(CPU) as spent:
        blocks = [torch.ones(10_000) for _ in range(1500)]  # 57 MiB
    assert spent.peak_memory_mb is not None
    assert spent.peak_memory_mb > 40
    assert len(blocks) == 1500
