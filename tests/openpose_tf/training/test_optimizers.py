import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from openpose_tf.config import ModelConfig, OptimizerConfig, Recipe
from openpose_tf.keras_api import keras
from openpose_tf.network.openpose import build_openpose
from openpose_tf.training.optimizers import apply_rules, build_optimizer, learning_rate_schedule, variable_rules


def test_released_staircase():
    schedule = learning_rate_schedule(OptimizerConfig())
    rates = [float(schedule(step)) for step in (0, 19_999, 20_000, 40_000)]
    np.testing.assert_allclose(rates, [5e-5, 5e-5, 5e-5 * 0.33, 5e-5 * 0.33**2], rtol=1e-6)
    sgd = learning_rate_schedule(OptimizerConfig(Recipe.SGD))
    np.testing.assert_allclose([float(sgd(0)), float(sgd(136_106))], [4e-5, 4e-5 * 0.333], rtol=1e-6)
    own = learning_rate_schedule(OptimizerConfig(learning_rate=1.0, decay_rate=0.5, decay_steps=3))
    assert [float(own(step)) for step in (2, 3, 6)] == [1.0, 0.5, 0.25]


def test_adam_by_hand():
    optimizer = build_optimizer(OptimizerConfig(learning_rate=0.1))
    variable = tf.Variable([1.0, 1.0])
    w, m, v = np.array([1.0, 1.0]), np.zeros(2), np.zeros(2)
    for t, gradient in enumerate([[1.0, -4.0], [0.5, 2.0]], 1):
        optimizer.apply_gradients([(tf.constant(gradient), variable)])
        g = np.array(gradient)
        m, v = 0.8 * m + 0.2 * g, 0.999 * v + 0.001 * g * g
        w = w - 0.1 * (m / (1 - 0.8**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    np.testing.assert_allclose(variable.numpy(), w, rtol=1e-5)


def test_openpose_recipe_equals_one_solver_per_layer():
    """Caffe: v <- 0.9 v - rate * factor * (g + decay * w), w <- w + v."""
    model = build_openpose(ModelConfig(0.0625, 2, 64))
    layers = {name: model.get_layer(name) for name in ("conv3_1", "conv5_5_CPM_L2", "Mconv1_stage2_L1")}
    factors = {"conv3_1": 1.0, "conv5_5_CPM_L2": 1.0, "Mconv1_stage2_L1": 4.0}
    expected = {name: [w.copy() for w in layer.get_weights()] for name, layer in layers.items()}
    speeds = {name: [np.zeros_like(w) for w in weights] for name, weights in expected.items()}
    optimizer = build_optimizer(OptimizerConfig(Recipe.SGD, learning_rate=0.01))
    variables, rules = model.trainable_variables, variable_rules(model, Recipe.SGD)
    for value in (1.0, -0.5):
        gradients = apply_rules([tf.fill(v.shape, value) for v in variables], variables, rules)
        optimizer.apply_gradients(zip(gradients, variables))
        for name, weights in expected.items():
            for i, (factor, decay) in enumerate(((1.0, 5e-4), (2.0, 0.0))):  # kernel, bias
                rate = 0.01 * factors[name] * factor
                speeds[name][i] = 0.9 * speeds[name][i] - rate * (value + decay * weights[i])
                weights[i] += speeds[name][i]
    for name, weights in expected.items():
        for got, want in zip(layers[name].get_weights(), weights):
            np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_adam_recipe_changes_no_gradient():
    model = build_openpose(ModelConfig(0.0625, 1, 64))
    rules = variable_rules(model, Recipe.ADAM)
    assert len(rules) == len(model.trainable_variables) and {(r.factor, r.weight_decay) for r in rules} == {(1.0, 0.0)}


@pytest.mark.parametrize("recipe", list(Recipe))
def test_a_loss_scale_wraps_either(recipe):
    optimizer = build_optimizer(OptimizerConfig(recipe), scale_loss=True)
    assert isinstance(optimizer, keras.mixed_precision.LossScaleOptimizer)


def test_warmup_rises_to_the_staircase_and_leaves_it_alone():
    plain = OptimizerConfig(learning_rate=1e-3, decay_rate=0.5, decay_steps=10)
    rising = learning_rate_schedule(dataclasses.replace(plain, warmup_steps=4))
    rates = [float(rising(step)) for step in range(12)]
    np.testing.assert_allclose(rates[:4], [0.25e-3, 0.5e-3, 0.75e-3, 1e-3], rtol=1e-6)
    np.testing.assert_allclose(rates[3:], [float(learning_rate_schedule(plain)(step)) for step in range(3, 12)])


def test_an_optimizer_with_warmup_steps_by_its_first_rate():
    """Adam's first step is the learning rate, whatever the gradient."""
    optimizer = build_optimizer(OptimizerConfig(learning_rate=1e-2, warmup_steps=10))
    variable = tf.Variable([1.0])
    optimizer.apply_gradients([(tf.constant([5.0]), variable)])
    np.testing.assert_allclose(variable.numpy(), [1 - 1e-3], rtol=1e-5)
