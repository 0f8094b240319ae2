"""Two workers on localhost, from TFRecord shards and with the teacher, give what one process gives."""

import json
import socket

import numpy as np
import pytest
import tensorflow as tf

from openpose_tf.common.checkpoint_files import latest_checkpoint
from tests.support.commands import finish_command, run_command, start_command
from tests.support.small_records import write_records

FLAGS = [
    *("--width=0.0625", "--num_stages=1", "--input_size=64", "--batch_size=4", "--max_people=2", "--deterministic"),
    *("--learning_rate=0.001", "--log_every=1", "--num_groups=4", "--min_group_size=1", "--decision_steps=2"),
]
NUM_STEPS = 6


def start(data, model_dir, num_steps, cluster=None, job="worker"):
    env, strategy = {}, "one_device"
    if cluster:
        env["TF_CONFIG"] = json.dumps({"cluster": cluster, "task": {"type": job, "index": 0}})
        strategy = "multi_worker"
    flags = [*data, *FLAGS, f"--model_dir={model_dir}", f"--num_steps={num_steps}", f"--strategy={strategy}"]
    return start_command("teacher.train", *flags, env=env)


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind(("localhost", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def rows(folder, name):
    return [json.loads(line) for line in (folder / name).read_text().splitlines()]


def model_variables(folder):
    reader = tf.train.load_checkpoint(latest_checkpoint(folder))
    names = [n for n in reader.get_variable_to_shape_map() if n.startswith(("model/", "optimizer/"))]
    return {name: reader.get_tensor(name) for name in names if "VARIABLE_VALUE" in name}


@pytest.mark.slow
def test_two_workers_equal_one_process(tmp_path):
    write_records(tmp_path / "real", 8, is_synthetic=False)
    write_records(tmp_path / "synthetic", 80, is_synthetic=True)
    data = [f"--{kind}_records={tmp_path / kind}" for kind in ("real", "synthetic")]
    one, two = tmp_path / "one", tmp_path / "two"
    finish_command(start(data, one, NUM_STEPS))
    cluster = {job: [f"localhost:{port}"] for job, port in zip(("chief", "worker", "evaluator"), free_ports(3))}
    workers = [start(data, two, NUM_STEPS, cluster, job) for job in cluster]  # as TFJob sets it
    for worker in workers:
        finish_command(worker)
    assert len(list(two.glob("events.out.tfevents.*"))) == 1  # of the chief

    for name in ("loss", "loss_real", "loss_synthetic", "gradient_norm"):
        values = [[row[name] for row in rows(folder, "metrics.jsonl")] for folder in (one, two)]
        np.testing.assert_allclose(*values, rtol=1e-4, err_msg=name)
    decisions = [rows(folder, "decisions.jsonl") for folder in (one, two)]
    assert [d["group"] for d in decisions[0]] == [d["group"] for d in decisions[1]] and len(decisions[0]) == 3
    np.testing.assert_allclose(*([d["probabilities"] for d in side] for side in decisions), atol=1e-5)
    assert all(row["wrong_group_samples"] == 0 for side in decisions for row in side)
    expected, got = model_variables(one), model_variables(two)
    assert expected.keys() == got.keys() and len(expected) > 60
    for name in expected:
        np.testing.assert_allclose(got[name], expected[name], atol=1e-4, err_msg=name)

    finish_command(start(data, two, NUM_STEPS + 2))  # the checkpoint of two workers goes on with one
    assert [row["step"] for row in rows(two, "metrics.jsonl")] == list(range(1, NUM_STEPS + 3))


@pytest.mark.slow
def test_two_mirrored_devices_equal_one():
    difference = json.loads(run_command("tests.support.programs.mirrored_run").stdout.splitlines()[-1])
    assert difference["keys_equal"] and difference["losses"] < 1e-4 and difference["weights"] < 1e-4
