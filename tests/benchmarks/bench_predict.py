"""Times prediction, decoder included, with the bundled student in both precisions and with a small COCO network.

    python tests/benchmarks/bench_predict.py [--side=368] [--pictures=12] [--student=builtin]

The network of ../shared (2.1 MB, MobileNetV2, trained on COCO at 432 x 368) runs where that folder is there, one
picture per call as it needs, with our decoder. All take turns picture by picture, so that other work on the machine
meets all alike; CPU time tells more than wall time where there is such work.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import tensorflow as tf
from absl import flags

from openpose_tf.common import cli
from openpose_tf.common.imaging import images
from openpose_tf.config import Precision
from openpose_tf.inference import multi_scale
from openpose_tf.inference.decoder import Decoder
from openpose_tf.inference.image_files import Picture
from openpose_tf.inference.precision import fastest
from openpose_tf.inference.predictor import Predictor
from openpose_tf.weights import bundled
from tests.support import real_network
from tests.support.checkout import ROOT, SHARED_DATA

NETWORK = SHARED_DATA / "weights" / "openpose_mnv2_small" / "graph_opt.pb"
TODAY = "student, float32"


def small_network() -> Callable[[np.ndarray], object]:
    """Returns the small network with our decoder: [H, W, 3] uint8 to its people."""
    network = real_network.load(NETWORK)
    decoder = tf.function(Decoder(real_network.COCO_18).__call__, reduce_retracing=True)

    def people(pixels: np.ndarray) -> object:
        maps, pafs = real_network.maps_of(network, pixels, height=pixels.shape[0])
        return decoder(tf.constant(maps[None]), tf.constant(pafs[None]))[0].numpy()

    return people


def student(name: str, side: int, precision: Precision) -> Callable[[np.ndarray], object]:
    """Returns `predict`'s own work for one picture, files and drawing left out."""
    predictor = Predictor(name, side, precision=precision)
    return lambda pixels: list(predictor.run([Picture("a", pixels)], 1))


def scene(side: int) -> np.ndarray:
    """Returns a picture of rendered people, [h, w, 3] uint8 of a 4 to 3 frame."""
    pixels = images.read_rgb(ROOT / "docs" / "teaser.jpg", orientation="stored")
    height = side * 3 // 4 // 8 * 8
    width = min(pixels.shape[1], pixels.shape[0] * 4 // 3)
    return multi_scale.resize(pixels[: width * 3 // 4, :width], height, side)


def times(contenders: dict[str, Callable[[np.ndarray], object]], pixels: np.ndarray, count: int) -> dict[str, list]:
    """Returns (wall, CPU) seconds of each picture after two to warm up."""
    found: dict[str, list] = {name: [] for name in contenders}
    for turn in range(count + 2):
        for name, people in contenders.items():
            wall, cpu = time.perf_counter(), time.process_time()
            people(pixels)
            if turn >= 2:
                found[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return found


def main() -> None:
    """Prints the table."""
    side, name = flags.FLAGS.side // 8 * 8, flags.FLAGS.student
    contenders = {TODAY: student(name, side, Precision.FLOAT32)}
    if fastest() != Precision.FLOAT32:
        contenders[f"student, {fastest()}"] = student(name, side, fastest())
    if NETWORK.is_file():
        contenders["small COCO network, float32"] = small_network()
    pixels = scene(side)
    found = times(contenders, pixels, flags.FLAGS.pictures)
    medians = {key: [statistics.median(column) for column in zip(*rows)] for key, rows in found.items()}
    print(f"{pixels.shape[1]} x {pixels.shape[0]} px, medians of {flags.FLAGS.pictures}; load {os.getloadavg()[0]:.1f}")
    print(f"{'':30}{'wall ms':>9}{'CPU ms':>9}{'pictures/s':>12}{'x (wall)':>10}{'x (CPU)':>9}")
    for key, (wall, cpu) in medians.items():
        ratios = [medians[TODAY][0] / wall, medians[TODAY][1] / cpu]
        print(f"{key:30}{1e3 * wall:9.1f}{1e3 * cpu:9.1f}{1 / wall:12.2f}{ratios[0]:10.2f}{ratios[1]:9.2f}")


if __name__ == "__main__":
    flags.DEFINE_integer("side", 368, "Longer side in pixels, for all.", lower_bound=64)
    flags.DEFINE_integer("pictures", 12, "Images timed per network.", lower_bound=3)
    flags.DEFINE_string("student", bundled.BUILTIN, "The student: a bundled one, or a file of export --weights.")
    cli.run(main)
