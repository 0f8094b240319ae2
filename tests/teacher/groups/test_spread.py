"""How much groups differ: worked by hand, against chance, and against an analysis of variance."""

import numpy as np
import pytest
import scipy.stats

from teacher.groups import spread


def test_two_groups_by_hand():
    # Sample means 1, 3 and 5, 7 (the two augmentations of a sample lie 1 apart).
    losses = np.array([[0.5, 1.5], [2.5, 3.5], [4.5, 5.5], [6.5, 7.5]])
    found = spread.measure(losses, np.array([0, 0, 1, 1]), 2, window_samples=5)
    assert found.counts.tolist() == [2, 2] and found.means.tolist() == [2, 6]
    assert found.errors == pytest.approx([1, 1])  # standard deviation sqrt 2, two samples
    assert found.between == pytest.approx(np.sqrt(8 - 1))  # variance of 2 and 6, less a squared error
    assert found.noise == pytest.approx(np.sqrt(1.25 / 5))  # each group's own variance of one loss is 1 + 1/4
    # Between 16, within 4 of 2 degrees of freedom; the variance of the means is 5 of the 5.25 of one loss.
    assert found.explained == pytest.approx((16 - 2) / (20 + 2) * 5 / 5.25)
    assert found.decisions_to_rank == pytest.approx(2 * 4 * 0.25 / 7)


def test_groups_without_a_difference_explain_nothing_on_average():
    rng = np.random.default_rng(0)
    shares = [spread.measure(rng.gamma(4, 1, (500, 2)), rng.integers(0, 10, 500), 10, 40).explained for _ in range(50)]
    assert np.mean(shares) < 0.006  # the uncorrected share would be 9 / 499 = 0.018


def test_explained_is_omega_squared_of_an_analysis_of_variance():
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(4), [30, 50, 20, 40])
    losses = np.stack([groups * 0.4 + rng.normal(0, 1, 140)] * 2, 1)
    f = scipy.stats.f_oneway(*[losses[groups == g, 0] for g in range(4)]).statistic
    expected = 3 * (f - 1) / (3 * (f - 1) + 140)
    assert spread.measure(losses, groups, 4, 40).explained == pytest.approx(expected)


def test_samples_in_no_group_and_small_groups_do_not_count():
    losses = np.array([[1.0, 1.0], [2.0, 2.0], [5.0, 5.0], [6.0, 6.0], [90.0, 90.0], [70.0, 70.0]])
    found = spread.measure(losses, np.array([0, 0, 1, 1, -1, 2]), 4, 10)
    assert found.counts.tolist() == [2, 2, 1, 0] and np.isnan(found.means[3]) and found.means[2] == 70
    assert found.between == pytest.approx(np.sqrt(8 - 0.25))
    with pytest.raises(ValueError, match="two groups"):
        spread.measure(losses, np.zeros(6, int), 3, 10)


def test_equal_groups_are_never_ranked():
    losses = np.array([[1.0, 1.0], [3.0, 3.0], [1.0, 1.0], [3.0, 3.0]])
    found = spread.measure(losses, np.array([0, 0, 1, 1]), 2, 10)
    assert found.explained == 0 and np.isinf(found.decisions_to_rank)


@pytest.mark.parametrize("own", [0.0, 0.3, 0.9])
def test_share_of_the_sample_is_found(own):
    rng = np.random.default_rng(2)
    losses = np.sqrt(own) * rng.normal(size=(20_000, 1)) + np.sqrt(1 - own) * rng.normal(size=(20_000, 2))
    assert spread.sample_share(losses) == pytest.approx(own, abs=0.02)


def test_groups_that_are_all_of_a_sample_explain_what_is_its_own():
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(400), 20)
    losses = rng.normal(0, np.sqrt(0.3), 400)[groups, None] + rng.normal(0, np.sqrt(0.7), (8000, 2))
    found = spread.measure(losses, groups, 400, 40)
    assert found.explained == pytest.approx(spread.sample_share(losses), abs=0.01)


def test_losses_that_are_all_the_same_explain_nothing():
    losses = np.full((6, 2), 2.0)
    assert spread.measure(losses, np.arange(6) % 2, 2, 10).explained == 0 and spread.sample_share(losses) == 0
