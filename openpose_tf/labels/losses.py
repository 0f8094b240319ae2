"""The student's loss: masked half squared differences of all stages, and the per-joint loss that a teacher reads.

Source: the released code. With l2(x) = 1/2 sum x^2 a stage costs 1/2 (l2(PAFs) + l2(confidence maps)); the loss is the
sum over stages and samples, divided by the batch size.
"""

from collections.abc import Mapping, Sequence

import tensorflow as tf

from openpose_tf.config import TargetConfig
from openpose_tf.labels.targets import inside_input

Outputs = Sequence[tuple[tf.Tensor, tf.Tensor]]


def branch_losses(outputs: Outputs, labels: tuple[tf.Tensor, ...]) -> tf.Tensor:
    """Returns l2 of the masked difference of each sample, stage and branch.

    Args:
        outputs: (pafs, confidence_maps) per stage, any float type.
        labels: of `targets.draw_labels`.

    Returns:
        [B, num_stages, 2] float32; branch 0 is PAFs, branch 1 confidence maps.
    """
    pafs, confidence_maps, paf_weights, confidence_weights = labels
    rows = [
        tf.stack(
            [_half_square(paf, pafs, paf_weights), _half_square(confidence, confidence_maps, confidence_weights)], 1
        )
        for paf, confidence in outputs
    ]
    return tf.stack(rows, 1)


def sample_losses(losses: tf.Tensor) -> tf.Tensor:
    """Returns the optimized loss of each sample [B] of `branch_losses`: all stages, half the sum of the branches."""
    return 0.5 * tf.reduce_sum(losses, [1, 2])


def per_joint_losses(losses: tf.Tensor, num_joints: tf.Tensor) -> tf.Tensor:
    """Returns what the teacher reads, [B]: the last stage's mean over both branches, per annotated joint.

    Args:
        losses: [B, num_stages, 2] of `branch_losses`.
        num_joints: [B] of `count_joints`.
    """
    return tf.reduce_mean(losses[:, -1], -1) / num_joints


def count_joints(batch: Mapping[str, tf.Tensor], config: TargetConfig) -> tf.Tensor:
    """Returns the number of annotated joints of all people in each crop, [B] float32, at least 1.

    Joints of synthetic people do not count where their loss is masked.
    """
    counted = inside_input(batch["keypoints"], batch["images"].shape[1], config)  # [B, P, 15]
    if config.masked_synthetic_loss:
        counted = counted & ~batch["is_synthetic_person"][..., None]
    return tf.maximum(tf.reduce_sum(tf.cast(counted, tf.float32), [1, 2]), 1.0)


def _half_square(prediction: tf.Tensor, label: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
    # A sum over 46 x 46 x 28 squares overflows float16.
    difference = (tf.cast(prediction, tf.float32) - label) * weight
    return 0.5 * tf.reduce_sum(tf.square(difference), [1, 2, 3])
