import numpy as np
import pytest
import tensorflow as tf

from openpose_tf import addons


@pytest.mark.parametrize("interpolation", ["BILINEAR", "NEAREST"])
def test_the_core_operation_equals_tensorflow_addons(interpolation):
    if addons.tensorflow_addons() is None:
        pytest.skip("tensorflow-addons is not installed")
    rng = np.random.default_rng(0)
    images = tf.constant(rng.uniform(0, 255, (3, 20, 30, 3)).astype(np.float32))
    transforms = tf.constant(rng.normal([1, 0, 0, 0, 1, 0, 0, 0], [0.2, 0.2, 3, 0.2, 0.2, 3, 0, 0], (3, 8)), tf.float32)
    size = tf.constant([16, 18])
    one, other = (
        addons.transform(images, transforms, size, interpolation, 128.0, use_addons).numpy()
        for use_addons in (True, False)
    )
    assert one.shape == (3, 16, 18, 3)
    np.testing.assert_array_equal(one, other)


def test_transform_moves_pixels_by_hand():
    image = tf.reshape(tf.range(12, dtype=tf.float32), [1, 3, 4, 1])
    moved = addons.transform(image, tf.constant([[1.0, 0, 1, 0, 1, 0, 0, 0]]), tf.constant([3, 4]), fill_value=-1.0)
    np.testing.assert_array_equal(moved.numpy()[0, ..., 0], [[1, 2, 3, -1], [5, 6, 7, -1], [9, 10, 11, -1]])


@pytest.mark.parametrize(("sigma", "radius"), [(5.2, 13), (0.65, 2), (1.3, 4)])
def test_the_filter_of_core_operations_equals_that_of_tensorflow_addons(sigma, radius):
    if addons.tensorflow_addons() is None:
        pytest.skip("tensorflow-addons is not installed")
    maps = tf.constant(np.random.default_rng(1).uniform(0, 1, (2, 30, 41, 5)).astype(np.float32))
    one, other = (addons.gaussian_filter(maps, sigma, radius, use_addons).numpy() for use_addons in (True, False))
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("use_addons", [True, False])
def test_the_filter_spreads_a_point_by_hand(use_addons):
    point = np.zeros((1, 5, 5, 1), np.float32)
    point[0, 2, 1] = 1.0
    taps = np.exp([-0.5, 0.0, -0.5]) / np.exp([-0.5, 0.0, -0.5]).sum()
    expected = np.zeros((5, 5))
    expected[1:4, 0:3] = np.outer(taps, taps)
    found = addons.gaussian_filter(tf.constant(point), 1.0, 1, use_addons).numpy()[0, ..., 0]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_graph_with_the_filter_holds_core_operations_only(tmp_path):
    class Module(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3])])
        def filter(self, maps):
            return addons.gaussian_filter(maps, 2.0, 5)

    module = Module()
    graph = module.filter.get_concrete_function().graph.as_graph_def()
    operations = {node.op for function in [graph, *graph.library.function] for node in _nodes(function)}
    assert not {name for name in operations if name.startswith("Addons")}
    assert "DepthwiseConv2dNative" in operations


def _nodes(graph):
    return graph.node if hasattr(graph, "node") else graph.node_def
