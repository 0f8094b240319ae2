"""Eq. 1 and Eq. 2 against numbers computed by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teacher.teachers import reward

UNIFORM = np.full(10, 0.1)


def test_eq1_compares_with_the_mean_of_what_is_stored():
    assert reward.is_rewarded(2.0, [1.0, 3.0])  # equal is a reward
    assert reward.is_rewarded(2.1, [1.0, 3.0])
    assert not reward.is_rewarded(1.9, [1.0, 3.0])
    assert reward.baseline([1.0, 2.0, 6.0]) == 3.0
    assert reward.baseline([]) is None


@pytest.mark.parametrize(
    ("rule", "rewarded", "picked", "other"),
    [
        (reward.paper_update, True, 0.10100, 0.09989),
        (reward.paper_update, False, 0.09900, 0.10011),
        (reward.release_update, True, 0.10099, 0.09989),
        (reward.release_update, False, 0.09991, 0.10001),
    ],
)
def test_eq2_from_a_uniform_prediction(rule, rewarded, picked, other):
    result = rule(UNIFORM, 3, rewarded, 0.01)
    assert result[3] == pytest.approx(picked, abs=5e-6)
    assert np.delete(result, 3) == pytest.approx(np.full(9, other), abs=5e-6)


def test_eq2_by_hand_where_the_prediction_is_not_uniform():
    predicted = np.array([0.5, 0.3, 0.2])
    np.testing.assert_allclose(reward.paper_update(predicted, 0, True, 0.1), [0.55, 0.275, 0.175])
    np.testing.assert_allclose(reward.paper_update(predicted, 0, False, 0.1), [0.45, 0.325, 0.225])
    np.testing.assert_allclose(predicted, [0.5, 0.3, 0.2])


def test_released_penalty_is_ten_times_weaker():
    paper = UNIFORM[0] - reward.paper_update(UNIFORM, 0, False)[0]
    release = UNIFORM[0] - reward.release_update(UNIFORM, 0, False)[0]
    assert 9 < paper / release < 12


def test_peng_update_by_hand():
    uniform = np.full(4, 0.25)
    np.testing.assert_allclose(reward.peng_update(uniform, 1, True), [0.7 / 3, 0.3, 0.7 / 3, 0.7 / 3])
    np.testing.assert_allclose(reward.peng_update(uniform, 1, False), [0.875 / 3, 0.125, 0.875 / 3, 0.875 / 3])
    # 0.6 * 1.2 = 0.72 is above the cap 2/4: the 0.22 too much go to the other three alike
    result = reward.peng_update(np.array([0.6, 0.2, 0.1, 0.1]), 0, True)
    np.testing.assert_allclose(result, [0.5, 0.16 + 0.22 / 3, 0.06 + 0.22 / 3, 0.06 + 0.22 / 3])


def test_cap_holds_after_the_excess_was_spread():
    result = reward.capped(np.array([0.7, 0.3, 0.0, 0.0]), 0.3)
    np.testing.assert_allclose(result, [0.3, 0.3, 0.2, 0.2])


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.floats(0.0, 1.0), min_size=2, max_size=20).filter(lambda v: sum(v) > 0.1),
    st.data(),
    st.booleans(),
    st.floats(0.0, 1.0),
)
def test_every_rule_gives_a_distribution_and_moves_the_right_way(values, data, rewarded, step_size):
    predicted = np.array(values) / sum(values)
    group = data.draw(st.integers(0, len(values) - 1))
    for name, rule in reward.UPDATE_RULES.items():
        result = rule(predicted, group, rewarded, step_size)
        assert result.min() >= 0 and result.sum() == pytest.approx(1.0), name
        if name != "peng":
            assert (result[group] - predicted[group]) * (1 if rewarded else -1) >= -1e-12, name
