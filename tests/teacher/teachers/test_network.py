"""The teacher's network."""

import numpy as np
import tensorflow as tf

from teacher.teachers import network


def test_original_size_has_the_published_number_of_parameters():
    model = network.build_network(10)
    assert model.count_params() == 11_684_426
    vgg = [layer for layer in model.layers if layer.name[:5] in ("conv1", "conv2", "conv3", "conv4")]
    assert sum(layer.count_params() for layer in vgg) == 5_865_536
    assert model.get_layer("flatten").output_shape == (None, 7744)


def test_input_is_bgr_over_256_minus_half():
    image = tf.constant([[[[0, 128, 255]]]], tf.uint8)
    np.testing.assert_allclose(network.BgrScale()(image)[0, 0, 0], [255 / 256 - 0.5, 0.0, -0.5])


def test_small_network_has_signed_logits_and_the_released_one_has_not():
    images = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8)
    logits = network.build_network(16, 32, 1 / 16)(images).numpy()
    assert logits.shape == (4, 16) and logits.min() < 0
    assert network.build_network(16, 32, 1 / 16, relu_logits=True)(images).numpy().min() >= 0


def test_same_seed_same_weights():
    first, same, other = (network.build_network(3, 32, 1 / 16, seed=seed).get_weights() for seed in (1, 1, 2))
    assert all((a == b).all() for a, b in zip(first, same))
    assert not (first[0] == other[0]).all()


def test_matching_weights_are_copied():
    source, target = network.build_network(3, 32, 1 / 16, seed=1), network.build_network(5, 32, 1 / 16, seed=2)
    copied = network.copy_matching_weights(source, target)
    assert "conv1_1" in copied and "logits" not in copied
    assert (source.get_layer("conv1_1").kernel.numpy() == target.get_layer("conv1_1").kernel.numpy()).all()
