"""The teacher without groups: its chances, its correction weights, its resume."""

import numpy as np
import pytest
import tensorflow as tf

from teacher.teachers.sample_teacher import SampleTeacher


def test_hard_samples_are_drawn_in_proportion():
    teacher = SampleTeacher(4, exploration=0.2)
    np.testing.assert_allclose(teacher.propose(), 0.25)
    teacher.feedback(np.arange(4), np.array([1.0, 1.0, 2.0, 4.0]))
    expected = 0.8 * np.array([1, 1, 2, 4]) / 8 + 0.05
    np.testing.assert_allclose(teacher.propose(), expected, rtol=1e-6)
    drawn = teacher.draw(teacher.propose(), 20_000)
    np.testing.assert_allclose(np.bincount(drawn.rows) / 20_000, expected, atol=0.015)
    cold = SampleTeacher(4, exploration=0.0, temperature=0.25)
    cold.feedback(np.arange(4), np.array([1.0, 1.0, 2.0, 4.0]))
    assert cold.propose()[3] == pytest.approx(256 / (256 + 16 + 2))


def test_unseen_samples_count_like_the_mean_and_memory_fades():
    teacher = SampleTeacher(3, exploration=0.0, memory=0.5)
    teacher.feedback(np.array([0, 1]), np.array([1.0, 3.0]))
    np.testing.assert_allclose(teacher.propose(), np.array([1, 3, 2]) / 6, rtol=1e-6)
    teacher.feedback(np.array([1, 1]), np.array([1.0, 1.0]))  # 3 -> 2 -> 1.5
    np.testing.assert_allclose(teacher.propose(), np.array([1, 1.5, 1.25]) / 3.75, rtol=1e-6)


def test_correction_is_exact():
    rng = np.random.default_rng(0)
    losses = rng.exponential(1.0, 50)
    teacher = SampleTeacher(50, correction=1.0)
    teacher.feedback(np.arange(50), losses)
    chances = teacher.propose()
    drawn = teacher.draw(chances, 1000)
    # the expectation, term by term: sum over samples of p_i * w_i * loss_i is the plain mean loss
    weights = 1 / (50 * chances)
    np.testing.assert_allclose(drawn.weights, weights[drawn.rows], rtol=1e-6)
    assert (chances * weights * losses).sum() == pytest.approx(losses.mean())
    assert drawn.weights.max() <= 1 / 0.1 + 1e-5
    assert (SampleTeacher(50).draw(chances, 10).weights == 1).all()


def test_restored_teacher_draws_the_same(tmp_path):
    def play(teacher, start, count):
        rows = []
        for n in range(start, start + count):
            drawn = teacher.draw(teacher.propose(), 8)
            rows.append(drawn.rows.tolist())
            teacher.feedback(drawn.rows, np.sin(drawn.rows + n) + 2)
        return rows

    whole = play(SampleTeacher(30, seed=4), 0, 9)
    first = SampleTeacher(30, seed=4)
    head = play(first, 0, 4)
    path = tf.train.Checkpoint(**first.state).save(str(tmp_path / "c"))
    second = SampleTeacher(30, seed=4)
    tf.train.Checkpoint(**second.state).restore(path).assert_consumed()
    assert head + play(second, 4, 5) == whole
