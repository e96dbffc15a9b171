"""Choosing hyper-parameters with equal budgets, never on what is reported."""

from unbench.tuning.tune import TUNING_SEED, Tuning, tune

__all__ = ["TUNING_SEED", "Tuning", "tune"]
