"""A run killed by SIGKILL and started again, in a new process, is bit-equal to one that was never stopped."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

ROOT = Path(__file__).resolve().parents[2]
NUM_STEPS = 8
TIMES = {"steps_per_s", "data_wait_ms"}


def run(model_dir, *numbers):
    command = [sys.executable, "-m", "tests.openpose_tf.resume_run", str(model_dir), *map(str, numbers)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    result = run(folder, NUM_STEPS)
    assert result.returncode == 0, result.stderr
    return folder


def variables(folder):
    reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(str(folder)))
    names = [name for name in reader.get_variable_to_shape_map() if not name.startswith(("_CHECK", "run/seconds"))]
    return {name: reader.get_tensor(name) for name in names if "save_counter" not in name}


def metrics(folder):
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in row.items() if key not in TIMES} for row in rows]


def assert_resume_is_exact(whole, folder, kill_after):
    assert run(folder, NUM_STEPS, kill_after).returncode == -signal.SIGKILL
    result = run(folder, NUM_STEPS)
    assert result.returncode == 0, result.stderr
    expected, got = variables(whole), variables(folder)
    assert expected.keys() == got.keys() and len(expected) > 60
    for name in expected:
        assert np.array_equal(expected[name], got[name]), name
    assert metrics(folder) == metrics(whole)


def test_resume_is_exact(whole, tmp_path):
    assert_resume_is_exact(whole, tmp_path, 5)  # the checkpoint of step 3 lies in the middle of a log window


@pytest.mark.slow
@pytest.mark.parametrize("kill_after", [0, 1, 3, 4, 7])
def test_resume_is_exact_at_every_place(whole, tmp_path, kill_after):
    assert_resume_is_exact(whole, tmp_path, kill_after)
