"""Choice of hyper-parameters with equal budgets, never on what is reported."""

from unbench.experiment.tuning.search import FINAL_SEEDS, TUNING_SEED, Tuning, tune

__all__ = ["FINAL_SEEDS", "TUNING_SEED", "Tuning", "tune"]
