"""Two machines train one run; one of them is killed, and both are started again."""

import json
import signal

import numpy as np
import pytest
import tensorflow as tf

from openpose_tf.common.checkpoint_files import latest_checkpoint
from tests.support.commands import finish_command, start_command, wait_until
from tests.support.net_namespaces import two_machines
from tests.support.small_records import write_records

NUM_STEPS = 14
FLAGS = [
    *("--width=0.0625", "--num_stages=1", "--input_size=64", "--batch_size=4", "--max_people=2", "--deterministic"),
    *("--learning_rate=0.001", "--log_every=1", "--checkpoint_every=4", "--synthetic_fraction=0"),
    f"--num_steps={NUM_STEPS}",
]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """One process's run and the flags of its data."""
    folder = tmp_path_factory.mktemp("one_process")
    data = f"--real_records={write_records(folder / 'real', 8, is_synthetic=False)}"
    finish_command(start_command("openpose_tf.train", data, *FLAGS, f"--model_dir={folder / 'run'}"))
    return data, folder / "run"


def start(machines, data, model_dir):
    """Starts the chief on the first machine and a worker on the second, as TFJob does."""
    cluster = {job: [f"{machine.address}:2222"] for job, machine in zip(("chief", "worker"), machines)}
    flags = [data, *FLAGS, f"--model_dir={model_dir}", "--strategy=multi_worker"]
    tasks = [{"cluster": cluster, "task": {"type": job, "index": 0}} for job in cluster]
    return [
        start_command("openpose_tf.train", *flags, env={"TF_CONFIG": json.dumps(task)}, prefix=machine.prefix)
        for task, machine in zip(tasks, machines)
    ]


def losses(folder):
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == list(range(1, NUM_STEPS + 1))
    return [row["loss"] for row in rows]


@pytest.mark.parametrize("killed", [0, 1], ids=["chief", "worker"])
def test_a_killed_machine_ends_the_other_with_one_line_and_both_resume(whole, tmp_path, killed):
    data, expected = whole
    with two_machines() as machines:
        processes = start(machines, data, tmp_path)
        metrics = tmp_path / "metrics.jsonl"
        wait_until(lambda: metrics.exists() and metrics.read_text().count("\n") >= 6, processes[0])
        processes[killed].kill()
        finish_command(processes[killed], -signal.SIGKILL)
        error = finish_command(processes[1 - killed], code=1)
        assert "error: another worker is gone: run the same command again" in error and "Traceback" not in error
        for process in start(machines, data, tmp_path):
            assert "resuming at step" in finish_command(process)
    np.testing.assert_allclose(losses(tmp_path), losses(expected), rtol=1e-4)
    one, two = (tf.train.load_checkpoint(latest_checkpoint(folder)) for folder in (expected, tmp_path))
    names = [name for name in one.get_variable_to_shape_map() if name.startswith("model/") and "VARIABLE" in name]
    assert len(names) > 20
    for name in names:
        np.testing.assert_allclose(two.get_tensor(name), one.get_tensor(name), atol=1e-4, err_msg=name)
