"""What counts as noise, in words, for --help and beside every table; a module of its own, since it must import fast."""

NOISE_RULE = (
    "Noise: a number changed if a t-test of the paired differences over the common seeds has p below 0.05, corrected "
    "by Holm's method for all numbers that differ by more than rounding. The test takes its spread from the "
    "differences, joined, with the weight of four more seeds, with the number's own noise if that is known: the noise "
    "floor for accuracies, MIA and gaps, the bootstrap interval for evaluated metrics. If it is not known, neither one "
    "seed nor a difference that is the same on every seed can tell. Seconds and MiB are ratios: changed if every seed "
    "has at least twice or at most half as much, where anything below 10 ms or 1 MiB counts as that."
)

ROUNDING = 1e-9
"""Differences up to this, or this share of the values, come from the order of additions; they need no test."""
