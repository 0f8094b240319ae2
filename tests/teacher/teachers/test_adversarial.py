"""The adversarial teacher: one decision at a time, against the cycle of the reference."""

import collections

import numpy as np
import pytest
import tensorflow as tf

from openpose_tf.keras_api import keras
from teacher.teachers import reward
from teacher.teachers.adversarial import AdversarialConfig, AdversarialTeacher
from teacher.teachers.array_teacher import draw_group
from teacher.teachers.protocol import WindowLosses

INPUTS = np.linspace(0.0, 1.0, 12, dtype=np.float32).reshape(4, 3)
ALIKE = np.repeat(INPUTS[2:3], 4, axis=0)  # the target is the first row's, so other rows would pull elsewhere


def linear(num_logits, seed=1):
    layer = keras.layers.Dense(num_logits, kernel_initializer=keras.initializers.GlorotUniform(seed=seed))
    return keras.Sequential([keras.Input((3,)), layer])


def make(num_groups=4, available=None, heads=(), **config):
    mask = np.ones(num_groups, bool) if available is None else np.array(available, bool)
    model = linear(sum(heads) or num_groups)
    return AdversarialTeacher(model, mask, AdversarialConfig(**config), heads), model


def outcome(loss):
    return WindowLosses(loss, loss, loss)


def test_first_window_is_uniform_and_trains_nothing():
    teacher, model = make()
    before = model.get_weights()[0].copy()
    decision = teacher.draw(teacher.propose(None))
    assert decision.index == 0
    np.testing.assert_allclose(decision.probabilities, 0.25)
    verdict = teacher.feedback(decision, outcome(1.0))
    assert verdict.baseline is None and verdict.rewarded is None
    assert (model.get_weights()[0] == before).all()


def test_only_the_hardest_row_decides_and_all_rows_train():
    teacher, model = make()
    np.testing.assert_allclose(teacher.propose(INPUTS), tf.nn.softmax(model(INPUTS[:1]))[0], rtol=1e-5)
    gradients = teacher._loss_gradients(tf.constant(INPUTS), tf.constant([0.4, 0.2, 0.2, 0.2]))
    probabilities = tf.nn.softmax(model(INPUTS)).numpy()
    np.testing.assert_allclose(gradients[1], (probabilities - [0.4, 0.2, 0.2, 0.2]).sum(0), atol=1e-5)


def test_cycle_trains_towards_eq2_of_the_prediction_that_chose():
    teacher, model = make(learning_rate=1e-3, microbatch=3)
    teacher.feedback(teacher.draw(teacher.propose(None)), outcome(1.0))
    decision = teacher.draw(teacher.propose(INPUTS))
    reference = keras.models.clone_model(model)
    reference.set_weights(model.get_weights())
    verdict = teacher.feedback(decision, outcome(0.5))  # below the baseline 1.0
    assert verdict.baseline == 1.0 and verdict.rewarded is False

    target = reward.paper_update(decision.probabilities, decision.group, False, 0.01)
    optimizer = keras.optimizers.Adam(1e-3, beta_1=0.8, beta_2=0.999, epsilon=1e-8)
    with tf.GradientTape() as tape:
        log_p = tf.nn.log_softmax(reference(INPUTS))
        loss = -tf.reduce_sum(tf.constant(target, tf.float32) * log_p)
    optimizer.apply_gradients(zip(tape.gradient(loss, reference.trainable_variables), reference.trainable_variables))
    for ours, theirs in zip(model.get_weights(), reference.get_weights()):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_reward_raises_the_probability_and_penalty_lowers_it():
    for loss, sign in ((2.0, 1), (0.5, -1)):
        teacher, _ = make(learning_rate=1e-3)
        teacher.feedback(teacher.draw(teacher.propose(None)), outcome(1.0))
        decision = teacher.draw(teacher.propose(ALIKE))
        before = decision.probabilities[decision.group]
        teacher.feedback(decision, outcome(loss))
        assert (teacher.propose(ALIKE)[decision.group] - before) * sign > 0


def test_history_holds_the_last_values_only():
    teacher, _ = make(history=2)
    for loss in (9.0, 1.0, 3.0):
        teacher.feedback(teacher.draw(teacher.propose(None)), outcome(loss))
    decision = teacher.draw(teacher.propose(INPUTS))
    assert teacher.feedback(decision, outcome(2.0)).baseline == 2.0  # mean of 1 and 3


def test_empty_groups_are_punished_until_another_is_drawn():
    teacher, _ = make(available=[False, True, False, False], learning_rate=1e-2, exploration=0.0)
    teacher.feedback(teacher.draw(teacher.propose(None)), outcome(1.0))
    first = teacher.propose(ALIKE)
    decisions = []
    for _ in range(5):
        decisions.append(teacher.draw(teacher.propose(ALIKE)))
    assert {decision.group for decision in decisions} == {1}
    assert sum(decision.penalties for decision in decisions) > 0
    assert teacher.propose(ALIKE)[1] > first[1]


def test_draw_ends_even_if_the_network_insists_on_an_empty_group():
    teacher, model = make(available=[False, True, True, True], learning_rate=1e-12, exploration=0.0)
    kernel, bias = model.get_weights()
    model.set_weights([kernel, bias + np.array([50.0, 0, 0, 0], np.float32)])
    decision = teacher.draw(teacher.propose(INPUTS))
    assert decision.group != 0 and decision.penalties == 100


def test_exploration_has_the_stated_rate_and_draws_follow_the_probabilities():
    probabilities = np.array([0.7, 0.3, 0.0])
    draws = [draw_group(probabilities, 0.1, 0, index) for index in range(4000)]
    assert np.mean([explored for _, explored in draws]) == pytest.approx(0.1, abs=0.02)
    count = collections.Counter(group for group, explored in draws if not explored)
    assert count[2] == 0 and count[0] / sum(count.values()) == pytest.approx(0.7, abs=0.03)
    assert draws[17] == draw_group(probabilities, 0.1, 0, 17)


def test_heads_share_one_choice_and_each_gets_its_own_target():
    teacher, model = make(6, heads=(2, 3))
    joint = teacher.propose(INPUTS)
    logits = model(INPUTS[:1])[0]
    np.testing.assert_allclose(
        joint.reshape(2, 3), np.outer(tf.nn.softmax(logits[:2]), tf.nn.softmax(logits[2:])), rtol=1e-5
    )
    target = teacher._pseudo_ground_truth(joint, 5, True)  # cell (1, 2)
    first = reward.paper_update(tf.nn.softmax(logits[:2]).numpy(), 1, True, 0.01)
    second = reward.paper_update(tf.nn.softmax(logits[2:]).numpy(), 2, True, 0.01)
    np.testing.assert_allclose(target, np.concatenate([first, second]), rtol=1e-5)


def test_released_schedule_lowers_the_learning_rate():
    teacher, _ = make(learning_rate=1e-3, decay=0.33, decay_decisions=2)
    rates = []
    for _ in range(5):
        teacher.feedback(teacher.draw(teacher.propose(INPUTS)), outcome(1.0))
        rates.append(float(teacher._optimizer.learning_rate))
    np.testing.assert_allclose(rates, [1e-3, 1e-3, 3.3e-4, 3.3e-4, 1.089e-4], rtol=1e-5)


def test_restored_teacher_goes_on_exactly(tmp_path):
    def play(teacher, count, start):
        rows = []
        for index in range(start, start + count):
            decision = teacher.draw(teacher.propose(INPUTS + index))
            rows.append((decision.group, decision.explored, decision.probabilities.tolist()))
            teacher.feedback(decision, outcome(float(np.sin(index))))
        return rows

    whole = play(make(learning_rate=1e-2, seed=3)[0], 12, 0)
    first = make(learning_rate=1e-2, seed=3)[0]
    head = play(first, 5, 0)
    path = tf.train.Checkpoint(**first.state).save(str(tmp_path / "teacher"))
    second = make(learning_rate=1e-2, seed=3)[0]
    tf.train.Checkpoint(**second.state).restore(path).assert_consumed()
    assert head + play(second, 7, 5) == whole
