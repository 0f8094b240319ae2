"""Finds the people of photographs with the small COCO network, for `eval.oks` to score: the one to pass.

    python tests/benchmarks/score_small_network.py --annotations=keypoints.json --images=photos --output_file=small.json
    python -m eval.oks --predictions=small.json --groundtruth=keypoints.json --output_file=oks.json

One photograph at a time (its batch norms are in training mode), 368 px high as it was made for, with our decoder.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import tensorflow as tf
from absl import flags

from openpose_tf.common import cli, files
from openpose_tf.common.imaging import images
from openpose_tf.common.progress import track
from openpose_tf.data.annotations.formats import coco_file
from openpose_tf.inference.decoder import Decoder
from tests.support import real_network
from tests.support.checkout import SHARED_DATA

NETWORK = SHARED_DATA / "weights" / "openpose_mnv2_small" / "graph_opt.pb"
HEIGHT = 368
# COCO's 17 keypoints in their order, by the names of the network's parts.
LIMBS = [f"{side}_{joint}" for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle") for side in "lr"]
KEYPOINTS = ("nose", "l_eye", "r_eye", "l_ear", "r_ear", *LIMBS)
ORDER = [real_network.PARTS.index(name) for name in KEYPOINTS]


def define_flags() -> None:
    """Defines this command's flags."""
    flags.DEFINE_string("annotations", None, "COCO keypoint file: which photographs.", required=True)
    flags.DEFINE_string("images", None, "Their folder.", required=True)
    flags.DEFINE_string("output_file", None, "COCO result list.", required=True)


def main() -> None:
    """Writes the people of all photographs."""
    network = real_network.load(NETWORK)
    decoder = tf.function(Decoder(real_network.COCO_18).__call__, reduce_retracing=True)
    found = []
    listed = coco_file.parse(Path(flags.FLAGS.annotations)).images
    for image in track(listed, len(listed), "photographs", "image"):
        pixels = images.read_rgb(Path(flags.FLAGS.images) / image.file_name, orientation="stored")
        maps, pafs = real_network.maps_of(network, pixels, HEIGHT)
        keypoints, scores = (value[0].numpy() for value in decoder(tf.constant(maps[None]), tf.constant(pafs[None])))
        scale = np.array(pixels.shape[1::-1]) / (8 * np.array(maps.shape[1::-1]))
        for points, score in zip(keypoints[scores > 0][:, ORDER], scores[scores > 0]):
            points[:, :2] = np.where(points[:, 2:] > 0, (points[:, :2] + 0.5) * scale - 0.5, 0)
            row = {"image_id": image.image_id, "category_id": 1, "score": float(score)}
            found.append(row | {"keypoints": points.ravel().round(3).tolist()})
    files.write_json(flags.FLAGS.output_file, found)


if __name__ == "__main__":
    cli.run(main, define_flags)
