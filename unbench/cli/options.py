"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

from typer import Option

import unbench
from unbench.errors import UnknownNameError

Names = list[str] | None
"""Value of an option that may be repeated."""

Datasets = Annotated[Names, Option("-d", "--dataset", help="May be repeated.")]
Scenario = Annotated[str, Option(help="What to forget; see 'unbench list scenarios'.")]
Preset = Annotated[str, Option(help="smoke, cpu or paper.")]
Model = Annotated[str | None, Option(help="vit, convnet, cifarnet or resnet18; the preset decides if left out.")]
Hparams = Annotated[str, Option(help="tuned or default: which values to use where -m gives none. See 'unbench tune'.")]
TimeLimit = Annotated[float | None, Option(help="Seconds that unlearning may take.")]
Results = Annotated[Path, Option("--results", help="Folder of results.")]
DataRoot = Annotated[Path | None, Option(envvar="UNBENCH_DATA", help="Folder with the data sets' files.")]
Device = Annotated[str, Option(help="auto, cpu, cuda, cuda:1, ...")]
AsJson = Annotated[bool, Option("--json", help="JSON on standard output.")]


def _check_checksums(value: str) -> str:
    known = ("auto", "strict", "accept")
    if value not in known:
        raise UnknownNameError("value", value, known, "of --checksums")
    return value


Checksums = Annotated[
    str,
    Option(callback=_check_checksums, help="auto, strict or accept: whether files may differ from the published ones."),
]


def _add_plugins(paths: list[Path] | None) -> None:
    for path in paths or ():
        unbench.add_plugin(path)


Plugin = Annotated[
    list[Path] | None,
    Option(
        "--plugin",
        envvar="UNBENCH_PLUGINS",
        callback=_add_plugins,
        help="Your own method or data set: NAME.py with its card NAME.toml beside it, a card, or a folder of them. "
        "May be repeated.",
    ),
]
"""The callback makes what it names known before a command begins; the command has no use for the value."""
