"""Windows, decisions and the count of wrong-group samples, with a scripted loop in place of a student."""

import numpy as np
import pytest
import tensorflow as tf

from openpose_tf.keras_api import keras
from teacher.curriculum.group_curriculum import GroupCurriculum
from teacher.groups.groupings import Axis, Grouping
from teacher.teachers.adversarial import AdversarialConfig, AdversarialTeacher
from teacher.teachers.baselines import UniformTeacher

GROUPING = Grouping((Axis("hardness", "hardness", (1.0, 2.0)),))
ALL = np.ones(3, bool)


def batch(step, group, wrong=0):
    """Four synthetic samples of a group first, then four real ones; losses grow with group and step."""
    rng = np.random.default_rng([step, 5])
    hardness = np.full(8, group + 0.5, np.float32)
    hardness[:wrong] = (group + 1) % 3 + 0.5
    features = np.stack([rng.random(8), hardness], 1).astype(np.float32)
    images = rng.integers(0, 256, (8, 2, 2, 3), np.uint8)
    losses = np.concatenate([group + rng.random(4), 10 * rng.random(4)]).astype(np.float32)
    synthetic = np.arange(8) < 4
    data = {"images": tf.constant(images), "features": tf.constant(features), "is_synthetic": tf.constant(synthetic)}
    return data, tf.constant(losses)


def make(teacher=None, decision_steps=4, num_hardest=5):
    if teacher is None:
        inputs = keras.Input((2, 2, 3), dtype=tf.uint8)
        layer = keras.layers.Dense(3, kernel_initializer=keras.initializers.GlorotUniform(seed=1))
        outputs = layer(keras.layers.Flatten()(tf.cast(inputs, tf.float32) / 255.0))
        model = keras.Model(inputs, outputs)
        teacher = AdversarialTeacher(model, ALL, AdversarialConfig(learning_rate=1e-2, seed=2))
    return GroupCurriculum(teacher, GROUPING, ("other", "hardness"), decision_steps, num_hardest)


def play(curriculum, steps, rows=None):
    rows = [] if rows is None else rows
    for step in steps:
        data, losses = batch(step, curriculum.select(step).group)
        row = curriculum.after_step(step, data, losses)
        if row is not None:
            rows.append((step, row))
    return rows


class Recorder(UniformTeacher):
    """Remembers what it was told."""

    def __init__(self):
        super().__init__(ALL)
        self.inputs, self.outcomes = [], []

    def propose(self, inputs):
        self.inputs.append(inputs)
        return super().propose(inputs)

    def _learn(self, decision, outcome):
        self.outcomes.append((decision.group, outcome))


def test_teacher_hears_the_mean_synthetic_loss_and_sees_the_hardest_real_images():
    teacher = Recorder()
    curriculum = make(teacher)
    group = curriculum.select(0).group
    rows = play(curriculum, range(4))
    assert [step for step, _ in rows] == [3]
    all_losses = np.stack([batch(step, group)[1].numpy() for step in range(4)])
    all_images = np.concatenate([batch(step, group)[0]["images"].numpy()[4:] for step in range(4)])
    judged, outcome = teacher.outcomes[0]
    assert judged == group == rows[0][1]["judged_group"]
    assert outcome.loss == pytest.approx(all_losses[:, :4].mean(), rel=1e-6)
    assert outcome.first_half_loss == pytest.approx(all_losses[:2, :4].mean(), rel=1e-6)
    assert outcome.second_half_loss == pytest.approx(all_losses[2:, :4].mean(), rel=1e-6)
    order = np.argsort(-all_losses[:, 4:].reshape(-1), kind="stable")[:5]
    assert teacher.inputs[0] is None
    np.testing.assert_array_equal(teacher.inputs[1], all_images[order])


def test_rows_say_what_was_decided_and_why():
    rows = [row for _, row in play(make(), range(12))]
    assert [row["decision"] for row in rows] == [1, 2, 3]
    assert rows[0]["rewarded"] is None and rows[0]["baseline"] is None
    assert rows[1]["baseline"] == pytest.approx(rows[0]["loss"])
    assert rows[2]["baseline"] == pytest.approx((rows[0]["loss"] + rows[1]["loss"]) / 2)
    for row in rows[1:]:
        assert row["rewarded"] == (row["loss"] >= row["baseline"])
    for row in rows:
        assert sum(row["probabilities"]) == pytest.approx(1.0) and len(row["probabilities"]) == 3
        assert row["group"] in (0, 1, 2) and isinstance(row["explored"], bool)
    assert [row["judged_group"] for row in rows[1:]] == [row["group"] for row in rows[:-1]]


def test_group_stays_for_the_whole_window():
    curriculum = make(decision_steps=3)
    seen = []
    for step in range(9):
        seen.append(curriculum.select(step).group)
        curriculum.after_step(step, *batch(step, seen[-1]))
    assert all(len(set(seen[i : i + 3])) == 1 for i in (0, 3, 6))


def test_samples_of_another_group_are_counted():
    curriculum = make(UniformTeacher(ALL))
    for step, wrong in enumerate((0, 2, 0, 1)):
        curriculum.after_step(step, *batch(step, curriculum.select(step).group, wrong))
    assert curriculum.summary() == {"decisions": 2, "wrong_group_samples": 3}


@pytest.mark.parametrize("stop", [2, 4, 7])
def test_resume_inside_a_window_goes_on_exactly(tmp_path, stop):
    whole = play(make(), range(14))
    first = make()
    rows = play(first, range(stop))
    path = tf.train.Checkpoint(curriculum=tf.train.Checkpoint(**first.trackable)).save(str(tmp_path / "c"))
    second = make()
    saved = tf.train.Checkpoint(curriculum=tf.train.Checkpoint(**second.trackable))
    saved.restore(path).assert_existing_objects_matched()
    assert play(second, range(stop, 14), rows) == whole
