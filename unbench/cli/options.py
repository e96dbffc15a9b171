"""The options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
    str, typer.Option(help="tuned or default: what stands where -m gives no value. See 'unbench tune'.")
]
Checksums = Annotated[str, typer.Option(help="auto, strict or accept: may files differ from the published ones?")]


def _add_plugins(paths: list[Path] | None) -> None:
    if paths:
        from unbench.config import registry

        for path in paths:
            registry.add_plugin(path)


Plugin = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugin",
        envvar="UNBENCH_PLUGINS",
        callback=_add_plugins,
        help="A method of your own: NAME.py with its card NAME.toml beside it, or a folder of such. May be repeated.",
    ),
]
"""What it names is known before a command begins, which has no use for its value."""
