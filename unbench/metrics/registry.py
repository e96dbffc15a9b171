"""Metrics by name, each with the record that `unbench show metric NAME` prints."""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from string import Template
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from unbench.errors import UnbenchError
from unbench.metrics.outputs import Model, RunOutputs
from unbench.store.metric_rows import MetricRow

Number = float | NDArray[np.float64]
"""A metric's value: a float, or one number for each of B bootstrap resamples, float64 (B,)."""

Needs = Literal["outputs", "references", "probes", "shadows"]
"""Inputs of a metric, with which its `function` is called.

outputs: (RunOutputs, Model). The stored outputs of a run, and the model of it that is measured.
references: (RunOutputs, Model, References). Those and the outputs of models trained on random halves.
probes: (RunOutputs, Model, ProbeOutputs). Those and the answers of the models to probes during the run.
shadows: (ShadowOutputs, ShadowOutputs). Models trained on random halves after a method made them forget, and after
    retraining. The number belongs to the method on a data set, not to one run.
"""

ALL_MODELS: tuple[Model, ...] = ("unlearned", "original", "oracle")
"""Models of metrics of one model: the result, its starting point, and the ideal."""

AGAINST_ORACLE: tuple[Model, ...] = ("unlearned", "original", "oracle_2")
"""Models of distances to the oracle: that of the second oracle is the noise floor."""


@dataclass(frozen=True)
class Metric:
    """Record of a metric: its definition, its source, and the function that computes it.

    Attributes:
        name: as in `--metric` and in stored results.
        title: for people, with the usual abbreviation in brackets.
        definition: one or two sentences.
        formula: in plain text.
        unit: such as "percent" or "nats".
        bounds: lowest and highest possible value; may be infinite.
        ideal: a number, or "equal to the oracle".
        source: paper, with its identifier, and what differs; or "part of unbench".
        function: computes it from the inputs under `Needs`; raises MissingValue where the value is not defined.
        needs: see Needs.
        models: models of a run that it is computed of.
        interval: whether resampled outputs give it a bootstrap interval over examples.
        attack: whether it is a membership attack, which has power if it can tell doing nothing from retraining.
        slow: computed only on request, since it takes minutes on large data sets.
        version: raised when the definition changes; stored values of an older version are outdated.
    """

    name: str
    title: str
    definition: str
    formula: str
    unit: str
    bounds: tuple[float, float]
    ideal: str
    source: str
    function: Callable[..., Number]
    needs: Needs = "outputs"
    models: tuple[Model, ...] = ALL_MODELS
    interval: bool = True
    attack: bool = False
    slow: bool = False
    version: int = 1

    def row(self, of: str, **found: Any) -> MetricRow:
        """Return the row to store: what was found for a model."""
        return MetricRow(self.name, of, self.version, **found)

    def of(self, run: RunOutputs, model: Model, *evidence: Any) -> Number:
        """Compute the metric of a model of a run, once if it needs nothing but the outputs.

        Args:
            run: outputs as they are, or resampled.
            model: of the run.
            evidence: what the metric needs besides outputs, see Needs.

        Raises:
            MissingValue: it is not defined for these outputs.
        """
        if evidence:
            return self.function(run, model, *evidence)
        return run.once(("metric", self.name, model), lambda: self.function(run, model))


METRICS: dict[str, Metric] = {}


_SECTION = re.compile(r"^(Formula|Source|Args|Returns|Raises|Note):", re.MULTILINE)
_TEXTS = ("title", "definition", "formula", "source")
_NOT_SHARED = {"name", "title", "definition", "function", "version"}


def metric(
    like: Callable[..., Number] | None = None, words: Mapping[str, str] | None = None, **record: Any
) -> Callable[[Callable[..., Number]], Callable[..., Number]]:
    """Register a function as a metric, whose record is in the function's docstring and in these arguments.

    The docstring begins with the title and, after an empty line, the definition; sections `Formula:` and `Source:`
    follow. The metric has the function's name unless `record` has another.

    Args:
        like: another metric, from which this one takes what it does not say itself, except for title and definition.
        words: texts that replace `$name` in the docstring, where one function computes several metrics.
        record: fields of Metric; they come before the docstring.

    Raises:
        UnbenchError: a text is neither in the docstring nor in `record`.
    """

    def register(function: Callable[..., Number]) -> Callable[..., Number]:
        documented = getattr(function, "func", function)  # of a partial
        shared = {k: v for k, v in vars(METRICS[like.__name__]).items() if k not in _NOT_SHARED} if like else {}
        fields = {"name": documented.__name__, **shared, **described(documented, **(words or {})), **record}
        if lacking := [field for field in _TEXTS if field not in fields]:
            raise UnbenchError(
                f"metric '{fields['name']}' has no {', '.join(lacking)}: write a docstring (title, empty line, "
                "definition, 'Formula:', 'Source:'), which python -OO drops, or give the decorator what is not there"
            )
        if fields["name"] in METRICS:
            raise ValueError(f"two metrics are called '{fields['name']}'")
        METRICS[fields["name"]] = Metric(**fields, function=function)
        return function

    return register


def described(documented: Callable[..., Any], **words: str) -> dict[str, str]:
    """Return title, definition, formula and source from a docstring, each on one line; what is not there is absent.

    Args:
        documented: has the docstring, in the form that `metric` describes.
        words: texts that replace `$name` in it.

    >>> def metric_of_nothing():
    ...     '''Nothing at all
    ...
    ...     The number $zero,
    ...     which no model changes.
    ...
    ...     Formula: $zero
    ...     '''
    >>> described(metric_of_nothing, zero="0")
    {'title': 'Nothing at all', 'definition': 'The number 0, which no model changes.', 'formula': '0'}
    """
    head, *sections = _SECTION.split(Template(inspect.cleandoc(documented.__doc__ or "")).safe_substitute(words))
    title, _, definition = head.partition("\n\n")
    named = zip(map(str.lower, sections[::2]), sections[1::2], strict=True)
    texts = {"title": title, "definition": definition, **dict(named)}
    return {name: " ".join(texts[name].split()) for name in _TEXTS if texts.get(name)}


percent = partial(metric, unit="percent", bounds=(0, 100), ideal="equal to the oracle")
"""Register a metric in percent whose best value is the oracle's."""

membership_attack = partial(percent, attack=True, ideal="equal to the oracle, near 50")
"""Register a membership attack, in percent, which finds about 50 where there is nothing to find."""

of_shadows = partial(metric, needs="shadows", models=("unlearned",), interval=False)
"""Register a metric of a method's shadow models, without a bootstrap interval."""
