"""What a reader must know about a row before its numbers: is it current, can it be verified, what may it touch."""

import json
from collections.abc import Collection, Mapping

from unbench.analysis.rows.defaults import default_hparams
from unbench.analysis.rows.labels import numerics
from unbench.analysis.rows.values import RunsOfRow, json_object
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


def outdated(row: Row, old: Mapping[str, int] | None = None) -> str:
    """Return which versions have changed since a row was made, if newer numbers can be had; empty for a current row.

    Cards that are not known here are assumed to be current.

    Args:
        row: with the columns method, method_version, dataset, dataset_version and numerics_version.
        old: its metrics of an older version, as `old_metrics` returns them.

    Raises:
        CardError: the cards cannot be read.
    """
    method, dataset = registry.methods().get(row["method"]), registry.datasets().get(row["dataset"])
    found = [
        ("card of the method", row["method_version"], method and method.version),
        ("card of the data set", row["dataset_version"], dataset and dataset.version),
        ("shared code", numerics(row), NUMERICS_VERSION),
        *((f"metric {name}", was, METRICS[name].version) for name, was in (old or {}).items()),
    ]
    return ", ".join(f"{what} v{was}, now v{now}" for what, was, now in found if now is not None and was < now)


def old_metrics(ok: RunsOfRow, columns: Collection[str]) -> dict[str, int]:
    """Return the metrics whose definition has changed since they were computed, each with its lowest stored version.

    Args:
        ok: the ok runs of a row.
        columns: of the leaderboard.
    """
    found: dict[str, int] = {}
    for column, (name, _) in MEASURED.items():
        if METRICS[name].version == 1 or column not in columns:
            continue
        for value, versions in zip(ok[column], ok["metric_versions"], strict=True):
            was = json_object(versions).get(column, 1)
            if value == value and was < METRICS[name].version:
                found[name] = min(was, found.get(name, was))
    return found


def unverified(row: Row, ok: RunsOfRow) -> str:
    """Return why a row is not verified, as VERIFIED defines it; empty if it is.

    Args:
        row: with the columns method and `outdated`.
        ok: its ok runs.
    """
    if not ok:
        return "no run ended well"
    reasons = [row["outdated"]]
    if row["method"] not in registry.methods():
        reasons.append("the card of the method is not known here")
    if not all(isinstance(commit, str) for commit in ok["git_commit"]):
        reasons.append("no commit is known")
    elif not all(dirty is False for dirty in ok["git_dirty"]):
        reasons.append("uncommitted changes")
    if not {"matches", "none published"}.issuperset(ok["data_checksum"]):
        reasons.append("data differ from the published ones")
    return "; ".join(filter(None, reasons))


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
    plain, today = default_hparams(row, tuned=False), default_hparams(row)
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
