"""The whole run through the command: decisions, exact groups, resume, and what is refused before it starts."""

import concurrent.futures
import json
import socket

import numpy as np
import pytest
import tensorflow as tf

from tests.support.commands import run_command

TINY = (
    *("--width=0.0625", "--num_stages=2", "--input_size=64", "--batch_size=4", "--learning_rate=1e-3"),
    *("--decision_steps=4", "--num_groups=2", "--min_group_size=2", "--teacher_learning_rate=1e-3", "--log_every=4"),
    *("--deterministic", "--num_hardest=6", "--data_threads=1"),
)


def train_worker(records, model_dir, flags, cluster, index):
    task = {"cluster": cluster, "task": {"type": "worker", "index": index}}
    return train(records, model_dir, *flags, "--strategy=multi_worker", tf_config=task)


def train(records, model_dir, *flags, tf_config=None, code=0):
    sets = [f"--{kind}_records={path}" for kind, path in records.items()]
    env = {"TF_CONFIG": json.dumps(tf_config)} if tf_config else {}
    return run_command("teacher.train", f"--model_dir={model_dir}", *sets, *TINY, *flags, env=env, code=code)


def rows(model_dir):
    return [json.loads(line) for line in (model_dir / "decisions.jsonl").read_text().splitlines()]


def assert_same_variables(one_dir, two_dir):
    one, two = (tf.train.load_checkpoint(str(folder)) for folder in (one_dir, two_dir))
    names = [name for name in one.get_variable_to_shape_map() if name.split("/")[0] in ("model", "curriculum")]
    assert any("teacher" in name for name in names)
    for name in names:
        np.testing.assert_array_equal(one.get_tensor(name), two.get_tensor(name), err_msg=name)


@pytest.mark.slow
def test_run_decides_keeps_its_groups_and_resumes_exactly(toy_records, tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(toy_records, whole, "--num_steps=40")
    decisions = rows(whole)
    assert [row["step"] for row in decisions] == list(range(4, 41, 4))
    assert {row["group"] for row in decisions} == {0, 1}
    assert all(sum(row["probabilities"]) == pytest.approx(1.0) for row in decisions)
    assert decisions[0]["rewarded"] is None and all(row["rewarded"] in (True, False) for row in decisions[1:])
    summary = json.loads((whole / "summary.json").read_text())
    assert summary["wrong_group_samples"] == 0 and summary["decisions"] == 11
    groups = json.loads((whole / "groups.json").read_text())
    assert groups["counts"] == [12, 12] and groups["labels"][0].startswith("camera pitch <")
    assert list((whole / "teacher").glob("events*"))

    for steps in ("18", "40"):  # 18 lies inside a window
        train(toy_records, parts, f"--num_steps={steps}")
    assert rows(parts) == decisions
    assert_same_variables(whole, parts)

    result = train(toy_records, whole, "--num_steps=44", "--grouping=min_distance", code=2)
    assert "grouping.axes: " in result.stderr
    result = train(toy_records, whole, "--num_steps=44", "--teacher=uniform", code=2)
    assert "teacher.name: adversarial, now uniform" in result.stderr
    assert rows(whole) == decisions

    run_command("teacher.plot", f"--model_dir={whole}", f"--output_dir={tmp_path / 'plots'}")
    assert {path.name for path in (tmp_path / "plots").iterdir()} == {
        "probabilities.png",
        "groups.png",
        "reward_rate.png",
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--grouping=scale",), "no feature scale"),
        (("--min_group_size=24",), "no group of camera_pitch has more than 24"),
        (("--teacher=best",), "--teacher"),
        (("--real_records=",), "--real_records"),
    ],
)
def test_wrong_input_is_refused_before_anything_is_written(toy_records, tmp_path, flags, message):
    assert message in train(toy_records, tmp_path / "run", "--num_steps=8", *flags, code=2).stderr
    assert not (tmp_path / "run" / "config.json").exists()


@pytest.mark.slow
def test_teacher_without_groups_trains_on_what_it_chose_and_resumes_exactly(toy_records, tmp_path):
    for name, calls in (("whole", ("16",)), ("parts", ("6", "16"))):
        for steps in calls:
            flags = (f"--num_steps={steps}", "--teacher=samples", "--teacher_correction=1")
            train(toy_records, tmp_path / name, *flags)
    decisions = rows(tmp_path / "whole")
    assert rows(tmp_path / "parts") == decisions and len(decisions) == 4
    assert len(decisions[0]["probabilities"]) == 2 and decisions[-1]["effective_samples"] < 24
    assert decisions[-1]["mean_weight"] < decisions[-1]["max_weight"] <= 10
    assert_same_variables(tmp_path / "whole", tmp_path / "parts")
    assert json.loads((tmp_path / "parts" / "summary.json").read_text())["wrong_group_samples"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("teacher", [(), ("--teacher=samples", "--teacher_correction=1")], ids=["groups", "samples"])
def test_two_workers_decide_like_one_process(toy_records, tmp_path, teacher):
    # Steps a tenth as large as TINY's: with those, the rounding of two workers' sums (5e-7 in the first window) grew to
    # 4e-4 in the third on one make of CPU. With these it stays at 1e-7, while twice the learning rate changes the loss
    # of the first window by 5e-4.
    flags = ("--num_steps=12", "--learning_rate=1e-4", *teacher)
    train(toy_records, tmp_path / "one", *flags)
    ports = []
    for _ in range(2):
        with socket.socket() as probe:
            probe.bind(("localhost", 0))
            ports.append(probe.getsockname()[1])
    cluster = {"worker": [f"localhost:{port}" for port in ports]}
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda k: train_worker(toy_records, tmp_path / "two", flags, cluster, k), range(2)))
    for one, two in zip(rows(tmp_path / "one"), rows(tmp_path / "two"), strict=True):
        assert (one["group"], one["rewarded"], two["wrong_group_samples"]) == (two["group"], two["rewarded"], 0)
        np.testing.assert_allclose(one["probabilities"], two["probabilities"], atol=1e-4)
        assert one["loss"] == pytest.approx(two["loss"], rel=1e-6)
