"""The outer loop of a run: batch, step, log, checkpoint, stop. It knows nothing of the network inside.

Example:
    outcome = train(config, student, batches, NoTeacher())
"""

import dataclasses
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from absl import logging

from openpose_tf.common.errors import MachineError
from openpose_tf.common.progress import Progress
from openpose_tf.config import TrainConfig
from openpose_tf.data.input.batch import ALL_SAMPLES, Batch, Selection
from openpose_tf.training.logs import RunLogs
from openpose_tf.training.protocols import Batches, Curriculum, StepResult, Student
from openpose_tf.training.stop_signals import StopSignals
from openpose_tf.weights.checkpoints import CheckpointStore


class TrainingRun(NamedTuple):
    """Everything that `train` takes.

    Attributes:
        config: the run.
        student: what is trained.
        batches: where its batches come from.
        curriculum: who chooses their synthetic samples.
    """

    config: TrainConfig
    student: Student
    batches: Batches
    curriculum: Curriculum


class NoTeacher:
    """The curriculum of a run without a teacher: one group that holds all synthetic samples."""

    def __init__(self) -> None:
        self.trackable = tf.train.Checkpoint()

    def select(self, step: int) -> Selection:
        """Returns the choice of all samples."""
        del step
        return ALL_SAMPLES

    def after_step(self, step: int, batch: Batch, per_sample_loss: tf.Tensor) -> None:
        """Decides nothing."""
        del step, batch, per_sample_loss

    def summary(self) -> Mapping[str, Any]:
        """Returns nothing."""
        return {}


class RunState(tf.Module):
    """What the loop itself must not forget: steps done, the running log window, seconds.

    Args:
        num_scalars: length of the log window's sums.
    """

    def __init__(self, num_scalars: int) -> None:
        super().__init__(name="run_state")
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.window_sums = tf.Variable(np.zeros(num_scalars), trainable=False)  # float64
        self.window_steps = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.seconds = tf.Variable(0.0, dtype=tf.float64, trainable=False)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a call of `train` ended.

    Attributes:
        step: steps done in total.
        is_complete: False if the run was told to stop early (SIGTERM).
        summary: what stands in summary.json of a complete run.
    """

    step: int
    is_complete: bool
    summary: Mapping[str, Any]


def train(config: TrainConfig, student: Student, batches: Batches, curriculum: Curriculum) -> Outcome:
    """Trains until `config.num_steps`, resuming from the latest checkpoint in `config.model_dir`.

    SIGTERM: checkpoint and return. SIGINT: checkpoint, then KeyboardInterrupt.

    Raises:
        MachineError: the loss or the gradient is not finite; the last checkpoint is kept.
        UserError: the checkpoint there belongs to another run.
    """
    return _Loop(config, student, batches, curriculum).run()


class _Loop:
    """The state of one call of `train`."""

    def __init__(self, config: TrainConfig, student: Student, batches: Batches, curriculum: Curriculum) -> None:
        self._config, self._student, self._batches, self._curriculum = config, student, batches, curriculum
        self._state = RunState(len(student.scalar_names))
        trackables = {**student.trackables, "run": self._state}
        trackables |= {"curriculum": curriculum.trackable, "data": batches.trackable}
        self._store = CheckpointStore(Path(config.model_dir), trackables, config.keep_checkpoints, student.is_chief)
        path = self._store.restore_latest()
        self._step = self._saved_step = 0 if path is None else int(self._state.step.numpy())
        self._logs = RunLogs(Path(config.model_dir), None if path is None else self._step, student.is_chief)
        where = f"a new run in {config.model_dir}" if path is None else f"resuming at step {self._step} from {path}"
        logging.info("%s", where)
        self._sums = self._state.window_sums.numpy()
        self._window_steps = int(self._state.window_steps.numpy())
        self._seconds = float(self._state.seconds.numpy())
        self._wait_s, self._timed_steps, self._window_start = 0.0, 0, time.monotonic()

    def run(self) -> Outcome:
        """Runs the loop to its end or to a stop signal."""
        start = time.monotonic() - self._seconds
        total = self._config.num_steps
        with self._logs, StopSignals() as stop, Progress(total, "train", "steps", self._step) as bar:
            if self._step == 0:
                self._save()  # the student before training, to compare with; and a full disk shows at once
            stopped = False
            while self._step < total and not stopped:
                loss = self._one_step()
                bar.update(1, f"loss {loss:.4g}")
                self._seconds = time.monotonic() - start
                if self._step % self._config.checkpoint_every == 0:
                    self._save()
                stopped = self._student.any_worker(stop.requested)  # all workers leave after the same step
            self._save()
            if stopped and self._step < total:
                stop.leave(f"stopped at step {self._step} of {total}; checkpoint kept in {self._config.model_dir}")
                return Outcome(self._step, False, {})
        return Outcome(self._step, True, self._logs.write_summary(self._summary()))

    def _one_step(self) -> float:
        selection = self._curriculum.select(self._step)
        before = time.monotonic()
        batch = self._batches.next(selection)
        self._wait_s += time.monotonic() - before
        learning_rate = self._student.learning_rate()
        result = self._student.train_step(batch)
        loss = float(result.loss)
        if not bool(result.is_finite):
            self._stop_at_nan(result.batch, loss)
        decision = self._curriculum.after_step(self._step, result.batch, result.per_sample_loss)
        self._step += 1
        if decision is not None:
            self._logs.decision({"step": self._step, **decision})
        self._account(result, learning_rate)
        if self._config.image_every and self._step % self._config.image_every == 0:
            self._logs.pictures(self._step, self._student.pictures(batch))
        return loss

    def _account(self, result: StepResult, learning_rate: float) -> None:
        self._sums += result.scalars.numpy().astype(np.float64)
        self._window_steps += 1
        self._timed_steps += 1
        if self._step % self._config.log_every and self._step != self._config.num_steps:
            return
        now = time.monotonic()
        means = self._sums / self._window_steps
        row = dict(zip(self._student.scalar_names, means.tolist()))
        row["learning_rate"] = learning_rate
        row["steps_per_s"] = self._timed_steps / max(now - self._window_start, 1e-9)
        row["data_wait_ms"] = 1e3 * self._wait_s / self._timed_steps
        self._logs.metrics(self._step, row)
        self._sums, self._window_steps = np.zeros_like(self._sums), 0
        self._wait_s, self._timed_steps, self._window_start = 0.0, 0, now

    def _stop_at_nan(self, batch: Batch, loss: float) -> None:
        keys = np.asarray(batch["key"]).tolist()
        raise MachineError(
            f"step {self._step + 1}: the loss is {loss} and loss or gradient are not finite; the checkpoint of step "
            f"{self._saved_step} in {self._config.model_dir} is kept. Records in the batch (rows of the record sets, "
            f"synthetic first): {keys}. Look at these records, lower --learning_rate, or use --precision=float32 "
            "(with bfloat16 on a CPU with AMX: docs/known_limits.md)"
        )

    def _save(self) -> None:
        if self._saved_step == self._step and self._step > 0:
            return
        state = self._state
        state.step.assign(self._step)
        state.window_sums.assign(self._sums)
        state.window_steps.assign(self._window_steps)
        state.seconds.assign(self._seconds)
        self._logs.flush()  # rows of this step must be on disk before the checkpoint that says they are
        self._store.save(self._step)
        self._saved_step = self._step

    def _summary(self) -> dict[str, Any]:
        return {"steps": self._step, "seconds": round(self._seconds, 3), **self._curriculum.summary()}
