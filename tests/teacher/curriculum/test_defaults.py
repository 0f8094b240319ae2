"""The authors' constants, measured on the teacher that a run gets whose flags say nothing of it."""

import json

import numpy as np
import pytest

from teacher.teachers.adversarial import AdversarialConfig
from tests.support.commands import run_command
from tests.support.small_records import write_records


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    folder = tmp_path_factory.mktemp("defaults")
    write_records(folder / "real", 8, is_synthetic=False)
    write_records(folder / "synthetic", 40, is_synthetic=True)
    return json.loads(run_command("tests.support.programs.default_teacher", folder, "paper", "release").stdout)


@pytest.fixture(params=["paper", "release"])
def did(request, played):
    return played[request.param]


def test_a_decision_is_made_every_20_steps(did):
    assert did["decision_steps"] == list(range(20, 321, 20))
    assert did["losses"] == list(range(16))


def test_the_reward_compares_with_the_mean_of_the_last_10_windows(did):
    expected = [None] + [sum(past := range(max(0, window - 10), window)) / len(past) for window in range(1, 16)]
    assert did["baselines"] == pytest.approx(expected)


def test_a_tenth_of_the_draws_is_uniform(did):
    """Of 4,000 draws; the standard deviation is 0.005."""
    assert did["explored"] == pytest.approx(0.1, abs=0.015)


def test_a_reward_raises_the_chosen_probability_by_one_hundredth_of_itself(played):
    """The losses rise, so that every window but the first, which the network did not choose, is rewarded."""
    before, after = np.array(played["paper"]["changes"]).T
    assert len(before) == 15
    np.testing.assert_allclose(after, 1.01 * before)
    before, after = np.array(played["release"]["changes"]).T
    np.testing.assert_allclose(after, 1.01 * before / (1 + 0.01 * before / 4))  # of 4 groups; shares scaled to sum to 1


def test_the_paper_looks_at_the_hardest_real_image_of_80_and_the_release_at_32(played):
    assert played["paper"]["images"] == [1] * 16
    assert played["release"]["images"] == [32] * 16


def test_a_teacher_without_a_run_has_the_same_defaults():
    config = AdversarialConfig()
    assert (config.step_size, config.exploration, config.history) == (0.01, 0.1, 10)
