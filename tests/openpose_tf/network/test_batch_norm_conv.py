"""Training with batch normalisation leaves the paper's network."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from openpose_tf.common.checkpoint_files import latest_checkpoint
from openpose_tf.common.errors import UserError
from openpose_tf.config import ModelConfig, OptimizerConfig, Recipe, TrainConfig
from openpose_tf.network.batch_norm_conv import NormalizedConv2D
from openpose_tf.network.openpose import build_openpose, plain_network, preprocess
from openpose_tf.training import build_student, loop
from openpose_tf.weights import checkpoints
from openpose_tf.weights.import_weights import import_weights
from tests.support.training_batches import CountedBatches, make_batch

TINY = ModelConfig(0.0625, 2, 64)


def config(folder, **kwargs):
    values = {"model": TINY, "batch_size": 4, "num_steps": 6, "optimizer": OptimizerConfig(learning_rate=1e-3)}
    return TrainConfig(str(folder), **{**values, **kwargs}, batch_norm=True)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A student after six steps, and its model_dir."""
    folder = tmp_path_factory.mktemp("normalized")
    asked = config(folder)
    student = build_student.build_student(asked)
    loop.train(asked, student, CountedBatches(), loop.NoTeacher())
    return student, folder


def outputs(model):
    pairs = model(preprocess(make_batch(7)["images"]), training=False)
    return [part.numpy() for pair in pairs for part in pair]


def test_a_layer_normalizes_by_the_batch_and_then_by_its_running_means():
    layer = NormalizedConv2D(3, 3, "linear", padding="same")
    x = tf.random.stateless_normal((4, 8, 8, 2), (1, 2)) * 5.0 + 3.0
    y = layer(x, training=True).numpy()
    np.testing.assert_allclose(y.mean((0, 1, 2)), 0.0, atol=1e-4)
    np.testing.assert_allclose(y.std((0, 1, 2)), 1.0, atol=1e-3)
    for _ in range(800):  # 0.99 ** 800: nothing is left of the first means
        layer(x, training=True)
    np.testing.assert_allclose(layer(x, training=False).numpy(), y, atol=2e-2)
    kernel, bias = layer.folded()
    plain = tf.nn.conv2d(x, kernel, 1, "SAME") + bias
    np.testing.assert_allclose(plain, layer(x, training=False), atol=1e-4)


def test_the_plain_network_gives_the_same_maps(trained):
    student, _ = trained
    plain = plain_network(student.model, TINY)
    assert {layer.name for layer in plain.layers} == {layer.name for layer in student.model.layers}
    assert all(type(layer) is not NormalizedConv2D for layer in plain.layers)
    for ours, theirs in zip(outputs(plain), outputs(student.model), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_its_checkpoints_are_read_as_plain_networks(trained):
    student, folder = trained
    loaded, read = checkpoints.load_student(folder)
    started = build_openpose(TINY, seed=3)
    report = import_weights(started, folder)
    assert read == TINY and report.missing == report.unused == () and report.has_features
    for model in (loaded, started):
        for ours, theirs in zip(outputs(model), outputs(student.model), strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_its_run_goes_on(trained):
    _, folder = trained
    asked = config(folder, num_steps=8)
    student = build_student.build_student(asked)
    loop.train(asked, student, CountedBatches(), loop.NoTeacher())
    assert latest_checkpoint(folder).endswith("-8")
    with pytest.raises(UserError, match="batch_norm"):
        build_student.build_student(dataclasses.replace(asked, batch_norm=False))


@pytest.mark.parametrize("recipe", list(Recipe))
def test_every_recipe_moves_its_scales(tmp_path, recipe):
    student = build_student.build_student(config(tmp_path, optimizer=OptimizerConfig(recipe, learning_rate=1e-3)))
    gamma = student.model.get_layer("conv3_1").normalisation.gamma
    before = gamma.numpy()
    student.train_step(make_batch(0))
    assert np.abs(gamma.numpy() - before).max() > 1e-6


def test_trained_weights_are_not_normalized(tmp_path):
    with pytest.raises(UserError, match="give one of --init_checkpoint and --batch_norm"):
        build_student.build_student(config(tmp_path, init_checkpoint="builtin"))
