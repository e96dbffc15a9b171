"""What the records of several metrics have in common."""

from __future__ import annotations

from functools import partial

from unbench.metrics.registry import metric

percent = partial(metric, unit="percent", bounds=(0, 100), ideal="equal to the oracle")
"""Register a metric in percent whose best value is the oracle's."""

membership_attack = partial(percent, attack=True, ideal="equal to the oracle, near 50")
"""Register a membership attack, in percent, which finds about 50 where there is nothing to find."""

of_shadows = partial(metric, needs="shadows", models=("unlearned",), interval=False)
"""Register a metric of a method's shadow models, without a bootstrap interval."""
