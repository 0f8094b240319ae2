"""Hand-made batches for tests: coloured stick people on noise, a pure function of (seed, batch number)."""

import numpy as np
import tensorflow as tf

from openpose_tf.data.input.augmentation import Augmentation
from tests.support.stick_people import draw_person, stick_person


def make_batch(number, batch_size=4, size=64, max_people=2, seed=0, num_real=None, features=1):
    """Returns the batch dict of the pipeline; the first samples are synthetic."""
    rng = np.random.default_rng([seed, number])
    num_real = batch_size // 2 if num_real is None else num_real
    images = rng.integers(0, 60, (batch_size, size, size, 3)).astype(np.uint8)
    keypoints = np.zeros((batch_size, max_people, 15, 3), np.float32)
    for sample in range(batch_size):
        for person in range(rng.integers(1, max_people + 1)):
            height = rng.uniform(0.5, 0.9) * size
            centre = rng.uniform(0.35, 0.65, 2) * size
            keypoints[sample, person, :, :2] = stick_person(rng, centre, height)
            keypoints[sample, person, :, 2] = 1
            draw_person(images[sample], keypoints[sample, person])
    synthetic = np.arange(batch_size) < batch_size - num_real
    return {
        "images": tf.constant(images),
        "loss_mask": tf.ones([batch_size, size // 8, size // 8], tf.uint8),
        "keypoints": tf.constant(keypoints),
        "is_synthetic_person": tf.constant(np.repeat(synthetic[:, None], max_people, 1)),
        "labelled_parts": tf.ones([batch_size, 15]),
        "is_synthetic": tf.constant(synthetic),
        "features": tf.zeros([batch_size, features]),
        "key": tf.constant(number * batch_size + np.arange(batch_size), tf.int64),
    }


class CountedBatches:
    """Batch i is `make(i)`; the state is the counter."""

    def __init__(self, make=make_batch):
        self._make = make
        self.counter = tf.Variable(0, dtype=tf.int64)

    @property
    def trackable(self):
        return tf.train.Checkpoint(counter=self.counter)

    def next(self, selection):
        del selection
        number = int(self.counter.numpy())
        self.counter.assign_add(1)
        return self._make(number)


def augmentation_without_chance(input_size, backend="cv2"):
    """Returns the map that shows the person in the middle, 250 * S / 368 pixels tall, upright."""
    return Augmentation(
        input_size,
        min_zoom=1.0,
        max_zoom=1.0,
        max_rotation_deg=0.0,
        num_offsets=1,
        flip_probability=0.0,
        backend=backend,
    )
