"""The teachers to compare with."""

import numpy as np
import pytest
import tensorflow as tf

from teacher.teachers.baselines import (
    EasiestTeacher,
    Exp3Teacher,
    FixedTeacher,
    LossProportionalTeacher,
    ProgressTeacher,
    UniformTeacher,
)
from teacher.teachers.protocol import WindowLosses

FOUR = np.array([True, True, False, True])
MAKERS = {
    "uniform": UniformTeacher,
    "fixed": lambda available: FixedTeacher(available, np.array([1.0, 2.0, 3.0, 1.0])),
    "loss": LossProportionalTeacher,
    "loss_inverse": EasiestTeacher,
    "progress": ProgressTeacher,
    "exp3": Exp3Teacher,
}


def run(teacher, losses_of, count, start=0):
    """Plays decisions; `losses_of(group, n)` gives (first half, second half)."""
    groups = []
    for n in range(start, start + count):
        decision = teacher.draw(teacher.propose(None))
        groups.append(decision.group)
        first, second = losses_of(decision.group, n)
        teacher.feedback(decision, WindowLosses((first + second) / 2, first, second))
    return groups


@pytest.mark.parametrize("name", MAKERS)
def test_unavailable_groups_are_never_drawn_and_state_survives(name, tmp_path):
    def losses(group, n):
        return 1.0 + group + 0.1 * n, 1.0 + group

    whole = run(MAKERS[name](FOUR), losses, 30)
    assert 2 not in whole and len(set(whole)) > 1
    first = MAKERS[name](FOUR)
    head = run(first, losses, 11)
    path = tf.train.Checkpoint(**first.state).save(str(tmp_path / "t"))
    second = MAKERS[name](FOUR)
    tf.train.Checkpoint(**second.state).restore(path).assert_consumed()
    assert head + run(second, losses, 19, 11) == whole


def test_fixed_follows_its_weights():
    groups = run(FixedTeacher(np.ones(2, bool), np.array([3.0, 1.0])), lambda g, n: (1.0, 1.0), 2000)
    assert np.mean(groups) == pytest.approx(0.25, abs=0.03)
    with pytest.raises(ValueError, match="weight zero"):
        FixedTeacher(np.array([True, False]), np.array([0.0, 1.0]))


@pytest.mark.parametrize("name", ["loss", "exp3"])
def test_hard_group_is_preferred(name):
    groups = run(MAKERS[name](np.ones(4, bool)), lambda g, n: (9.0, 9.0) if g == 2 else (1.0, 1.0), 400)
    assert np.mean(np.array(groups[200:]) == 2) > 0.5


def test_exp3_follows_a_change():
    groups = run(
        Exp3Teacher(np.ones(4, bool)), lambda g, n: (9.0, 9.0) if g == (1 if n < 400 else 3) else (1.0, 1.0), 800
    )
    assert np.mean(np.array(groups[200:400]) == 1) > 0.5 and np.mean(np.array(groups[700:]) == 3) > 0.5


def test_progress_leaves_a_hard_group_that_teaches_nothing():
    groups = run(ProgressTeacher(np.ones(4, bool)), lambda g, n: (9.0, 9.0) if g == 2 else (1.0, 0.9), 400)
    assert np.mean(np.array(groups[50:]) == 2) < 0.15
    groups = run(LossProportionalTeacher(np.ones(4, bool)), lambda g, n: (9.0, 9.0) if g == 2 else (1.0, 0.9), 400)
    assert np.mean(np.array(groups[50:]) == 2) > 0.5


def test_at_low_temperature_only_the_easiest_group_is_left_once_all_were_seen():
    teacher = EasiestTeacher(FOUR, exploration=0.0, temperature=0.01)
    groups = run(teacher, lambda g, n: (4.0 - g, 4.0 - g), 40)
    assert set(groups) == {0, 1, 3}
    assert set(groups[20:]) == {3}
