"""Intervals and tests: hand-worked, against scipy, and whether 95 % means 95 %."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from unbench.metrics import MissingValue
from unbench.metrics.uncertainty import bootstrap_interval, holm, joined_t_test, paired_differences, t_interval


def binomial_margin(share: float, times: int) -> float:
    """Return four standard deviations of a share seen in that many trials."""
    return float(4 * np.sqrt(share * (1 - share) / times))


def by_seed(*values: float) -> dict[int, float]:
    return dict(enumerate(values))


# Bootstrap over examples


def test_percentiles_by_hand() -> None:
    assert bootstrap_interval(np.arange(201.0)) == pytest.approx((5, 195))
    assert bootstrap_interval(np.arange(201.0)[::-1], level=0.5) == pytest.approx((50, 150))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_resample_without_a_value_leaves_no_interval(bad: float) -> None:
    values = np.arange(201.0)
    values[7] = bad
    assert bootstrap_interval(values) is None


def test_too_few_resamples_leave_no_interval() -> None:
    assert bootstrap_interval(np.arange(39.0)) is None
    assert bootstrap_interval(np.arange(40.0)) is not None
    assert bootstrap_interval(np.arange(20.0), level=0.9) is not None
    assert bootstrap_interval(np.zeros(0)) is None


def test_bootstrap_intervals_of_a_mean_cover_it_as_often_as_they_say() -> None:
    rng, trials, n = np.random.default_rng(0), 500, 200
    covered = 0
    for _ in range(trials):
        resampled = rng.normal(3, 2, n)[rng.integers(0, n, (400, n))]
        found = bootstrap_interval(resampled.mean(axis=1))
        assert found is not None
        covered += found[0] <= 3 <= found[1]
    assert abs(covered / trials - 0.95) < binomial_margin(0.95, trials)


# Means over seeds


def test_t_interval_by_hand() -> None:
    # 1, 2, 3: standard error 1/sqrt(3), and t(0.975, 2) = 4.302653.
    found = t_interval([1.0, 2.0, 3.0])
    assert (found.mean, found.reason) == (2, "")
    assert (found.low, found.high) == pytest.approx((2 - 4.302653 / np.sqrt(3), 2 + 4.302653 / np.sqrt(3)), abs=1e-6)


several = arrays(np.float64, st.integers(2, 12), elements=st.integers(-1000, 1000).map(lambda i: i / 10), unique=True)


@given(several, st.sampled_from([0.5, 0.9, 0.95, 0.99]))
@settings(max_examples=60, deadline=None)
def test_t_interval_is_scipys(values: np.ndarray, level: float) -> None:
    found = t_interval(values.tolist(), level)
    expected = stats.t.interval(level, len(values) - 1, values.mean(), stats.sem(values))
    assert (found.low, found.high) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_one_seed_has_a_mean_but_no_interval() -> None:
    found = t_interval([4.5])
    assert (found.mean, found.low, found.high) == (4.5, None, None)
    assert "two seeds" in found.reason


def test_equal_values_give_an_interval_of_no_width() -> None:
    found = t_interval([7.0, 7.0, 7.0])
    assert (found.mean, found.low, found.high, found.reason) == (7, 7, 7, "")


def test_no_seed_or_a_broken_one_has_no_mean() -> None:
    with pytest.raises(MissingValue, match="no seeds"):
        t_interval([])
    for bad in (np.nan, np.inf):
        with pytest.raises(MissingValue, match="not finite"):
            t_interval([1.0, bad])


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_t_intervals_cover_the_truth_as_often_as_they_say(seeds: int) -> None:
    rng, trials = np.random.default_rng(seeds), 2000
    found = [t_interval(rng.normal(10, 3, seeds).tolist()) for _ in range(trials)]
    covered = np.mean([each.low <= 10 <= each.high for each in found if each.low is not None and each.high is not None])
    assert abs(covered - 0.95) < binomial_margin(0.95, trials)


# Methods against each other


def test_a_paired_difference_by_hand() -> None:
    # Differences 1, 2, 3: mean 2, t = 2 / (1/sqrt 3) = 3.4641, two degrees of freedom.
    (found,) = paired_differences({"a": by_seed(11, 22, 33), "b": by_seed(10, 20, 30)})
    assert (found.first, found.second, found.seeds, found.difference) == ("a", "b", (0, 1, 2), 2)
    assert found.p_value == pytest.approx(0.0741799, abs=1e-6)
    assert found.p_holm == found.p_value, "one comparison needs no correction"
    assert (found.low, found.high) == pytest.approx((2 - 4.302653 / np.sqrt(3), 2 + 4.302653 / np.sqrt(3)), abs=1e-6)


@given(several, st.integers(0, 2**16))
@settings(max_examples=60, deadline=None)
def test_paired_differences_are_scipys(values: np.ndarray, seed: int) -> None:
    others = values + np.random.default_rng(seed).normal(1, 2, len(values))
    (found,) = paired_differences({"a": by_seed(*values), "b": by_seed(*others)})
    expected = stats.ttest_rel(values, others)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-6, abs=1e-12)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval(0.95)), rel=1e-6, abs=1e-9)
    (back,) = paired_differences({"b": by_seed(*others), "a": by_seed(*values)})
    assert found.difference is not None
    assert (back.difference, back.p_value) == pytest.approx((-found.difference, found.p_value))


def test_only_shared_seeds_count_and_pairs_with_fewer_than_two_are_left_out() -> None:
    found = paired_differences(
        {"a": {1: 5.0, 2: 7.0, 3: 100.0}, "b": {2: 6.0, 1: 1.0, 9: -50.0}, "c": {1: 2.0, 2: float("nan"), 3: 0.0}}
    )
    assert [(each.first, each.second, each.seeds) for each in found] == [("a", "b", (1, 2)), ("a", "c", (1, 3))]
    assert found[0].difference == pytest.approx((4 + 1) / 2)
    assert found[1].difference == pytest.approx((3 + 100) / 2)
    assert paired_differences({"a": {1: 5.0}, "b": {1: 6.0}}) == []
    assert paired_differences({}) == []


def test_pairing_finds_what_the_noise_between_seeds_hides() -> None:
    rng = np.random.default_rng(0)
    luck, noise = rng.normal(0, 10, 6), rng.normal(0, 0.1, 6)
    (found,) = paired_differences({"a": by_seed(*(luck + 1 + noise)), "b": by_seed(*luck)})
    assert found.p_value is not None and found.p_value < 1e-4
    assert stats.ttest_ind(luck + 1 + noise, luck).pvalue > 0.5


def test_identical_values_differ_by_0_with_p_1() -> None:
    (found,) = paired_differences({"a": by_seed(0.1 + 0.2, 5), "b": by_seed(0.3, 5)})
    assert (found.difference, found.low, found.high, found.p_value, found.p_holm) == (0, 0, 0, 1, 1)
    (found,) = paired_differences({"a": by_seed(0, 0), "b": by_seed(0, 0)})
    assert found.p_value == 1


def test_a_constant_difference_has_no_p_value_but_counts_as_a_comparison() -> None:
    # 0.3 - 0.1 and 0.4 - 0.2 differ in their last digit, which must not pass for a spread.
    values = {"a": by_seed(0.3, 0.4, 0.5), "b": by_seed(0.1, 0.2, 0.3), "c": by_seed(0.0, 0.3, 0.1)}
    found = {(each.first, each.second): each for each in paired_differences(values)}
    constant = found["a", "b"]
    assert constant.difference == pytest.approx(0.2)
    assert (constant.low, constant.high, constant.p_value, constant.p_holm) == (None, None, None, None)
    assert "same on every seed" in constant.reason
    tested = [found["a", "c"].p_value, found["b", "c"].p_value]
    assert tested[0] is not None and tested[1] is not None
    expected = holm([tested[0], tested[1], 1.0])
    assert [found["a", "c"].p_holm, found["b", "c"].p_holm] == pytest.approx(expected[:2])


def test_an_infinite_value_is_not_left_out_in_silence() -> None:
    (found,) = paired_differences({"a": by_seed(1.0, float("inf"), 3.0), "b": by_seed(1.0, 2.0, 5.0)})
    assert (found.seeds, found.difference, found.p_value, found.p_holm) == ((0, 1, 2), None, None, None)
    assert "infinite" in found.reason


# Holm's correction


def test_holm_by_hand() -> None:
    # Sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1; 0.04 is raised to the one before it.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.6]) == pytest.approx([1, 1])
    assert holm([0.2]) == pytest.approx([0.2])
    assert len(holm([])) == 0


def rejected(p_values: list[float], level: float) -> list[bool]:
    """Apply Holm's procedure as stated: from the smallest on, until one is not below level / how many are left."""
    result = [False] * len(p_values)
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        if p_values[place] > level / (len(p_values) - rank):
            break
        result[place] = True
    return result


@given(st.lists(st.integers(0, 1000).map(lambda i: i / 1000), min_size=1, max_size=8), st.permutations(range(8)))
@settings(max_examples=60, deadline=None)
def test_corrected_p_values_decide_as_the_procedure_does(p_values: list[float], order: list[int]) -> None:
    corrected = holm(p_values)
    assert (corrected >= np.array(p_values)).all() and (corrected <= 1).all()
    for level in (0.0105, 0.0503, 0.1007, 0.5009):  # off the grid, where rounding would decide
        assert (corrected <= level).tolist() == rejected(p_values, level)
    mixed = [i for i in order if i < len(p_values)]
    assert holm([p_values[i] for i in mixed]) == pytest.approx(corrected[mixed])


def test_false_alarms_among_equal_methods_are_as_rare_as_they_should_be() -> None:
    rng, trials = np.random.default_rng(0), 1000
    alarms, uncorrected = 0, 0
    for _ in range(trials):
        found = paired_differences({name: by_seed(*rng.normal(50, 2, 5)) for name in "abcd"})
        assert len(found) == len(list(itertools.combinations("abcd", 2)))
        alarms += any(each.p_holm is not None and each.p_holm < 0.05 for each in found)
        uncorrected += any(each.p_value is not None and each.p_value < 0.05 for each in found)
    assert alarms / trials < 0.05 + binomial_margin(0.05, trials)
    assert uncorrected / trials > 0.05 + binomial_margin(0.05, trials), "or the correction had nothing to do"


# Where the noise is roughly known beforehand


def test_a_joined_t_test_by_hand() -> None:
    # Squares about the mean 2: 2. Joined with 3 * 4: 14 on 5 degrees of freedom; over 3 seeds: an error of 0.966.
    half, p = joined_t_test([1.0, 2.0, 3.0], variance=4.0, weight=3)
    error = (14 / 5 / 3) ** 0.5
    assert half == pytest.approx(stats.t.ppf(0.975, 5) * error)
    assert p == pytest.approx(2 * stats.t.sf(2 / error, 5))
    assert joined_t_test([-1.0, -2.0, -3.0], variance=4.0, weight=3) == (half, pytest.approx(p)), "either direction"


def test_noise_that_is_known_for_certain_gives_the_normal_test() -> None:
    half, p = joined_t_test([1.0, 2.0], variance=2.0, weight=10**7)
    assert (half, p) == (pytest.approx(1.96, abs=1e-4), pytest.approx(2 * stats.norm.sf(1.5), abs=1e-6))


@pytest.mark.parametrize("seeds", [1, 2, 3])
def test_a_noise_floor_of_four_measures_weighs_about_four_degrees_of_freedom(seeds: int) -> None:
    rng, trials, alarms = np.random.default_rng(seeds), 4000, 0
    for _ in range(trials):
        floor = np.abs(rng.normal(0, 1.5, 4)).mean()
        alarms += joined_t_test(rng.normal(0, 1.5, seeds).tolist(), np.pi / 2 * floor**2, 4)[1] < 0.05
    assert 0.03 < alarms / trials < 0.07
