"""A run killed by SIGKILL and started again, in a new process, is bit-equal to one that was never stopped."""

import json
import signal

import numpy as np
import pytest
import tensorflow as tf

from tests.support.commands import finish_command, run_command, start_command, wait_until
from tests.support.small_records import write_records

NUM_STEPS = 8
TIMES = {"steps_per_s", "data_wait_ms"}
RUN = "tests.support.programs.resume_run"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    run_command(RUN, folder, NUM_STEPS)
    return folder


def variables(folder):
    reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(str(folder)))
    names = [name for name in reader.get_variable_to_shape_map() if not name.startswith(("_CHECK", "run/seconds"))]
    return {name: reader.get_tensor(name) for name in names if "save_counter" not in name}


def metrics(folder):
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in row.items() if key not in TIMES} for row in rows]


def assert_resume_is_exact(whole, folder, kill_after):
    run_command(RUN, folder, NUM_STEPS, kill_after, code=-signal.SIGKILL)
    run_command(RUN, folder, NUM_STEPS)
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


TEACHER_STEPS = 40
TEACHER_FLAGS = [
    *("--width=0.0625", "--num_stages=1", "--input_size=64", "--batch_size=4", "--max_people=2", "--deterministic"),
    *("--learning_rate=0.001", "--log_every=1", "--checkpoint_every=4", "--num_groups=4", "--min_group_size=1"),
    *("--decision_steps=3", "--num_hardest=4", f"--num_steps={TEACHER_STEPS}"),
]


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    folder = tmp_path_factory.mktemp("records")
    write_records(folder / "real", 8, is_synthetic=False)
    write_records(folder / "synthetic", 80, is_synthetic=True)
    return [f"--{kind}_records={folder / kind}" for kind in ("real", "synthetic")]


def start_teacher(records, model_dir, *more):
    return start_command("teacher.train", *records, *TEACHER_FLAGS, f"--model_dir={model_dir}", *more)


def run_teacher(records, model_dir, *more):
    finish_command(start_teacher(records, model_dir, *more))
    return model_dir


@pytest.fixture(scope="module")
def whole_with_teacher(records, tmp_path_factory):
    return run_teacher(records, tmp_path_factory.mktemp("whole_with_teacher"))


@pytest.mark.slow
@pytest.mark.parametrize("num_rows", [1, 6, 13, 21, 30])
def test_resume_with_a_teacher_is_exact(records, whole_with_teacher, tmp_path, num_rows):
    """Killed from outside, in the middle of whatever it does, once metrics.jsonl has `num_rows` rows."""
    process = start_teacher(records, tmp_path)
    path = tmp_path / "metrics.jsonl"
    wait_until(lambda: path.exists() and path.read_text().count("\n") >= num_rows, process)
    process.kill()
    finish_command(process, -signal.SIGKILL)
    assert num_rows <= len(path.read_text().splitlines()) < TEACHER_STEPS
    run_teacher(records, tmp_path)
    assert_same_runs(whole_with_teacher, tmp_path)


@pytest.mark.slow
def test_a_run_of_before_blocks_goes_on_in_its_order(records, tmp_path):
    """Its config.json says nothing of how records are read; the default of today, blocks, does not change it."""
    whole = run_teacher(records, tmp_path / "whole", "--reading=records")
    part = run_teacher(records, tmp_path / "part", "--reading=records", "--num_steps=17")
    config = json.loads((part / "config.json").read_text())
    assert config.pop("reading") == "records"
    (part / "config.json").write_text(json.dumps(config))
    assert_same_runs(whole, run_teacher(records, part))


def assert_same_runs(whole, resumed):
    expected, got = variables(whole), variables(resumed)
    assert expected.keys() == got.keys() and any(name.startswith("curriculum/") for name in expected)
    for name in expected:
        assert np.array_equal(expected[name], got[name]), name
    assert metrics(resumed) == metrics(whole)
    assert (resumed / "decisions.jsonl").read_text() == (whole / "decisions.jsonl").read_text()
