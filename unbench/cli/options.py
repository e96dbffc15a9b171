"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import unbench

Results = Annotated[Path, typer.Option("--results", help="Folder of results.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on standard output.")]
DataRoot = Annotated[
    Path | None,
    typer.Option("--data-root", envvar="UNBENCH_DATA", help="Folder with the data sets' files."),
]

Preset = Annotated[str, typer.Option(help="smoke, cpu or paper.")]
Model = Annotated[str | None, typer.Option(help="vit, resnet18 or convnet; the data set decides if left out.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ...")]
Hparams = Annotated[
    str, typer.Option(help="tuned or default: which values to use where -m gives none. See 'unbench tune'.")
]
Checksums = Annotated[
    str, typer.Option(help="auto, strict or accept: whether files may differ from the published ones.")
]


def _add_plugins(paths: list[Path] | None) -> None:
    for path in paths or ():
        unbench.add_plugin(path)


Plugin = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugin",
        envvar="UNBENCH_PLUGINS",
        callback=_add_plugins,
        help="Your own method or data set: NAME.py with its card NAME.toml beside it, a card, or a folder of them. "
        "May be repeated.",
    ),
]
"""The callback makes what it names known before a command begins; the command has no use for the value."""
