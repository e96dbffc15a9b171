"""The two methods that all others are measured by. Their models, oracle and original, are in every run."""

ORACLE = "retrain"
"""What ought to come out: a model that never saw the forget set."""

NOTHING = "none"
"""What comes of doing nothing: the original model."""
