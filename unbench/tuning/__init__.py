"""Choosing hyper-parameters with equal budgets, never on what is reported."""

from unbench.tuning.search import TUNING_SEED, Tuning, tune

__all__ = ["TUNING_SEED", "Tuning", "tune"]
