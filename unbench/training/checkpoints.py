"""What a long training leaves on disk, so that a killed process goes on from there and ends with the same bits."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor

from unbench.errors import StoreError
from unbench.store.tensors import load_tensors, save_tensors

T = TypeVar("T")

EVERY = 600.0
"""Seconds of training after which its state is written."""


class Stateful(Protocol):
    """Part of a training with a state of its own: a model, an optimiser, a schedule."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state."""

    def load_state_dict(self, state: dict[str, Any]) -> Any:
        """Go back to a state."""


Part = Stateful | torch.Generator


class Checkpoint:
    """State of one training run, which may have several phases of several epochs each.

    Args:
        path: of the file; None keeps nothing.
        stored: what `read_checkpoint` found in that file, to resume from.
        every: seconds between two writes; None for EVERY.

    Attributes:
        seconds: that training took before this process went on with it.
    """

    def __init__(
        self, path: Path | None = None, stored: dict[str, Any] | None = None, every: float | None = None
    ) -> None:
        self._path, self._every = path, EVERY if every is None else every
        self._phase = -1
        self._began = self._written = time.perf_counter()
        self._stored = stored
        self.seconds: float = stored["seconds"] if stored else 0.0

    def epochs(self, items: T, count: int, parts: Mapping[str, Part]) -> Iterator[T]:
        """Yield `items` once for each epoch of a phase that is still to do, after going back to the stored state.

        Args:
            items: of an epoch, such as Batches.
            count: epochs of the phase.
            parts: everything that changes while the phase runs, by name, each time the same.

        Raises:
            StoreError: a checkpoint cannot be written.
        """
        self._phase += 1
        stored, first = self._stored, 0
        if stored is not None:
            if stored["phase"] > self._phase:
                return
            if stored["phase"] == self._phase:
                first = stored["epoch"]
                _restore(parts, stored["parts"])
                torch.set_rng_state(stored["generator"])
                self._stored = None
        for epoch in range(first, count):
            yield items
            if self._path is not None and time.perf_counter() - self._written >= self._every:
                self._write(epoch + 1, parts)

    def remove(self) -> None:
        """Delete the file, whose training has ended."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _write(self, epoch: int, parts: Mapping[str, Part]) -> None:
        assert self._path is not None
        now = time.perf_counter()
        state = {
            "phase": self._phase,
            "epoch": epoch,
            "seconds": self.seconds + now - self._began,
            "generator": torch.get_rng_state(),
            "parts": {name: _state(part) for name, part in parts.items()},
        }
        tensors: dict[str, Tensor] = {}
        plain = _without_tensors(state, tensors)
        save_tensors(self._path, tensors, {"state": json.dumps(plain)})
        self._written = now


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Return the state in a file, for Checkpoint; raise DamagedError or StoreError if there is none to be had."""
    tensors, notes = load_tensors(path)
    state: dict[str, Any] = _with_tensors(json.loads(notes["state"]), tensors)
    return state


def _state(part: Part) -> Any:
    return part.get_state() if isinstance(part, torch.Generator) else part.state_dict()


def _restore(parts: Mapping[str, Part], states: Mapping[str, Any]) -> None:
    if parts.keys() != states.keys():
        raise StoreError(f"a checkpoint holds {', '.join(states)}, but this training has {', '.join(parts)}")
    for name, part in parts.items():
        if isinstance(part, torch.Generator):
            part.set_state(states[name])
        else:
            part.load_state_dict(states[name])


def _without_tensors(value: Any, tensors: dict[str, Tensor]) -> Any:
    """Return `value` as JSON holds it, its tensors moved to `tensors` and named by their number.

    Dictionaries become lists of pairs: the keys of an optimiser's state are numbers, which JSON would turn into text.
    """
    if isinstance(value, Tensor):
        name = str(len(tensors))
        tensors[name] = value
        return {"tensor": name}
    if isinstance(value, Mapping):
        return {"pairs": [[key, _without_tensors(item, tensors)] for key, item in value.items()]}
    if isinstance(value, (list, tuple)):
        return [_without_tensors(item, tensors) for item in value]
    return value


def _with_tensors(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    if isinstance(value, list):
        return [_with_tensors(item, tensors) for item in value]
    if isinstance(value, dict) and "tensor" in value:
        return tensors[value["tensor"]]
    if isinstance(value, dict):
        return {key: _with_tensors(item, tensors) for key, item in value["pairs"]}
    return value
