"""What a reader must know about a row before its numbers: is it current, can it be verified, what may it touch."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence

from unbench.analysis.rows.defaults import card_defaults, default_hparams
from unbench.analysis.rows.labels import numerics
from unbench.analysis.rows.values import json_object
from unbench.config import registry
from unbench.experiment.spec import NUMERICS_VERSION
from unbench.metrics import METRICS
from unbench.store.schema import MEASURED, Row

VERIFIED = (
    "every seed's run was made from a clean commit, with the current version of the method's card, of the "
    "data set's card, of the metrics and of the shared code, on data that match the publisher's checksums or have none "
    "published"
)
"""What the badge `verified` means; `unverified` names the parts that do not hold."""

_TOUCHES = {
    "forget_images": "forget",
    "retain_images": "retain",
    "held_out_images": "held-out",
    "labels": "labels",
    "original_training": "training",
}


def outdated(row: Row) -> str:
    """Return which versions have changed since a row was made, if newer numbers can be had; empty for a current row.

    Cards that are not known here are assumed to be current.

    Args:
        row: with the columns method, method_version, dataset, dataset_version and numerics_version, and if known with
            `old_metrics` (see `old_metrics`).

    Raises:
        CardError: the cards cannot be read.
    """
    method, dataset = registry.methods().get(row["method"]), registry.datasets().get(row["dataset"])
    found = [
        ("card of the method", row["method_version"], method and method.version),
        ("card of the data set", row["dataset_version"], dataset and dataset.version),
        ("shared code", numerics(row), NUMERICS_VERSION),
        *((f"metric {name}", was, METRICS[name].version) for name, was in row.get("old_metrics", {}).items()),
    ]
    return ", ".join(f"{what} v{was}, now v{now}" for what, was, now in found if now is not None and was < now)


def old_metrics(ok: Sequence[Row], columns: Collection[str]) -> dict[str, int]:
    """Return the metrics whose definition has changed since they were computed, each with its lowest stored version.

    Args:
        ok: the ok runs of a row, with the columns metric_versions and `lacks`, the names of columns without a value.
        columns: of the leaderboard.
    """
    newer = {column: name for column, (name, _) in MEASURED.items() if METRICS[name].version > 1 and column in columns}
    found: dict[str, int] = {}
    for run in ok if newer else ():
        versions = json_object(run["metric_versions"])
        for column, name in newer.items():
            was = versions.get(column, 1)
            if column not in run["lacks"] and was < METRICS[name].version:
                found[name] = min(was, found.get(name, was))
    return found


def unverified(row: Row, ok: Sequence[Row]) -> str:
    """Return why a row is not verified, as VERIFIED defines it; empty if it is.

    Args:
        row: as for `outdated`.
        ok: its ok runs, with the columns git_commit, git_dirty and data_checksum.
    """
    if not ok:
        return "no run ended well"
    reasons = [outdated(row)]
    if row["method"] not in registry.methods():
        reasons.append("the card of the method is not known here")
    if not all(isinstance(run["git_commit"], str) for run in ok):
        reasons.append("no commit is known")
    elif not all(run["git_dirty"] is False for run in ok):
        reasons.append("uncommitted changes")
    if not all(run["data_checksum"] in ("matches", "none published") for run in ok):
        reasons.append("data differ from the published ones")
    return "; ".join(reason for reason in reasons if reason)


def made_with(row: Row) -> list[str]:
    """Return the known versions that a row was made with: `card v1`, `unbench 0.1.0`, ..."""
    names = {"unbench": "unbench_version", "torch": "torch_version", "Python": "python_version", "commit": "git_commit"}
    known = (f"{name} {row[column]}" for name, column in names.items() if row[column])
    return [f"card v{row['method_version']}", *known]


def hparams_of(row: Row) -> str:
    """Return every hyper-parameter of a row, defaults included: `lr=0.01, epochs=3`."""
    return ", ".join(f"{name}={json.dumps(value)}" for name, value in json_object(row["hparams"]).items())


def chosen(row: Row) -> str:
    """Return how a row's hyper-parameters came about: `tuned`, `default`, `set by hand`; empty if its card is unknown.

    Values that tuning selected and that are the defaults count as tuned.

    Args:
        row: with the columns of unbench.analysis.rows.defaults.NEEDED, hparams, and `tuned`, whether all its runs were.
    """
    if row["tuned"]:
        return "tuned"
    plain, today = card_defaults(row), default_hparams(row)
    if plain is None:
        return ""
    hparams = json_object(row["hparams"])
    if hparams == today and today != plain:
        return "tuned"
    return "default" if hparams == plain else "set by hand"


def touches(method: str) -> str:
    """Return what a method's card lets it touch besides the model: `forget, labels`, `nothing`; empty if unknown."""
    card = registry.methods().get(method)
    if card is None:
        return ""
    return ", ".join(short for need, short in _TOUCHES.items() if need in card.needs) or "nothing"
