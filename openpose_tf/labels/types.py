"""Label maps of a batch, and the parts at both ends of each limb."""

from typing import NamedTuple

import tensorflow as tf

from openpose_tf.skeleton import MPI

FIRST_PARTS, SECOND_PARTS = (list(parts) for parts in zip(*MPI.limbs))


class Targets(NamedTuple):
    """Labels of a batch; g = input size / 8.

    Attributes:
        pafs: [B, g, g, 28] float32, unit vectors (shorter where mixed or cut).
        confidence_maps: [B, g, g, 16] float32 in [0, 1], the last one background.
        synthetic_pafs: [B, g, g, 28] float32, synthetic limbs only, divided by the count over all people; None
            unless asked for.
        synthetic_confidence_maps: [B, g, g, 16] float32, synthetic people only (background as 1 - maximum), or None.
    """

    pafs: tf.Tensor
    confidence_maps: tf.Tensor
    synthetic_pafs: tf.Tensor | None = None
    synthetic_confidence_maps: tf.Tensor | None = None
