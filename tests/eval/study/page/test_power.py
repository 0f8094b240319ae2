"""The smallest effect: none for equal runs, and about what a normal approximation gives."""

import numpy as np
import pytest

from eval.study.page.power import smallest_effect


def runs(rng, spread, count=400, num_runs=6):
    """Right joints of 10 per photograph: every run is at the same 50 %, and differs by chance."""
    return [5 + spread * rng.standard_normal(count) for _ in range(num_runs)], np.full(count, 10.0)


def test_the_normal_approximation_holds_without_a_spread_of_runs():
    """A pair differs by 10 sqrt(2) points per photograph; the mean of two such seeds over 400 photographs by 0.5. Found
    with 80 % power: (1.96 + 0.84) 0.5 = 1.4; drawing seeds, and pairs more than once, widens it."""
    scores, joints = runs(np.random.default_rng(0), 1.0)
    effect = smallest_effect([scores], joints, 2)
    assert 1.2 < effect < 2.4
    assert smallest_effect([scores], joints, 8) < effect
    half = [[one[:100] for one in scores]], joints[:100]
    assert smallest_effect(*half, 2) > 1.4 * effect


def test_a_spread_of_whole_runs_cannot_be_seen_through_by_more_photographs():
    scores, joints = runs(np.random.default_rng(1), 0.1)
    shifted = [one + shift for one, shift in zip(scores, (-0.4, -0.2, 0, 0.2, 0.3, 0.4))]
    assert smallest_effect([scores], joints, 3) < 0.5
    assert smallest_effect([shifted], joints, 3) > 2


def test_groups_are_compared_within_themselves_only():
    """Two groups of unequal level, whose runs are equal: no run differs from another of its settings."""
    low, high, joints = np.ones(50), np.full(50, 1.5), np.full(50, 2.0)
    assert smallest_effect([[low, low], [high, high]], joints, 2) == pytest.approx(0)
    assert smallest_effect([[low, high]], joints, 2) > 20
    scores, joints = runs(np.random.default_rng(0), 1.0)
    wide, _ = runs(np.random.default_rng(1), 3.0)
    between = smallest_effect([scores, wide], joints, 2)
    assert smallest_effect([scores], joints, 2) < between < smallest_effect([wide], joints, 2)


def test_equal_runs_find_everything_and_one_run_tells_nothing():
    one = np.ones(50)
    assert smallest_effect([[one, one]], np.full(50, 2.0), 2) == pytest.approx(0)
    assert np.isnan(smallest_effect([[one]], np.full(50, 2.0), 2))
    assert np.isnan(smallest_effect([[one, one]], np.zeros(50), 2))
