"""Evaluation of stored outputs: metrics of runs and of shadow models, and their summary over seeds."""

from unbench.analysis.evaluation.evaluate import evaluate, evaluate_run

__all__ = ["evaluate", "evaluate_run"]
