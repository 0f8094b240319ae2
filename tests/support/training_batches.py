"""Hand-made batches for tests: coloured stick people on noise, a pure function of (seed, batch number)."""

import numpy as np
import tensorflow as tf

from openpose_tf.skeleton import MPI

# A standing person in units of its height, (x, y) per MPI part, centre of the body at (0, 0).
POSE = np.array(
    [
        *((0, -0.5), (0, -0.33), (-0.1, -0.3), (-0.15, -0.12), (-0.16, 0.05)),  # head top, neck, right arm
        *((0.1, -0.3), (0.15, -0.12), (0.16, 0.05)),  # left arm
        *((-0.06, 0.02), (-0.07, 0.25), (-0.07, 0.48), (0.06, 0.02), (0.07, 0.25), (0.07, 0.48), (0, -0.1)),
    ]
)


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
            keypoints[sample, person, :, :2] = centre + height * (POSE + rng.normal(0, 0.02, POSE.shape))
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


def draw_person(image, keypoints):
    """Draws each limb in its own colour."""
    for limb, (a, b) in enumerate(MPI.limbs):
        colour = 80 + np.array([(limb * 37) % 176, (limb * 91) % 176, (limb * 53) % 176])
        for t in np.linspace(0, 1, 24):
            x, y = np.round(keypoints[a, :2] * (1 - t) + keypoints[b, :2] * t).astype(int)
            image[max(y - 1, 0) : max(y + 2, 0), max(x - 1, 0) : max(x + 2, 0)] = colour


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
