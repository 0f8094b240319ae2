import json
import os
import signal

import numpy as np
import pytest
import tensorflow as tf

from openpose_tf.common.errors import MachineError, UserError
from openpose_tf.config import TrainConfig
from openpose_tf.data.input.batch import Selection
from openpose_tf.training.loop import NoTeacher, train
from openpose_tf.training.protocols import StepResult


class OneWeight:
    """A student whose weight is the sum of the batch numbers, and whose loss is the batch number."""

    scalar_names = ("loss", "loss_real", "loss_synthetic")
    is_chief = True

    def __init__(self, nan_at=None, at_step=None):
        self.weight = tf.Variable(0.0)
        self.trackables = {"model": tf.train.Checkpoint(weight=self.weight)}
        self.steps, self._nan_at, self._at_step = 0, nan_at, at_step or {}

    def any_worker(self, flag):
        return flag

    def learning_rate(self):
        return 0.5

    def train_step(self, batch):
        self.steps += 1
        number = float(batch["key"][0])
        self._at_step.get(number, lambda: None)()
        loss = np.float32(np.nan if number == self._nan_at else number)
        self.weight.assign_add(loss)
        scalars = tf.constant([loss, np.nan, 2 * loss])
        return StepResult(tf.constant(loss), tf.fill([2], loss), tf.math.is_finite(loss), scalars, batch)

    def pictures(self, batch):
        return {"input": np.zeros((1, 8, 8, 3), np.uint8)}


class NumberedBatches:
    def __init__(self):
        self.counter = tf.Variable(0, dtype=tf.int64)
        self.trackable = tf.train.Checkpoint(counter=self.counter)
        self.groups = []

    def next(self, selection):
        self.groups.append(selection.group)
        self.counter.assign_add(1)
        return {"key": tf.constant([self.counter.numpy() - 1, 70], tf.int64)}


class EveryThird:
    """Decides after every third step; its state is the number of steps seen."""

    def __init__(self):
        self.seen = tf.Variable(0, dtype=tf.int64)
        self.trackable = {"seen": self.seen}

    def select(self, step):
        return Selection(step // 3)

    def after_step(self, step, batch, per_sample_loss):
        self.seen.assign_add(1)
        return {"group": step // 3 + 1, "loss": per_sample_loss[0].numpy()} if step % 3 == 2 else None

    def summary(self):
        return {"decisions": int(self.seen.numpy()) // 3, "wrong_group_samples": 0}


def config(folder, num_steps=10, **kwargs):
    return TrainConfig(str(folder), num_steps=num_steps, checkpoint_every=4, log_every=3, **kwargs)


def rows(folder, name):
    return [json.loads(line) for line in (folder / name).read_text().splitlines()]


def without_times(metrics):
    return [{k: v for k, v in row.items() if k not in ("steps_per_s", "data_wait_ms")} for row in metrics]


def test_rows_summary_and_groups(tmp_path):
    batches = NumberedBatches()
    outcome = train(config(tmp_path), OneWeight(), batches, EveryThird())
    assert outcome.is_complete and outcome.step == 10
    metrics = rows(tmp_path, "metrics.jsonl")
    assert [row["step"] for row in metrics] == [3, 6, 9, 10]
    assert [row["loss"] for row in metrics] == [1, 4, 7, 9]  # means of the windows 0-2, 3-5, 6-8, 9
    assert metrics[0]["loss_real"] is None and metrics[0]["loss_synthetic"] == 2 and metrics[0]["learning_rate"] == 0.5
    assert rows(tmp_path, "decisions.jsonl")[0] == {"step": 3, "group": 1, "loss": 2.0}
    assert batches.groups == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3]
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary == outcome.summary
    assert summary["steps"] == 10 and summary["decisions"] == 3 and summary["wrong_group_samples"] == 0
    assert summary["loss_first"] == 1 and summary["loss_last"] == 9 and summary["loss_real_last"] is None
    assert list(tmp_path.glob("events.out.tfevents*"))


@pytest.mark.parametrize("stop_after", [1, 4, 5, 9])
def test_sigterm_checkpoints_and_resume_equals_uninterrupted(tmp_path, stop_after):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    student = OneWeight()
    train(config(whole), student, NumberedBatches(), EveryThird())
    stop = {float(stop_after - 1): lambda: os.kill(os.getpid(), signal.SIGTERM)}
    outcome = train(config(broken), OneWeight(at_step=stop), NumberedBatches(), EveryThird())
    assert not outcome.is_complete and outcome.step == stop_after
    assert not (broken / "summary.json").exists()
    resumed, batches, curriculum = OneWeight(), NumberedBatches(), EveryThird()
    train(config(broken), resumed, batches, curriculum)
    assert resumed.steps == 10 - stop_after
    assert resumed.weight.numpy() == student.weight.numpy() == 45
    assert curriculum.seen.numpy() == 10 and batches.counter.numpy() == 10
    assert without_times(rows(broken, "metrics.jsonl")) == without_times(rows(whole, "metrics.jsonl"))
    assert rows(broken, "decisions.jsonl") == rows(whole, "decisions.jsonl")


def test_sigint_checkpoints_then_raises(tmp_path):
    stop = {2.0: lambda: os.kill(os.getpid(), signal.SIGINT)}
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train(config(tmp_path), OneWeight(at_step=stop), NumberedBatches(), NoTeacher())
    assert signal.getsignal(signal.SIGINT) == before
    assert (tmp_path / "ckpt-3.index").exists()


def test_a_crash_repeats_rows_since_the_checkpoint_once(tmp_path):
    """Killed at step 8 with a checkpoint at 4: rows of 6 (and a torn line) are taken back and written again."""
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train(config(whole), OneWeight(), NumberedBatches(), EveryThird())

    def crash():
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        train(config(broken), OneWeight(at_step={7.0: crash}), NumberedBatches(), EveryThird())
    with (broken / "metrics.jsonl").open("a") as file:
        file.write('{"step": 8, "lo')
    assert [row["step"] for row in rows(broken, "decisions.jsonl")] == [3, 6]
    train(config(broken), OneWeight(), NumberedBatches(), EveryThird())
    assert without_times(rows(broken, "metrics.jsonl")) == without_times(rows(whole, "metrics.jsonl"))
    assert rows(broken, "decisions.jsonl") == rows(whole, "decisions.jsonl")


def test_nan_stops_names_the_records_and_keeps_the_last_good_checkpoint(tmp_path):
    with pytest.raises(MachineError, match=r"step 7.*checkpoint of step 4.*\[6, 70\]"):
        train(config(tmp_path), OneWeight(nan_at=6), NumberedBatches(), NoTeacher())
    assert [path.name for path in sorted(tmp_path.glob("ckpt-*.index"))] == ["ckpt-0.index", "ckpt-4.index"]
    student = OneWeight()
    train(config(tmp_path), student, NumberedBatches(), NoTeacher())  # the records were mended
    assert student.weight.numpy() == 45


def test_a_finished_run_does_nothing_more_and_a_longer_one_goes_on(tmp_path):
    train(config(tmp_path), OneWeight(), NumberedBatches(), NoTeacher())
    student = OneWeight()
    assert train(config(tmp_path), student, NumberedBatches(), NoTeacher()).is_complete and student.steps == 0
    train(config(tmp_path, num_steps=12), student, NumberedBatches(), NoTeacher())
    assert student.steps == 2


@pytest.mark.parametrize("content", [None, b"", b"\xff\x00", b'model_checkpoint_path: "ckpt-4"'])
def test_a_run_resumes_without_tensorflows_list_of_checkpoints(tmp_path, content):
    """The small file `checkpoint` was not copied, or is empty, damaged or of an earlier copy."""
    train(config(tmp_path), OneWeight(), NumberedBatches(), EveryThird())
    before = [(tmp_path / name).read_text() for name in ("metrics.jsonl", "decisions.jsonl")]
    state = tmp_path / "checkpoint"
    state.unlink() if content is None else state.write_bytes(content)
    student = OneWeight()
    train(config(tmp_path), student, NumberedBatches(), EveryThird())
    assert student.steps == 0 and student.weight.numpy() == 45
    assert before == [(tmp_path / name).read_text() for name in ("metrics.jsonl", "decisions.jsonl")]
    train(config(tmp_path, num_steps=16, keep_checkpoints=3), student, NumberedBatches(), EveryThird())
    assert student.steps == 6
    assert sorted(path.name for path in tmp_path.glob("ckpt-*.index")) == [f"ckpt-{n}.index" for n in (10, 12, 16)]
    assert tf.train.latest_checkpoint(str(tmp_path)) == str(tmp_path / "ckpt-16")


def test_logs_without_a_checkpoint_are_kept_and_the_run_refused(tmp_path):
    train(config(tmp_path), OneWeight(), NumberedBatches(), EveryThird())
    for path in tmp_path.glob("ckpt-*.data*"):  # only the small files were copied
        path.unlink()
    before = [(tmp_path / name).read_text() for name in ("metrics.jsonl", "decisions.jsonl")]
    with pytest.raises(UserError, match=r"metrics\.jsonl has 4 rows.*no checkpoint.*copy"):
        train(config(tmp_path), OneWeight(), NumberedBatches(), EveryThird())
    assert before == [(tmp_path / name).read_text() for name in ("metrics.jsonl", "decisions.jsonl")]


def test_old_checkpoints_go(tmp_path):
    train(config(tmp_path, num_steps=20, keep_checkpoints=2), OneWeight(), NumberedBatches(), NoTeacher())
    assert sorted(path.name for path in tmp_path.glob("ckpt-*.index")) == ["ckpt-16.index", "ckpt-20.index"]


def test_pictures_at_the_chosen_pace(tmp_path):
    train(config(tmp_path, image_every=5), OneWeight(), NumberedBatches(), NoTeacher())
    (events,) = tmp_path.glob("events.out.tfevents*")
    tags = [v.tag for e in tf.compat.v1.train.summary_iterator(str(events)) for v in e.summary.value]
    assert tags.count("input") == 2 and tags.count("loss") == 4 and "loss_real" not in tags
