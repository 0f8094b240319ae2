"""Rescales maps and keypoints between the image as shown to the network and the image itself.

In TensorFlow, so that exported models and callers with NumPy arrays compute the same numbers.
"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import tensorflow as tf

CUBIC_A = -0.75  # bicubic kernel of the published enlargement (OpenCV's)
CUBIC_REACH = 2  # cells to each side

Size: TypeAlias = tf.Tensor | Sequence[int]


def bicubic_matrix(positions: tf.Tensor | np.ndarray, size: tf.Tensor | int) -> tf.Tensor:
    """Returns [len(positions), size]: bicubic weights of the cells for each position; border cells are repeated.

    Args:
        positions: [n] floats in cells, between -1 and `size`; the result has their type.
        size: number of cells.
    """
    taps = tf.range(-CUBIC_REACH, size + CUBIC_REACH)
    t = tf.abs(positions[:, None] - tf.cast(taps, positions.dtype))
    near = ((CUBIC_A + 2) * t - (CUBIC_A + 3)) * t * t + 1
    far = CUBIC_A * (((t - 5) * t + 8) * t - 4)
    weights = tf.where(t <= 1, near, tf.where(t < CUBIC_REACH, far, 0.0))
    return tf.matmul(weights, tf.one_hot(tf.clip_by_value(taps, 0, size - 1), size, dtype=positions.dtype))


def keypoints_to_picture(keypoints: tf.Tensor | np.ndarray, shown: Size, size: Size) -> tf.Tensor:
    """Returns keypoints [..., parts, 3] (x, y, score) in pixels of the image; joints that were not found are at 0.

    Args:
        keypoints: the same in pixels of the image as shown to the network, float32; a score of 0 means not found.
        shown: (height, width) of the image as shown, [2], or one per image as the last axis.
        size: (height, width) of the image itself, likewise; coordinates end at its last pixels.
    """
    width_height, shown_width_height = (tf.reverse(tf.cast(v, tf.float32), [-1]) for v in (size, shown))
    xy = (keypoints[..., :2] + 0.5) * (width_height / shown_width_height) - 0.5
    xy = tf.clip_by_value(xy, 0.0, width_height - 1.0)
    return tf.concat([tf.where(keypoints[..., 2:] > 0, xy, 0.0), keypoints[..., 2:]], -1)
