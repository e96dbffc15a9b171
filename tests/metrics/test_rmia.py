"""Attacks that know how hard an image is: known answers, a planted memory, and none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from shadow_fakes import audited, two_classes

from unbench.metrics.membership import mia_auroc
from unbench.metrics.outputs import MissingValue, RunOutputs
from unbench.metrics.rmia import (
    choose_a,
    log_ratio,
    ratio_mia_auroc,
    rmia_auroc,
    rmia_tpr_at_1pct,
    share_below,
    signals,
)
from unbench.metrics.shadows import ReferenceExamples, References

ATTACKS = (ratio_mia_auroc, rmia_auroc, rmia_tpr_at_1pct)


def logits_of(p: np.ndarray) -> np.ndarray:
    """Build logits of two classes, of which the first has probability `p`."""
    return two_classes(np.log(p / (1 - p)))


def one_each(p_forget: float, p_test: float) -> RunOutputs:
    return RunOutputs(
        np.zeros(2, dtype=np.int64),
        np.array(["forget", "test"]),
        {"unlearned": logits_of(np.array([p_forget, p_test]))},
    )


def test_ratio_attack_by_hand() -> None:
    # Out of three models the second saw the forgotten image; the mean over the others is (0.2 + 0.4) / 2 = 0.3.
    labels = np.zeros(1, dtype=np.int64)
    seen = np.array([[False], [True], [False]])
    references = References(
        {
            "forget": ReferenceExamples(labels, logits_of(np.array([[0.2], [0.9], [0.4]])), seen),
            "test": ReferenceExamples(
                labels, logits_of(np.array([[0.2], [0.01], [0.4]])), np.zeros((3, 1), dtype=bool)
            ),
        }
    )
    run = one_each(0.6, 0.3)
    forget, test = (signals(run, "unlearned", references, split) for split in ("forget", "test"))
    np.testing.assert_allclose(np.exp(forget.audited()[1]), [0.3], rtol=1e-6)
    np.testing.assert_allclose(np.exp(test.audited()[1]), [0.3], rtol=1e-6, err_msg="judged by the same two models")
    assert ratio_mia_auroc(run, "unlearned", references) == 100, "0.6 / 0.3 against 0.3 / 0.3"
    assert ratio_mia_auroc(one_each(0.3, 0.6), "unlearned", references) == 0


def test_prior_of_rmia_by_hand() -> None:
    # a = 1/2: ((1.5 * 0.2) + 0.5) / 2 = 0.4
    assert float(np.exp(log_ratio(np.log([0.6]), np.log([0.2]), 0.5))[0]) == pytest.approx(1.5)
    assert float(np.exp(log_ratio(np.log([0.6]), np.log([0.2]), 1.0))[0]) == pytest.approx(3.0, rel=1e-6)
    assert float(np.exp(log_ratio(np.log([0.6]), np.log([0.2]), 0.0))[0]) == pytest.approx(1.0)


@given(
    arrays(np.float32, st.integers(1, 12), elements=st.integers(-4, 4).map(float)),
    arrays(np.float32, st.integers(1, 12), elements=st.integers(-4, 4).map(float)),
)
@settings(max_examples=60, deadline=None)
def test_share_below_is_the_share_of_pairs(of_x: np.ndarray, of_z: np.ndarray) -> None:
    pairs = np.exp(of_x[:, None] - of_z[None, :]) >= 1
    np.testing.assert_allclose(share_below(of_x, of_z), pairs.mean(axis=1))


@pytest.mark.parametrize("attack", [ratio_mia_auroc, rmia_auroc])
def test_a_model_without_memory_comes_out_at_50(attack) -> None:
    # With four models, forgotten images have two OUT models each. Hard images, on which models differ much: were those
    # of test judged by all four models, the ratio attack would come out at 54.
    worlds = [audited(seed, 0.0, models=4, hardness=1.0, mean=-3.0, spread=2.0) for seed in range(60)]
    values = np.array([attack(run, "oracle", references) for run, references in worlds])
    assert abs(values.mean() - 50) < 4 * values.std() / np.sqrt(len(values))
    assert values.std() / np.sqrt(len(values)) < 0.5, "the test could not see a bias"


def with_model(world: tuple[RunOutputs, References], model: str) -> tuple[RunOutputs, str, References]:
    return world[0], model, world[1]


def test_images_of_all_kinds_are_judged_by_equally_many_models() -> None:
    _, references = audited(0, 0.0, models=7)
    counts = {split: references.out(split).sum(axis=0) for split in ("forget", "test", "val")}
    assert set(counts["test"]) == set(counts["val"]) == set(counts["forget"]) == {3, 4}
    assert abs(counts["test"].mean() - counts["forget"].mean()) < 0.2
    np.testing.assert_array_equal(references.out("forget"), ~references.splits["forget"].seen)


@pytest.mark.parametrize("models", [4, 5, 16])
def test_a_planted_memory_is_caught_where_the_loss_attack_sees_little(models: int) -> None:
    run, references = audited(3, 4.0, models=models, hardness=6.0)
    plain = mia_auroc(run, "unlearned")
    for attack in (ratio_mia_auroc, rmia_auroc):
        assert attack(run, "unlearned", references) > plain + 5
        assert attack(run, "oracle", references) == pytest.approx(50, abs=10)
    assert rmia_tpr_at_1pct(run, "unlearned", references) > 5
    assert rmia_tpr_at_1pct(run, "oracle", references) < 6


def test_less_memory_is_less_to_find_and_the_opposite_of_memory_lies_below_50() -> None:
    values = [rmia_auroc(*with_model(audited(5, memory), "unlearned")) for memory in (-2.0, 0.0, 1.0, 4.0)]
    assert values == sorted(values)
    assert values[0] < 35


def test_rmia_is_the_share_of_pairs_that_an_image_dominates() -> None:
    run, references = audited(7, 2.0, images=25)
    sides = {split: signals(run, "unlearned", references, split) for split in ("forget", "test", "val")}
    a = choose_a(sides["forget"], sides["val"])
    ratios = {}
    for split, side in sides.items():
        p_out = np.array([np.exp(side.shadow_log_p[side.out[:, n], n]).mean() for n in range(25)])
        ratios[split] = np.exp(side.log_p) / (((1 + a) * p_out + (1 - a)) / 2)
    shares = {split: [np.mean(ratios[split][n] / ratios["val"] >= 1) for n in range(25)] for split in sides}
    won = [(f > t) + (f == t) / 2 for f in shares["forget"] for t in shares["test"]]
    assert rmia_auroc(run, "unlearned", references) == pytest.approx(100 * np.mean(won), abs=1e-6)


def test_the_attacker_does_not_look_at_the_audited_model_to_choose_a() -> None:
    run, references = audited(2, 0.0)
    other = replace(run, logits={"unlearned": run.logits["original"]})
    sides = [[signals(which, "unlearned", references, split) for split in ("forget", "val")] for which in (run, other)]
    assert choose_a(*sides[0]) == choose_a(*sides[1])


def test_class_scenario_takes_images_of_that_class() -> None:
    run, references = audited(1, 4.0, images=60)
    kept = np.arange(60) < 20  # the rest of test and val get another label
    labels = np.concatenate([np.zeros(60), np.where(kept, 0, 1), np.where(kept, 0, 1)]).astype(np.int64)
    relabelled = References(
        {
            split: replace(part, labels=part.labels if split == "forget" else np.where(kept, 0, 1))
            for split, part in references.splits.items()
        }
    )
    whole = replace(run, labels=labels, forget_class=0)
    assert len(signals(whole, "unlearned", relabelled, "test").examples) == 20
    assert rmia_auroc(whole, "unlearned", relabelled) > 70
    without = replace(whole, labels=np.where(run.splits == "val", 1, labels))
    no_val = References({**relabelled.splits, "val": replace(relabelled.splits["val"], labels=np.ones(60, dtype=int))})
    with pytest.raises(MissingValue, match="none"):
        rmia_auroc(without, "unlearned", no_val)
    no_test = References(
        {**relabelled.splits, "test": replace(relabelled.splits["test"], labels=np.ones(60, dtype=int))}
    )
    with pytest.raises(MissingValue, match="both kinds"):
        ratio_mia_auroc(replace(whole, labels=np.where(run.splits == "test", 1, labels)), "unlearned", no_test)


def test_certain_and_impossible_labels_give_numbers() -> None:
    run, references = audited(4, 0.0, images=30)
    saturated = {model: np.sign(values) * 1e4 for model, values in run.logits.items()}
    shadows = {split: replace(part, logits=np.sign(part.logits) * 1e4) for split, part in references.splits.items()}
    for attack in ATTACKS:
        assert 0 <= attack(replace(run, logits=saturated), "unlearned", References(shadows)) <= 100


def test_all_alike_is_50() -> None:
    run, references = audited(4, 0.0, images=30)
    same = {model: np.zeros_like(values) for model, values in run.logits.items()}
    flat = References(
        {split: replace(part, logits=np.zeros_like(part.logits)) for split, part in references.splits.items()}
    )
    assert ratio_mia_auroc(replace(run, logits=same), "unlearned", flat) == 50
    assert rmia_auroc(replace(run, logits=same), "unlearned", flat) == 50


def test_what_cannot_be_computed_is_missing_with_its_reason() -> None:
    run, references = audited(0, 1.0, images=20)
    parts = references.splits

    def changed(split: str, **fields: np.ndarray) -> References:
        return References({**parts, split: replace(parts[split], **fields)})

    broken = parts["test"].logits.copy()
    broken[0, 0] = np.nan
    cases = {
        "val": References({split: part for split, part in parts.items() if split != "val"}),
        "other examples": changed("test", labels=np.ones(20, dtype=np.int64)),
        "every shadow model": changed("forget", seen=np.ones((8, 20), dtype=bool)),
        "finite": changed("test", logits=broken),
        "too few": References(
            {
                split: replace(part, logits=part.logits[:1], seen=np.zeros((1, 20), bool))
                for split, part in parts.items()
            }
        ),
    }
    for reason, given_references in cases.items():
        with pytest.raises(MissingValue, match=reason):
            rmia_auroc(run, "unlearned", given_references)
    for attack in ATTACKS:
        with pytest.raises(MissingValue, match="oracle_2"):
            attack(run, "oracle_2", references)


def test_resampled_values_weigh_the_same_scores() -> None:
    run, references = audited(6, 1.0, images=40)
    drawn = run.resampled(3)
    forget, test = (drawn.examples("unlearned", split).weights for split in ("forget", "test"))
    sides = [signals(run, "unlearned", references, split) for split in ("forget", "test")]
    scores = [np.subtract(*side.audited()).astype(np.float32) for side in sides]
    values = ratio_mia_auroc(drawn, "unlearned", references)
    for b in range(3):
        members, others = (np.repeat(score, w[b].astype(int)) for score, w in zip(scores, (forget, test), strict=True))
        wins = (members[:, None] > others).mean() + (members[:, None] == others).mean() / 2
        assert values[b] == pytest.approx(100 * wins, abs=1e-3)
    assert rmia_auroc(drawn, "unlearned", references).shape == (3,)


@given(st.permutations(range(20)))
@settings(max_examples=20, deadline=None)
def test_the_order_of_forgotten_images_does_not_matter_to_their_ratios(order: list[int]) -> None:
    run, references = audited(8, 1.0, images=20)
    part = references.splits["forget"]
    shuffled = replace(part, logits=part.logits[:, order], seen=part.seen[:, order])
    rows = np.concatenate([order, np.arange(20, 60)])
    other = replace(run, logits={model: values[rows] for model, values in run.logits.items()})
    plain = signals(run, "unlearned", references, "forget")
    moved = signals(other, "unlearned", References({**references.splits, "forget": shuffled}), "forget")
    np.testing.assert_allclose(moved.audited()[1], plain.audited()[1][order])
