"""Which map cells and channels count in the loss: un-annotated people, unlabelled joints, synthetic people ("+ masks").

Source: the released code; paper Sec. 5.2 for the "+ masks" condition.
"""

from typing import NamedTuple

import tensorflow as tf

from openpose_tf.config import TargetConfig
from openpose_tf.labels.types import FIRST_PARTS, SECOND_PARTS, Targets
from openpose_tf.skeleton import MPI

SYNTHETIC_THRESHOLD = 0.25  # a cell belongs to synthetic people where their map exceeds this


class LossMasks(NamedTuple):
    """Weights of the squared differences, 0 or 1.

    Attributes:
        pafs: [B, g, g, 28] or broadcastable, float32.
        confidence_maps: [B, g, g, 16] or broadcastable, float32.
    """

    pafs: tf.Tensor
    confidence_maps: tf.Tensor


def loss_masks(loss_mask: tf.Tensor, labelled_parts: tf.Tensor, targets: Targets, config: TargetConfig) -> LossMasks:
    """Returns the weights of a batch.

    Args:
        loss_mask: [B, g, g] uint8, 0 at un-annotated people and outside of the image.
        labelled_parts: [B, 15] float32, 0 for a part that the sample's data set does not label.
        targets: with the maps of synthetic people where `config.masked_synthetic_loss`.
        config: the mode.
    """
    ordinary = tf.cast(loss_mask, tf.float32)[..., None]  # [B, g, g, 1]
    channels = channel_weights(labelled_parts)
    pafs, confidence_maps = ordinary * channels.pafs, ordinary * channels.confidence_maps
    if config.masked_synthetic_loss:
        synthetic = _synthetic_masks(targets, config)
        pafs, confidence_maps = pafs * synthetic.pafs, confidence_maps * synthetic.confidence_maps
    return LossMasks(pafs, confidence_maps)


def channel_weights(labelled_parts: tf.Tensor) -> LossMasks:
    """Returns the channels that a sample's data set labels, [B, 1, 1, channels].

    A part that is not labelled takes its confidence map, the PAFs of its limbs and the background map with it.
    """
    limbs = tf.gather(labelled_parts, FIRST_PARTS, axis=1) * tf.gather(labelled_parts, SECOND_PARTS, axis=1)
    pafs = tf.repeat(limbs, 2, axis=1)  # x and y of a limb
    background = tf.reduce_min(labelled_parts, axis=1, keepdims=True)
    confidence_maps = tf.concat([labelled_parts, background], 1)
    return LossMasks(pafs[:, None, None, :], confidence_maps[:, None, None, :])


def _synthetic_masks(targets: Targets, config: TargetConfig) -> LossMasks:
    """Returns 0 where synthetic people are drawn, per channel.

    Background: `paper` 0 at the joints of synthetic people only (they neither count as people nor as background).
    `release` thresholds the background map like the others, so it is 0 nearly everywhere *except* there, and in all
    samples, real ones too (Q3).
    """
    assert targets.synthetic_pafs is not None and targets.synthetic_confidence_maps is not None
    parts = targets.synthetic_confidence_maps[..., : MPI.num_parts]
    background = targets.synthetic_confidence_maps[..., MPI.num_parts :]
    if not config.is_release:
        background = 1.0 - background
    confidence_maps = tf.concat([parts, background], -1)
    return LossMasks(_at_most(tf.abs(targets.synthetic_pafs)), _at_most(confidence_maps))


def _at_most(maps: tf.Tensor) -> tf.Tensor:
    return tf.cast(maps <= SYNTHETIC_THRESHOLD, tf.float32)
