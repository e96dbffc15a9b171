"""What counts as noise, in words, for --help and beside every table; so nothing heavy is imported here."""

NOISE_RULE = (
    "Noise: a number changed where a t-test of the paired differences over the common seeds has p below 0.05, "
    "corrected by Holm's method for all numbers that differ by more than rounding. The test's spread is that of the "
    "differences, joined with the weight of four more seeds by the number's own noise where that is known: the noise "
    "floor for accuracies, MIA and gaps, the bootstrap interval for evaluated metrics. Where it is not known, "
    "neither one seed nor a difference that is the same on every seed can tell. Seconds and MiB are ratios: changed "
    "where every seed has at least twice or at most half as much, below 10 ms or 1 MiB counting as that."
)

ROUNDING = 1e-9
"""Differences up to this, or this share of the values, are the order of additions; they need no test."""
