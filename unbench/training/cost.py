"""Wall-clock and peak memory of a block of work, on the device that does it."""

import ctypes
import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from unbench.data.batches import Batch

_CLEAR = Path("/proc/self/clear_refs")


@dataclass
class Cost:
    """Time and memory of a block, filled in when it ends.

    Attributes:
        seconds: wall-clock, the device synchronised at both ends.
        peak_memory_mb: highest memory in use during the block above that at its start, MiB: allocated on the GPU, or
            resident in main memory; None where the system does not report it.
        missing: why peak_memory_mb is None.
    """

    seconds: float = 0.0
    peak_memory_mb: float | None = None
    missing: str | None = None


def warm_up(model: nn.Module, batch: Batch) -> None:
    """Take one step on a copy of `model`, so that what torch loads or compiles on first use counts towards no cost."""
    copy = deepcopy(model).eval()  # in training mode, batch norm refuses a single image
    copy(*batch.inputs).sum().backward()
    for kind in (torch.optim.SGD, torch.optim.AdamW):
        kind(copy.parameters(), lr=0.0).step()


def working_clock(device: torch.device) -> Callable[[], float]:
    """Return a clock in seconds; for work on the CPU it stands still while other programs have the processor."""
    if device.type != "cpu":
        return time.perf_counter
    return lambda: time.process_time() / torch.get_num_threads()


@contextmanager
def measured(device: torch.device, begin: Callable[[], None] = lambda: None) -> Iterator[Cost]:
    """Measure a block, calling `begin` right before the clock starts."""
    cost = Cost()
    before = _reset_peak(device)
    begin()
    started = clock(device)
    yield cost
    cost.seconds = clock(device) - started
    if before is None:
        cost.missing = "this system does not report the peak memory of a process"
    else:
        cost.peak_memory_mb = max(0.0, _peak(device) - before) / 2**20


def clock(device: torch.device) -> float:
    """Return the seconds since some fixed moment, once the device has done all the work given to it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
    return time.perf_counter()


def _reset_peak(device: torch.device) -> float | None:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return float(torch.cuda.memory_allocated(device))
    gc.collect()
    # What earlier work freed goes back to the system; else the block would reuse it, and seem to need no memory.
    with suppress(OSError, AttributeError):  # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)
    try:
        _CLEAR.write_text("5")  # Linux: sets the high-water mark back to what is resident now
        return _resident("VmRSS")
    except (OSError, KeyError):
        return None


def _peak(device: torch.device) -> float:
    if device.type == "cuda":
        return float(torch.cuda.max_memory_allocated(device))
    return _resident("VmHWM")


def _resident(field: str) -> float:
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return float(fields[field].split()[0]) * 1024
