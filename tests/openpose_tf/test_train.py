"""The command `python -m openpose_tf.train`, run as a user does."""

import json
import re
import signal

import pytest

from openpose_tf.weights import checkpoints
from tests.support.commands import finish_command, run_command, start_command, wait_until
from tests.support.small_records import write_records

SMALL = ["--width=0.0625", "--num_stages=1", "--input_size=64", "--batch_size=4", "--max_people=2", "--log_every=2"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("records")
    write_records(folder / "real", 6, is_synthetic=False)
    write_records(folder / "synthetic", 6, is_synthetic=True)
    return [f"--real_records={folder / 'real'}", f"--synthetic_records={folder / 'synthetic'}"]


def test_train_stop_and_go_on(data, tmp_path):
    command = ["openpose_tf.train", *SMALL, *data, f"--model_dir={tmp_path}", "--num_steps=6", "--checkpoint_every=4"]
    first = run_command(*command)
    assert "RANDOM INITIALIZATION" in first.stderr and "loss" in first.stderr
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [2, 4, 6]
    assert all(row["loss_real"] > 0 and row["loss_synthetic"] > 0 and row["data_wait_ms"] >= 0 for row in rows)
    assert json.loads((tmp_path / "summary.json").read_text())["steps"] == 6
    versions = json.loads((tmp_path / "versions.json").read_text())
    assert versions["packages"]["tensorflow"] and versions["data"]["real_records_hash"]
    assert "--num_stages=1" in (tmp_path / "flags.txt").read_text()
    assert checkpoints.load_student(tmp_path)[1].width == 0.0625
    assert "seed: 0, now 1" in run_command(*command, "--seed=1", code=2).stderr
    (tmp_path / "groups.json").write_text("{}")  # as teacher.train writes it
    assert "resume it with teacher.train" in run_command(*command, code=2).stderr


@pytest.mark.parametrize("number, code", [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
@pytest.mark.slow
def test_signals(data, tmp_path, number, code):
    flags = [*SMALL, *data, f"--model_dir={tmp_path}", "--num_steps=100000", "--checkpoint_every=100000"]
    metrics = tmp_path / "metrics.jsonl"
    with start_command("openpose_tf.train", *flags) as process:
        wait_until(lambda: metrics.exists() and metrics.read_text(), process)
        process.send_signal(number)
        error = finish_command(process, code, timeout=60)
    step = int(re.search(r"stopped at step (\d+) of 100000", error)[1])
    assert (tmp_path / f"ckpt-{step}.index").exists() and "Traceback" not in error


MISTAKES = [
    (["--model_dir=DIR"], "--real_records"),
    (["DATA"], "--model_dir"),
    (["DATA", "--model_dir=DIR", "--input_size=100"], "multiple of 8"),
    (["DATA", "--model_dir=DIR", "--mode=fast"], "mode"),
    (["DATA", "--model_dir=DIR", "--no_such_flag=1"], "no_such_flag"),
    (["DATA", "--model_dir=DIR", "extra"], "extra"),
    (["DATA", "--model_dir=DIR", "--init_checkpoint=DIR/none.h5"], "does not exist"),
    (["DATA", "--model_dir=DIR", "--copy_stages"], "--init_checkpoint"),
    (["DATA", "--model_dir=DIR", "--widen"], "--init_checkpoint"),
    (["--real_records=DIR/none", "--model_dir=DIR"], "none"),
    (["DATA", "--model_dir=DIR", "--strategy=multi_worker"], "TF_CONFIG"),
    (["DATA", "--model_dir=DIR", "--min_zoom=1.2", "--max_zoom=0.8"], "--min_zoom=1.2 is above --max_zoom=0.8"),
]


def test_a_users_mistake_is_one_message(data, tmp_path):
    def line(flags):
        flags = [f for flag in flags for f in (data if flag == "DATA" else [flag])]
        return [*SMALL, *(flag.replace("DIR", str(tmp_path)) for flag in flags)]

    lines = json.dumps([line(flags) for flags, _ in MISTAKES])
    result = run_command("tests.support.programs.many_runs", "openpose_tf.train", stdin=lines)
    outcomes = json.loads(result.stdout.partition("RESULTS")[2])
    for (_, message), outcome in zip(MISTAKES, outcomes, strict=True):
        assert outcome["code"] == 2, outcome
        assert message in outcome["error"] and "Traceback" not in outcome["error"]
    assert not list(tmp_path.glob("ckpt*"))
