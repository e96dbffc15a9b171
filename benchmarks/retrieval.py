"""A benchmark of the memory's search and deletion, as ratios of two sides that are timed in turn in one run.

    python benchmarks/retrieval.py [--quick] [--json FILE]

Prints a Markdown table; exits with 1 if a limit is missed at full size. See benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import normalize

from unbench.models.memory import Memory

K = 4
WIDTH = 128


@dataclass(frozen=True)
class Sizes:
    """Sizes to measure: entries, dimension of keys, queries at once, entries deleted, repetitions."""

    exact: int
    small: int
    large: int
    dimension: int
    queries: int
    deleted: int
    repetitions: int


FULL = Sizes(50_000, 10_000, 1_000_000, 768, 256, 1_000, 5)
QUICK = Sizes(5_000, 2_000, 20_000, 64, 64, 100, 3)


class Ratio(NamedTuple):
    """A measured ratio and its limit, which starts with <= or >=."""

    what: str
    first: str
    second: str
    ratio: float
    limit: str

    def holds(self) -> bool:
        """Return True if the ratio is within its limit."""
        bound = float(self.limit[2:])
        return self.ratio <= bound if self.limit.startswith("<=") else self.ratio >= bound


class Clusters:
    """A mixture of Gaussians on the sphere: 250 entries per centre, which are neighbours at a cosine of 0.6."""

    spread = 0.8

    def __init__(self, entries: int, dimension: int) -> None:
        self.generator = torch.Generator().manual_seed(0)
        self.centres = normalize(torch.randn(max(1, entries // 250), dimension, generator=self.generator), dim=1)
        # Uneven: the largest cluster has about ten times the entries of the smallest.
        self.weights = torch.rand(len(self.centres), generator=self.generator) + 0.1

    def draw(self, count: int) -> Tensor:
        """Draw new vectors (count, D) of unit length."""
        out = torch.empty(count, self.centres.shape[1])
        for part in out.split(65_536):
            cluster = self.weights.multinomial(len(part), replacement=True, generator=self.generator)
            noise = torch.randn(part.shape, generator=self.generator) / part.shape[1] ** 0.5
            part.copy_(normalize(self.centres[cluster] + self.spread * noise, dim=1))
        return out


def timed(action: Callable[[], object]) -> float:
    """Measure the seconds that `action` takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def in_turn(first: Callable[[], object], second: Callable[[], object], repetitions: int) -> tuple[float, float]:
    """Measure the median seconds of both, called in turn after one uncounted call of each."""
    first(), second()
    pairs = [(timed(first), timed(second)) for _ in range(repetitions)]
    return median(a for a, _ in pairs), median(b for _, b in pairs)


def exact_against_bare(sizes: Sizes) -> Ratio:
    """Compare `nearest` with the matrix product and its k largest values alone."""
    clusters = Clusters(sizes.exact, sizes.dimension)
    keys, queries = clusters.draw(sizes.exact), clusters.draw(4 * sizes.queries)
    memory = Memory(torch.arange(len(keys)), keys, WIDTH, index="exact")
    ours, bare = in_turn(
        lambda: memory.nearest(queries, K), lambda: (queries @ memory.keys.T).topk(K), sizes.repetitions
    )
    what = f"exact search / bare product and top-k, N={sizes.exact:,}, {len(queries):,} queries at once"
    return Ratio(what, each(ours, len(queries)), each(bare, len(queries)), ours / bare, "<=1.3")


def deletion(large: Memory, sizes: Sizes, index: str) -> Ratio:
    """Compare deleting the same number of entries from the large memory and from small ones."""
    small_keys = Clusters(sizes.small, sizes.dimension).draw(sizes.small)
    generator = torch.Generator().manual_seed(1)
    seconds: list[tuple[float, float]] = []
    for _ in range(sizes.repetitions + 1):
        small = Memory(torch.arange(sizes.small), small_keys, WIDTH, index=index)
        if index == "approximate":
            small.nearest(small_keys[:1], K)
        pair = []
        for memory in (large, small):
            chosen = memory.ids[torch.randperm(len(memory), generator=generator)[: sizes.deleted]]
            pair.append(timed(lambda memory=memory, chosen=chosen: memory.forget(chosen)))  # type: ignore[misc]
        seconds.append((pair[0], pair[1]))
    first, second = (median(side) for side in zip(*seconds[1:], strict=True))
    indexed = ", approximate index built" if index == "approximate" else ""
    what = f"deleting {sizes.deleted:,} of {sizes.large:,} / of {sizes.small:,}{indexed}"
    return Ratio(what, f"{first * 1e3:.1f} ms", f"{second * 1e3:.1f} ms", first / second, "<=2.0")


def approximate_against_exact(memory: Memory, queries: Tensor, repetitions: int) -> tuple[list[Ratio], float]:
    """Measure speed and recall on queries from the keys' mixture, and the seconds that building the index takes."""

    def search(index: str) -> Tensor:
        memory.index = index
        return memory.nearest(queries, K)[0]

    memory.index = "approximate"
    build = timed(lambda: memory.nearest(queries[:1], K))
    exact, approximate = in_turn(lambda: search("exact"), lambda: search("approximate"), repetitions)
    hits = (search("exact")[:, :, None] == search("approximate")[:, None, :]).any(2).double().mean().item()
    count = len(queries)
    what = f"exact / approximate search, N={len(memory):,}"
    rows = [
        Ratio(what, each(exact, count), each(approximate, count), exact / approximate, ">=20"),
        Ratio(f"recall@{K} of approximate search", "", "", hits, ">=0.99"),
    ]
    return rows, build


def each(seconds: float, queries: int) -> str:
    """Format seconds as milliseconds per query."""
    return f"{1e3 * seconds / queries:.3f} ms a query"


def main() -> int:
    """Measure and print; return the exit status, 1 if a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small sizes, to which the limits do not apply")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the numbers to FILE")
    options = parser.parse_args()
    sizes = QUICK if options.quick else FULL

    torch.manual_seed(0)
    rows = [exact_against_bare(sizes)]
    clusters = Clusters(sizes.large, sizes.dimension)
    large = Memory(torch.arange(sizes.large), clusters.draw(sizes.large), WIDTH, index="exact")
    rows.append(deletion(large, sizes, "exact"))
    searched, build = approximate_against_exact(large, clusters.draw(sizes.queries), sizes.repetitions)
    rows += [*searched, deletion(large, sizes, "approximate")]

    print(
        f"D={sizes.dimension}, width={WIDTH}, k={K}, {sizes.queries} queries at once unless stated,"
        f" medians of {sizes.repetitions}, {torch.get_num_threads()} threads;"
        f" index built in {build:.0f} s, {large.bytes_per_entry:,} bytes an entry with it\n"
    )
    print("| measured | first | second | ratio | limit | holds |\n|---|---|---|---|---|---|")
    for row in rows:
        verdict = "–" if options.quick else ("yes" if row.holds() else "**no**")
        print(f"| {row.what} | {row.first} | {row.second} | {row.ratio:.4g} | {row.limit} | {verdict} |")
    if options.json:
        report = {
            "sizes": asdict(sizes),
            "threads": torch.get_num_threads(),
            "build_seconds": build,
            "bytes_per_entry": large.bytes_per_entry,
            "rows": [row._asdict() for row in rows],
        }
        options.json.write_text(json.dumps(report, indent=2) + "\n")
    return 0 if options.quick or all(row.holds() for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
