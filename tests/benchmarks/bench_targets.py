"""Times the labels drawn on the device: milliseconds per image at 4 people, 46 x 46 maps.

    python tests/benchmarks/bench_targets.py

Limit (the project's own): 1.2 ms per image at 4 people in mode `paper`. Peers' host code, measured before this project
with a stop watch of its own and therefore not in this run: 14 ms (HyperPose) and 39 ms (tf-pose-estimation) of CPU.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import tensorflow as tf

from openpose_tf.common import cli
from openpose_tf.config import Fidelity, Sampling, TargetConfig
from openpose_tf.labels.targets import draw_targets
from tests.benchmarks.bench_decode import measure
from tests.support.references import targets as target_reference
from tests.support.stick_people import POSE

LIMIT_MS, MAP_SIZE, BATCH = 1.2, 46, 8
FORMS = {
    "paper (cell centres, XLA)": (TargetConfig(), True),
    "paper, without XLA": (TargetConfig(), False),
    "paper, + masks, XLA": (TargetConfig(masked_synthetic_loss=True), True),
    "release (area means, XLA)": (TargetConfig(Fidelity.RELEASE), True),
    "paper labels as area means, XLA": (TargetConfig(sampling=Sampling.AREA), True),
}


def people(num_people: int, num_slots: int) -> np.ndarray:
    """Returns [BATCH, num_slots, 15, 3] keypoints, people of 100 to 400 px."""
    rng = np.random.default_rng(0)
    keypoints = np.zeros((BATCH, num_slots, 15, 3), np.float32)
    for image in keypoints:
        for person in image[:num_people]:
            person[:, :2] = rng.uniform(80, 288, 2) + rng.uniform(100, 400) * POSE
            person[:, 2] = 1
    return keypoints


def main() -> None:
    """Prints the table."""
    print("ms per image (wall / CPU), median of 15, batch 8\n")
    print("| form | 4 people in 4 slots | 4 people in 20 slots | 20 people in 20 slots |\n|---|---|---|---|")
    for name, (config, jit) in FORMS.items():
        cells = []
        for num_people, slots in ((4, 4), (4, 20), (20, 20)):
            keypoints = tf.constant(people(num_people, slots))
            synthetic = tf.ones([BATCH, slots], tf.bool) if config.masked_synthetic_loss else None

            @tf.function(jit_compile=jit, autograph=False)
            def draw(k: tf.Tensor, s: tf.Tensor = synthetic, c: TargetConfig = config) -> tuple:
                return tuple(t for t in draw_targets(k, MAP_SIZE, c, s) if t is not None)

            wall, cpu = (value / BATCH for value in measure(lambda d=draw, k=keypoints: d(k)[0].numpy()))
            cells.append(f"{wall:.2f} / {cpu:.2f}")
            if name.startswith("paper (") and slots == 20 and num_people == 4:
                ratio = cpu / LIMIT_MS
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    scene = people(4, 4)[0]
    _, slow = measure(lambda: target_reference.draw(scene, [False] * 4, 8 * MAP_SIZE, "release", "area"), 1)
    print(f"| plain NumPy at 368 x 368 (the tests' reference) | {slow:.0f} CPU | | |\n")
    print(f"mode paper, 4 people in 20 slots: {ratio:.2f} of the limit of {LIMIT_MS} ms (CPU)")


if __name__ == "__main__":
    cli.run(main)
