"""Real, noisy maps in COCO's layout: a small network of another project on photographs, where ../shared has them."""

import functools

import cv2
import numpy as np
import tensorflow as tf

from openpose_tf.skeleton import Skeleton

PARTS = (
    *("nose", "neck", "r_shoulder", "r_elbow", "r_wrist", "l_shoulder", "l_elbow", "l_wrist"),
    *("r_hip", "r_knee", "r_ankle", "l_hip", "l_knee", "l_ankle", "r_eye", "l_eye", "r_ear", "l_ear"),
)
# The network's limb number of each limb of the tree; the two from shoulder to ear would close circles and stay out.
TREE = {
    **{(1, 8): 0, (8, 9): 1, (9, 10): 2, (1, 11): 3, (11, 12): 4, (12, 13): 5, (1, 2): 6, (2, 3): 7, (3, 4): 8},
    **{(1, 5): 10, (5, 6): 11, (6, 7): 12, (1, 0): 14, (0, 14): 15, (0, 15): 16, (14, 16): 17, (15, 17): 18},
}
COCO_18 = Skeleton("coco_18", PARTS, tuple(TREE), (0, 1, 5, 6, 7, 2, 3, 4, 11, 12, 13, 8, 9, 10, 15, 14, 17, 16))


@functools.cache
def load(path):
    """Returns the function float BGR [1, h, w, 3] -> maps [1, h/8, w/8, 57] of a frozen graph."""
    graph = tf.compat.v1.GraphDef()
    graph.ParseFromString(path.read_bytes())
    wrapped = tf.compat.v1.wrap_function(lambda: tf.import_graph_def(graph, name=""), [])
    return wrapped.prune("image:0", "Openpose/concat_stage7:0")


def maps_of(network, image, height=368):
    """Returns confidence maps [h, w, 19] and the tree's pafs [h, w, 34] of a picture shown at `height` px."""
    width = max(8, round(image.shape[1] * height / image.shape[0] / 8) * 8)
    shown = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)[..., ::-1]
    out = network(tf.constant(shown[None].astype(np.float32)))
    both = (out[0] if isinstance(out, (list, tuple)) else out).numpy()[0]
    channels = [19 + 2 * k + axis for k in TREE.values() for axis in (0, 1)]
    return both[..., :19], both[..., channels]


def enlarge(maps, stride=8):
    """Returns maps [8 h, 8 w, C], bicubic."""
    size = maps.shape[1] * stride, maps.shape[0] * stride
    return cv2.resize(maps, size, interpolation=cv2.INTER_CUBIC)
