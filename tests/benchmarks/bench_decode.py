"""Times the decoder at 46 x 46 and sets it in relation to its limits, in one run.

    python tests/benchmarks/bench_decode.py [--noforward]

Limits (the project's own): 10 ms for 30 people at 46 x 46, and 0.5 % of the full model's forward pass at 368 x 368.
Beside the vectorized decoder runs the plain published algorithm in Python on the same maps enlarged to 368 x 368.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import cv2
import numpy as np
import tensorflow as tf
from absl import flags

from openpose_tf.common import cli
from openpose_tf.config import ModelConfig
from openpose_tf.inference.decoder import PAPER, Decoder
from openpose_tf.network.openpose import build_openpose, preprocess
from openpose_tf.skeleton import MPI
from tests.support import pose_scenes
from tests.support.references import decoder as decoder_reference

LIMIT_MS, LIMIT_SHARE = 10.0, 0.005
REPEATS = 15


def measure(function: Callable[[], object], repeats: int = REPEATS) -> tuple[float, float]:
    """Returns median wall ms and median CPU ms of a call, after one to warm up."""
    function()
    wall, cpu = [], []
    for _ in range(repeats):
        start, cpu_start = time.perf_counter(), time.process_time()
        function()
        wall.append(1e3 * (time.perf_counter() - start))
        cpu.append(1e3 * (time.process_time() - cpu_start))
    return statistics.median(wall), statistics.median(cpu)


def decoder_times() -> dict[tuple[int, str], tuple[float, float]]:
    """Returns (wall, CPU) ms by (people, form); checks that all people were found."""
    times = {}
    for count in (1, 10, 30):
        maps, pafs = pose_scenes.draw_maps(pose_scenes.crowd(count), 46, 46)
        inputs = tf.constant(maps[None]), tf.constant(pafs[None])
        for form in ("graph", "XLA"):
            function = tf.function(Decoder(MPI, PAPER), jit_compile=form == "XLA")
            found = int(np.count_nonzero(function(*inputs)[1]))
            if found != count:
                raise RuntimeError(f"{form} found {found} of {count} people")
            times[count, form] = measure(lambda f=function, i=inputs: f(*i)[0].numpy())
        large = [cv2.resize(v, (368, 368), interpolation=cv2.INTER_CUBIC) for v in (maps, pafs)]
        times[count, "plain Python, 368 x 368"] = measure(
            lambda m=large: decoder_reference.decode(*m, MPI.limbs, MPI.num_parts), 1 if count > 1 else 3
        )
    return times


def forward_time() -> tuple[float, float]:
    """Returns (wall, CPU) ms of the full model on one picture of 368 x 368."""
    model = build_openpose(ModelConfig())
    function = tf.function(lambda x: model(x, training=False)[-1])
    images = preprocess(np.random.default_rng(0).integers(0, 256, (1, 368, 368, 3), np.uint8))
    return measure(lambda: function(images)[0].numpy(), 3)


def main() -> None:
    """Prints the tables."""
    times = decoder_times()
    print(f"{'people':>6}  {'form':<24} {'wall ms':>9} {'CPU ms':>9}")
    for (count, form), (wall, cpu) in times.items():
        print(f"{count:>6}  {form:<24} {wall:>9.2f} {cpu:>9.2f}")
    wall, cpu = times[30, "graph"]
    print(f"30 people: {wall / LIMIT_MS:.2f} of the limit of {LIMIT_MS:g} ms (CPU {cpu / LIMIT_MS:.2f})")
    print(f"30 people: {times[30, 'plain Python, 368 x 368'][1] / cpu:.0f} x less CPU than the plain form")
    if flags.FLAGS.forward:
        forward_wall, forward_cpu = forward_time()
        print(f"full model, forward, 368 x 368: {forward_wall:.0f} ms wall, {forward_cpu:.0f} ms CPU")
        print(f"decoder / forward: {100 * cpu / forward_cpu:.3f} % of CPU; limit {100 * LIMIT_SHARE:g} %")


if __name__ == "__main__":
    flags.DEFINE_bool("forward", True, "Also time the full model's forward pass (a minute or more on two cores).")
    cli.run(main)
