"""The oracle as a row: a new model, trained like the original on the retain set alone."""

from unbench.methods import Method


class Retrain(Method):
    """Exact unlearning at full price. The run takes the oracle that every other method is compared with."""

    is_oracle = True
