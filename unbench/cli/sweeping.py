"""Commands for many runs: sweep, status, gc."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from unbench.cli.console import console, log, print_json, print_rows
from unbench.cli.options import AsJson, Checksums, DataRoot, Device, Plugin, Results
from unbench.cli.starting import check_checksums
from unbench.errors import UnbenchError

SweepFile = Annotated[Path | None, typer.Argument(help="TOML file of a sweep; flags replace its values.")]


def sweep(
    file: SweepFile = None,
    method: Annotated[
        list[str] | None,
        typer.Option("-m", "--method", help="May be repeated; all, post-hoc, by-design and reference stand for many."),
    ] = None,
    dataset: Annotated[list[str] | None, typer.Option("-d", "--dataset", help="May be repeated.")] = None,
    scenario: Annotated[list[str] | None, typer.Option(help="May be repeated; random10 if none is given.")] = None,
    seeds: Annotated[str | None, typer.Option(help="Such as 0,1,2 or 0-4.")] = None,
    preset: Annotated[str | None, typer.Option(help="smoke, cpu or paper; cpu if left out.")] = None,
    model: Annotated[
        str | None, typer.Option(help="vit, resnet18 or convnet; the data set decides if left out.")
    ] = None,
    hparams: Annotated[str | None, typer.Option(help="tuned or default; tuned if left out.")] = None,
    probe: Annotated[bool | None, typer.Option("--probe", help="Also ask the models themselves.")] = None,
    shadows: Annotated[int | None, typer.Option(help="Shadow models of each cell; 0 if left out.")] = None,
    evaluate: Annotated[
        bool | None, typer.Option("--evaluate/--no-evaluate", help="Compute the metrics of each run; yes if left out.")
    ] = None,
    jobs: Annotated[int | None, typer.Option(help="Runs at a time; else one for each GPU, or for each core.")] = None,
    threads: Annotated[
        int | None, typer.Option(help="Of each run, the same for the same bits; else the cores divided among the jobs.")
    ] = None,
    executor: Annotated[str | None, typer.Option(help="local, ray or slurm; local if left out.")] = None,
    time_limit: Annotated[float | None, typer.Option(help="Seconds that unlearning may take.")] = None,
    memory_limit: Annotated[float | None, typer.Option(help="MiB that a process of a run may hold.")] = None,
    retry: Annotated[
        list[str] | None, typer.Option(help="Try runs that failed, diverged or timed_out again; may be repeated.")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Do at most this many runs now.")] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Also read the outputs of finished runs; damaged ones are done again.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what there is to do.")] = False,
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
    from unbench.sweeps.sweep_file import SweepCard, parse_seeds, read_sweep

    check_checksums(checksums)
    card = (read_sweep(file) if file else SweepCard()).with_flags(
        {
            "methods": method,
            "datasets": dataset,
            "scenarios": scenario,
            "seeds": None if seeds is None else parse_seeds(seeds),
            "preset": preset,
            "model": model,
            "hparams": hparams,
            "probe": probe,
            "shadows": shadows,
            "evaluate": evaluate,
            "jobs": jobs,
            "threads": threads,
            "executor": executor,
            "time_limit": time_limit,
            "memory_limit": memory_limit,
        }
    )
    card.runs(results)  # finds every mistake before the first hour of training
    log("unbench is starting ...")
    from unbench.progress import ConsoleProgress
    from unbench.sweeps.display import Display, LiveTable
    from unbench.sweeps.status import preview
    from unbench.sweeps.sweep import sweep as do

    shown = ConsoleProgress(console())
    where: dict[str, Any] = {"results": results, "data_root": data_root, "device": device, "checksums": checksums}
    where |= {"retry": retry or (), "limit": limit, "verify": verify, "progress": shown}
    if dry_run:
        rows, time_it_takes = preview(card, **where)
        print_rows(rows, as_json)
        log(time_it_takes)
        return
    swept = do(card, display=LiveTable(console()) if sys.stderr.isatty() else Display(log), log=log, **where)
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
        raise typer.Exit(1)


def status(
    file: SweepFile = None,
    everything: Annotated[bool, typer.Option("--all", help="Also what is done.")] = False,
    results: Results = Path("results"),
    data_root: DataRoot = None,
    checksums: Checksums = "auto",
    plugin: Plugin = None,
    as_json: AsJson = False,
) -> None:
    """Show the progress of the sweeps of a results folder: running (by whom, since when), failed and why, missing."""
    from unbench.sweeps.status import status as look
    from unbench.sweeps.sweep_file import read_sweep

    check_checksums(checksums)
    card = read_sweep(file) if file else None
    rows = look(card, results=results, data_root=data_root, checksums=checksums)  # type: ignore[arg-type]
    print_rows([row for row in rows if everything or row["state"] not in ("done", "skipped")], as_json)
    counts = Counter(row["state"] for row in rows)
    log(", ".join(f"{count} {state}" for state, count in counts.items()) or "no sweep was started here")


def gc(
    yes: Annotated[bool, typer.Option("--yes", help="Remove without asking.")] = False,
    results: Results = Path("results"),
    data_root: DataRoot = None,
    plugin: Plugin = None,
    as_json: AsJson = False,
) -> None:
    """Remove what no run needs from a results folder, after showing it."""
    from unbench.sweeps.garbage import find_garbage, remove

    found = find_garbage(results, data_root)
    print_rows([{"path": str(one.path), "bytes": one.size, "why": one.why} for one in found], as_json)
    total = f"{sum(one.size for one in found) / 2**20:.1f} MiB in {len(found)} places"
    if not found:
        log("there is nothing to remove")
        return
    if not yes:
        if not sys.stdin.isatty():
            raise UnbenchError(f"{total} can be removed; --yes removes them")
        if not typer.confirm(f"Remove {total}?", err=True):
            log("nothing was removed")
            return
        still = find_garbage(results, data_root)  # a sweep may have started meanwhile
        found = [one for one in found if one in still]
    log(f"{remove(found) / 2**20:.1f} MiB are free now")
