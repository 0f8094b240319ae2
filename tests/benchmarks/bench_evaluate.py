"""Prints how long the MPII scores of made-up groups take: reading the .mat file, matching, AP.

    python tests/benchmarks/bench_evaluate.py [--groups=350] [--repeats=5]

350 is the number of groups of the public validation set, which has 2.6 people per group; here each has three.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from absl import flags

from eval.formats import mpii_toolkit
from eval.formats.mpii_inputs import read_groups
from eval.metrics import mpii_summary
from eval.metrics.groups import GroupPredictions, GroupTruth
from openpose_tf.common import cli

flags.DEFINE_integer("groups", 350, "Number of groups of people.")
flags.DEFINE_integer("repeats", 5, "Timed passes; the median is printed.")
PEOPLE = 3


def groups(count: int) -> tuple[list[GroupTruth], list[GroupPredictions]]:
    """Returns groups of people all of whom are found, with errors of a few pixels."""
    rng = np.random.default_rng(0)
    truth, found = [], []
    for _ in range(count):
        xy = rng.uniform(0, 700, (PEOPLE, 16, 2))
        boxes = np.concatenate([xy[:, 9] - 30, xy[:, 9] + 30], 1)
        truth.append(GroupTruth(xy, np.ones((PEOPLE, 16)), boxes, xy.mean(1), np.ones(PEOPLE)))
        found.append(GroupPredictions(xy + rng.normal(0, 15, xy.shape), rng.uniform(size=(PEOPLE, 16))))
    return truth, found


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        paths = [f"{folder}/truth.mat", f"{folder}/found.mat"]
        truth, found = groups(flags.FLAGS.groups)
        mpii_toolkit.write_truth(Path(paths[0]), truth)
        mpii_toolkit.write_predictions(Path(paths[1]), found)
        times = []
        for _ in range(flags.FLAGS.repeats):
            start = time.process_time()
            read = read_groups(*paths)
            between = time.process_time()
            mpii_summary.summarize(mpii_summary.match_groups(*read))
            times.append((between - start, time.process_time() - between))
    reading, scoring = (statistics.median(column) for column in zip(*times))
    print(f"{flags.FLAGS.groups} groups: reading {reading:.2f} CPU s, matching and AP {scoring:.2f} CPU s")


if __name__ == "__main__":
    cli.run(main)
