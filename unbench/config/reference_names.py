"""Names of the two reference methods; their models, oracle and original, are part of every run."""

ORACLE = "retrain"
"""Retraining without the forget set: the result that unlearning aims for."""

NOTHING = "none"
"""Doing nothing: the original model."""
