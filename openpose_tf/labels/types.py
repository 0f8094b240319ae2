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
        synthetic_pafs: [B, g, g, 28] float32, or None where synthetic people were not named. `paper`: the number of
            synthetic limbs there, for both components of a limb. `release`: the vectors of synthetic limbs, divided by
            the count over all people.
        synthetic_confidence_maps: [B, g, g, 16] float32, synthetic people only (background as 1 - maximum), or None.
    """

    pafs: tf.Tensor
    confidence_maps: tf.Tensor
    synthetic_pafs: tf.Tensor | None = None
    synthetic_confidence_maps: tf.Tensor | None = None
