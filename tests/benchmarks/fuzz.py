"""Mutated inputs for every reader, as many as wanted; prints accepted, refused and fell short, with each that did.

    nice python tests/benchmarks/fuzz.py --cases=100000 --output_file=fuzz.jsonl [--formats=BVH,record] [--first=2000]

The file has one line per 500 inputs, so that a run that is stopped has its figures; `--first` continues there.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import json
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from absl import flags

from openpose_tf.common import cli
from openpose_tf.common.errors import UserError
from tests.support.fuzzing import binary_targets, campaign, json_targets

TARGETS = {target.name: target for target in (*json_targets.TARGETS, *binary_targets.TARGETS)}
CHUNK = 500
MEMORY = Path("/dev/shm")  # of Linux: a folder in memory


def define_flags() -> None:
    """Defines this command's flags."""
    flags.DEFINE_integer("cases", 100_000, "Inputs per format.", lower_bound=1)
    flags.DEFINE_integer("first", 0, "Number of the first input.", lower_bound=0)
    flags.DEFINE_integer("seed", 1, "Input k is a function of (seed, k); the slow tests have seed 0.", lower_bound=0)
    flags.DEFINE_list("formats", list(TARGETS), "Which formats.")
    flags.DEFINE_string("output_file", None, "JSON lines: figures and inputs that fell short.", required=True)


def main() -> int:
    """Runs the campaigns by turns; exit code 1 if an input fell short."""
    given = flags.FLAGS
    unknown = set(given.formats) - set(TARGETS)
    if unknown:
        raise UserError(f"--formats: {', '.join(sorted(unknown))} unknown: use {', '.join(TARGETS)}")
    short = 0
    for first in range(given.first, given.cases, CHUNK):
        for name in given.formats:
            start = time.perf_counter()
            with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
                cases = range(first, min(first + CHUNK, given.cases))
                figures = campaign.run(TARGETS[name], given.seed, cases, Path(folder))
            row = {"format": name, "first": first, "accepted": figures.accepted, "refused": figures.refused,
                   "past_container": figures.past_container, "fell_short": figures.fell_short,
                   "seconds": round(time.perf_counter() - start, 1)}  # fmt: skip
            with open(given.output_file, "a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            short += len(figures.fell_short)
            print(
                f"{name}: {figures.accepted} accepted, {figures.refused} refused, {len(figures.fell_short)} fell short"
            )
    return cli.EXIT_MACHINE if short else cli.EXIT_OK


if __name__ == "__main__":
    cli.run(main, define_flags)
