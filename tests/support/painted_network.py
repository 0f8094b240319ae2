"""A stand-in for a trained student: it "sees" the same two people in every bright picture, at the same relative place.

So tests know what must come out, at every size, without training anything.
"""

import numpy as np
import tensorflow as tf

from openpose_tf.config import ModelConfig
from openpose_tf.inference.decoder import PAPER
from openpose_tf.inference.saved_model import PoseServer, ServingConfig
from tests.support import pose_scenes

CELLS = 24
PEOPLE = pose_scenes.crowd(2, CELLS, seed=5)
CONFIG = ModelConfig(width=0.02, num_stages=2, input_size=64)
TEST_SIDE = 96


class PaintedNetwork(tf.Module):
    """Gives fixed maps, resized to an eighth of the input, times 0 for dark and 1 for bright pictures."""

    def __init__(self):
        super().__init__()
        maps, pafs = pose_scenes.draw_maps(PEOPLE, CELLS, CELLS, sigma=1.6, reach=1.6)
        self.maps, self.pafs = tf.Variable(maps[None]), tf.Variable(pafs[None])

    def __call__(self, x, training=False):
        assert not training
        size = tf.shape(x)[1:3] // 8
        bright = tf.cast(tf.reduce_mean(x[:, :16, :16], [1, 2, 3], keepdims=True) > 0, tf.float32)
        return [tuple(tf.image.resize(v, size) * bright for v in (self.pafs, self.maps))]


def server():
    """Returns the server of the painted network."""
    return PoseServer(PaintedNetwork(), CONFIG, ServingConfig(PAPER, TEST_SIDE))


def save(folder):
    """Writes it as a SavedModel."""
    server().save(folder)


def people_in(height, width):
    """Returns [2, 15, 2] pixels of the people in a picture of this size."""
    return (PEOPLE + 0.5) / CELLS * [width, height] - 0.5


def errors(keypoints, size, clip=None):
    """Returns [2, 15] pixels of error of found people [K, 15, 3], each against the nearest person of `people_in`."""
    height, width = size
    expected = people_in(height, width)
    if clip is not None:
        expected = np.clip(expected, 0, [clip[1] - 1, clip[0] - 1])
    found = keypoints[keypoints[..., 2].any(-1)]
    assert len(found) == len(expected)
    assert (found[..., 2] > 0).all()
    distance = np.linalg.norm(found[:, None, :, :2] - expected[None], axis=-1)
    nearest = distance.mean(-1).argmin(0)
    assert len(set(nearest)) == len(nearest)
    return distance[nearest, np.arange(len(nearest))]
