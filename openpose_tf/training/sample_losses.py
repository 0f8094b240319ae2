"""The loss that a curriculum hears of, for every sample of a record set, without training."""

import contextlib

import numpy as np
import tensorflow as tf

from openpose_tf.common.progress import Progress
from openpose_tf.config import TargetConfig
from openpose_tf.data.input.augmentation import Augmentation
from openpose_tf.data.input.sampler import StreamConfig
from openpose_tf.data.input.streams import SampleStream
from openpose_tf.data.records.record_set import RecordSet
from openpose_tf.keras_api import keras
from openpose_tf.labels import losses, targets
from openpose_tf.network.openpose import preprocess
from openpose_tf.training.step import DRAWN_KEYS


def sample_losses(
    model: keras.Model,
    records: RecordSet,
    augmentation: Augmentation,
    passes: int = 2,
    batch_size: int = 16,
    seed: int = 0,
    target: TargetConfig | None = None,
) -> np.ndarray:
    """Returns the loss of each sample, last stage per annotated joint, in `passes` random augmentations.

    Args:
        model: the student, a plain network; one with batch normalization would have other losses in training.
        records: N samples.
        augmentation: as in training.
        passes: P.
        batch_size: samples at a time.
        seed: of the augmentations.
        target: what the labels are; the paper's if None.

    Returns:
        [N, P] float32.

    Raises:
        UserError: a record is damaged.
    """
    settings = target or TargetConfig()

    @tf.function
    def measure(batch: dict[str, tf.Tensor]) -> tf.Tensor:
        labels = targets.draw_labels({name: batch[name] for name in DRAWN_KEYS}, settings)
        branch = losses.branch_losses(model(preprocess(batch["images"]), training=False), labels)
        return losses.per_joint_losses(branch, losses.count_joints(batch, settings))

    config = StreamConfig(augmentation=augmentation)
    found: list[list[float]] = [[] for _ in range(len(records))]
    wanted = passes * len(records)
    opened = contextlib.closing(SampleStream(records, None, batch_size, seed=seed, config=config))
    with opened as stream, Progress(wanted, "measure", "samples") as progress:
        for start in range(0, wanted, batch_size):
            batch = stream.next()  # epoch after epoch, each sample once
            values = measure(batch).numpy()
            for row, value in zip(batch["key"].numpy()[: wanted - start], values):
                found[row].append(float(value))
            progress.update(min(batch_size, wanted - start))
    return np.array(found, np.float32)
