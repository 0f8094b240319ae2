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
