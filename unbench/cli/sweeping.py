"""Commands for many runs: sweep, status, gc."""

import sys
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Exit, Option, confirm

import unbench
from unbench.cli.console import console, log, print_json, print_rows, progress
from unbench.cli.options import AsJson, Checksums, DataRoot, Datasets, Device, Model, Names, Plugin, Results, TimeLimit
from unbench.errors import UnbenchError

SweepFile = Annotated[Path | None, Argument(help="TOML file of a sweep; flags replace its values.")]


def sweep(
    file: SweepFile = None,
    method: Annotated[
        Names, Option("-m", "--method", help="May be repeated; all, post-hoc, by-design and reference stand for many.")
    ] = None,
    dataset: Datasets = None,
    scenario: Annotated[Names, Option(help="May be repeated; random10 if none is given.")] = None,
    seeds: Annotated[str | None, Option(help="Such as 0,1,2 or 0-4.")] = None,
    preset: Annotated[str | None, Option(help="smoke, cpu or paper; cpu if left out.")] = None,
    model: Model = None,
    hparams: Annotated[str | None, Option(help="tuned or default; tuned if left out.")] = None,
    probe: Annotated[bool | None, Option("--probe", help="Also ask the models themselves.")] = None,
    shadows: Annotated[int | None, Option(help="Shadow models of each cell; 0 if left out.")] = None,
    evaluate: Annotated[
        bool | None, Option("--evaluate/--no-evaluate", help="Compute the metrics of each run; yes if left out.")
    ] = None,
    jobs: Annotated[int | None, Option(help="Runs at a time; else one for each GPU, or for each core.")] = None,
    threads: Annotated[
        int | None, Option(help="Of each run, the same for the same bits; else the cores divided among the jobs.")
    ] = None,
    executor: Annotated[str | None, Option(help="local, ray or slurm; local if left out.")] = None,
    time_limit: TimeLimit = None,
    memory_limit: Annotated[float | None, Option(help="MiB that a process of a run may hold.")] = None,
    retry: Annotated[Names, Option(help="Try runs that failed, diverged or timed_out again; may be repeated.")] = None,
    limit: Annotated[int | None, Option(help="Do at most this many runs now.")] = None,
    verify: Annotated[
        bool, Option("--verify", help="Also read the outputs of finished runs; damaged ones are done again.")
    ] = False,
    dry_run: Annotated[bool, Option("--dry-run", help="Only list what there is to do.")] = False,
    results: Results = Path("results"),
    data_root: DataRoot = None,
    device: Device = "auto",
    checksums: Checksums = "auto",
    plugin: Plugin = None,
    as_json: AsJson = False,
) -> None:
    """Do what is missing of many runs, several at a time. The same command continues an interrupted sweep.

    Models that runs share are trained once. Runs that failed are shown and left alone; --retry failed tries them
    again.
    """
    from unbench.sweeps.sweep_file import parse_seeds

    flags: dict[str, Any] = {"methods": method, "datasets": dataset, "scenarios": scenario, "preset": preset}
    flags |= {"seeds": None if seeds is None else parse_seeds(seeds), "model": model, "hparams": hparams}
    flags |= {"probe": probe, "shadows": shadows, "evaluate": evaluate, "jobs": jobs, "threads": threads}
    flags |= {"executor": executor, "time_limit": time_limit, "memory_limit": memory_limit}
    card = (unbench.read_sweep(file) if file else unbench.SweepCard()).with_flags(flags)
    card.runs(results)  # finds every mistake before the first hour of training
    log("unbench is starting ...")
    from unbench.sweeps.display import Display, LiveTable
    from unbench.sweeps.status import preview

    where: dict[str, Any] = {"results": results, "data_root": data_root, "device": device, "checksums": checksums}
    where |= {"retry": retry or (), "limit": limit, "verify": verify, "progress": progress()}
    if dry_run:
        rows, time_it_takes = preview(card, **where)
        print_rows(rows, as_json)
        log(time_it_takes)
        return
    display = LiveTable(console()) if sys.stderr.isatty() else Display(log)
    swept = unbench.sweep(card, display=display, log=log, **where)
    if as_json:
        from unbench.store.results import decode_json

        for row in swept.ran:
            print_json(decode_json(row))
    else:
        counts = Counter(state.status or "missing" for state in swept.states.values())
        print_rows([{"status": name, "runs": count} for name, count in counts.items()], as_json=False)
    for spec, state in swept.bad.items():
        log(f"{spec}: {state.status}: {state.error}")
    for what, reason in swept.failed.items():
        log(f"{what}: {reason}")
    if swept.bad:
        log(f"{len(swept.bad)} of {len(swept.states)} runs failed; --retry tries them again")
    log(f"next: unbench report --results {results}")
    if swept.bad or swept.failed:
        raise Exit(1)


def status(
    file: SweepFile = None,
    everything: Annotated[bool, Option("--all", help="Also what is done.")] = False,
    results: Results = Path("results"),
    data_root: DataRoot = None,
    checksums: Checksums = "auto",
    plugin: Plugin = None,
    as_json: AsJson = False,
) -> None:
    """Show the progress of the sweeps of a results folder: running (by whom, since when), failed and why, missing."""
    card = unbench.read_sweep(file) if file else None
    rows = unbench.status(card, results=results, data_root=data_root, checksums=checksums)  # type: ignore[arg-type]
    print_rows([row for row in rows if everything or row["state"] not in ("done", "skipped")], as_json)
    counts = Counter(row["state"] for row in rows)
    log(", ".join(f"{count} {state}" for state, count in counts.items()) or "no sweep was started here")


def gc(
    yes: Annotated[bool, Option("--yes", help="Remove without asking.")] = False,
    results: Results = Path("results"),
    data_root: DataRoot = None,
    plugin: Plugin = None,
    as_json: AsJson = False,
) -> None:
    """Remove what no run needs from a results folder, after showing it."""
    from unbench.sweeps.garbage import remove

    found = unbench.find_garbage(results, data_root)
    print_rows([{"path": str(one.path), "bytes": one.size, "why": one.why} for one in found], as_json)
    total = f"{sum(one.size for one in found) / 2**20:.1f} MiB in {len(found)} places"
    if not found:
        log("there is nothing to remove")
        return
    if not yes:
        if not sys.stdin.isatty():
            raise UnbenchError(f"{total} can be removed; --yes removes them")
        if not confirm(f"Remove {total}?", err=True):
            log("nothing was removed")
            return
        still = unbench.find_garbage(results, data_root)  # a sweep may have started meanwhile
        found = [one for one in found if one in still]
    log(f"{remove(found) / 2**20:.1f} MiB are free now")
