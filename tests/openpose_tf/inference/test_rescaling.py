"""Bicubic weights and keypoints between two sizes of a picture: OpenCV's numbers, and numbers by hand."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from openpose_tf.inference.rescaling import bicubic_matrix, keypoints_to_picture


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_bicubic_weights_are_opencvs(kind):
    maps = np.random.default_rng(0).normal(size=(9, 11, 4)).astype(np.float32)
    positions = [((np.arange(8 * size) + 0.5) / 8 - 0.5).astype(kind) for size in maps.shape[:2]]
    rows, columns = (bicubic_matrix(p, size).numpy() for p, size in zip(positions, maps.shape))
    assert rows.dtype == kind
    np.testing.assert_allclose(rows.sum(1), 1, atol=1e-6)
    ours = np.einsum("ih,hwc,jw->ijc", rows, maps, columns)
    np.testing.assert_allclose(ours, cv2.resize(maps, (88, 72), interpolation=cv2.INTER_CUBIC), atol=1e-4)


def test_bicubic_weights_by_hand():
    """a = -0.75 at a half: -0.09375, 0.59375, twice; at a border its cell counts for those beyond it."""
    matrix = bicubic_matrix(np.array([1.5, 2.0, 0.5, -1.0]), 4).numpy()
    expected = [[-0.09375, 0.59375, 0.59375, -0.09375], [0, 0, 1, 0], [0.5, 0.59375, -0.09375, 0], [1, 0, 0, 0]]
    np.testing.assert_allclose(matrix, expected, atol=1e-12)


def test_keypoints_by_hand():
    """From 20 x 40 (height x width) to 60 x 80: x doubles, y trebles, around the corner at -0.5."""
    keypoints = np.array([[[-0.5, 0.5, 0.9], [9.5, 9.5, 0.1], [39.5, 30.0, 1.0], [7.0, 7.0, 0.0]]], np.float32)
    expected = [[[0.0, 2.5, 0.9], [19.5, 29.5, 0.1], [79.0, 59.0, 1.0], [0.0, 0.0, 0.0]]]
    found = keypoints_to_picture(keypoints, (20, 40), (60, 80)).numpy()
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert keypoints_to_picture(keypoints[:0], (20, 40), (60, 80)).shape == (0, 4, 3)


def test_each_picture_of_a_batch_has_its_size():
    keypoints = np.random.default_rng(0).uniform(0, 19, (2, 3, 15, 3)).astype(np.float32)
    shown, size = np.array([[20, 40], [30, 20]]), np.array([[60, 80], [25, 22]])
    batch = keypoints_to_picture(keypoints, tf.constant(shown)[:, None, None], tf.constant(size)[:, None, None])
    for row, *one in zip(batch, keypoints, shown, size):
        np.testing.assert_array_equal(row, keypoints_to_picture(*one))
