"""From stored outputs to numbers: the columns of a run's row, and every other metric afterwards."""

from unbench.analysis.evaluation.evaluate import evaluate, evaluate_run

__all__ = ["evaluate", "evaluate_run"]
