"""The teacher without groups inside a student's training loop: each window trains on samples it drew one by one."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from openpose_tf.data.input.batch import Batch, Selection
from teacher.teachers.array_state import ArrayState
from teacher.teachers.defaults import DECISION_STEPS
from teacher.teachers.sample_teacher import SampleTeacher

LEAD = 2  # steps before the end of a window at which the next one is drawn, so that the pipeline need not wait


class _Window(NamedTuple):
    """The N batches of a window: rows of the record set [N, B] int64 and their weights [N, B] float32."""

    rows: np.ndarray
    weights: np.ndarray


class SampleCurriculum:
    """Implements the student loop's `Curriculum`; every N steps it draws the samples of the next N batches.

    The draw happens `LEAD` steps before the window begins; the losses of these last steps count in the draw after it.

    In decisions.jsonl the groups are for inspection only: `probabilities` is the chance of a sample of each group,
    `group` the one of the highest chance; `mean_weight` and `max_weight` are of the correction weights that the next
    window's samples carry into the student's loss. `wrong_group_samples` counts samples that were trained on without
    having been chosen.

    Args:
        teacher: chooses the samples.
        groups: [N] int64 group of each sample, -1 = left out.
        batch_size: synthetic samples in a global batch.
        decision_steps: steps per window.
        on_decision: called with (steps done, row) for every decision, for logs.
    """

    def __init__(
        self,
        teacher: SampleTeacher,
        groups: np.ndarray,
        batch_size: int,
        decision_steps: int = DECISION_STEPS,
        on_decision: Callable[[int, Mapping[str, Any]], None] | None = None,
    ) -> None:
        self._teacher, self._groups, self._batch_size = teacher, groups, batch_size
        self._decision_steps, self._on_decision = decision_steps, on_decision
        self._candidates = np.flatnonzero(groups >= 0)
        self._lead = min(LEAD, decision_steps - 1)
        self._nothing = _Window(np.zeros((0, batch_size), np.int64), np.zeros((0, batch_size), np.float32))
        self._now, self._next = self._nothing, self._nothing  # what the running window trains on, and the next one
        self._shares: np.ndarray = np.zeros(0)
        self._effective = 0.0
        self._steps, self._wrong, self._decisions = 0, 0, 0
        self._sums: np.ndarray = np.zeros(2)
        self._state = ArrayState(self._to_arrays, self._from_arrays)

    @property
    def trackable(self) -> dict[str, Any]:
        """State for the student's checkpoint: the window and the teacher's own."""
        return {"window": self._state, **{f"teacher_{name}": part for name, part in self._teacher.state.items()}}

    def select(self, step: int) -> Selection:
        """Returns the samples of the batch of `step`, and of the batches after it as far as they are drawn."""
        del step  # the window counts its own
        if not len(self._now.rows):
            self._now = self._choose()
        ahead = (np.concatenate([now[self._steps :], following]) for now, following in zip(self._now, self._next))
        return Selection(0, *ahead)

    def after_step(self, step: int, batch: Batch, per_sample_loss: tf.Tensor) -> dict[str, Any] | None:
        """Takes a finished step; returns a row for decisions.jsonl after the last step of a window, else None.

        Args:
            step: number of the finished step, 0 for the first of the run.
            batch: `is_synthetic` [B] bool, `key` [B] int64 rows of the record sets.
            per_sample_loss: [B] float32.
        """
        synthetic = np.asarray(batch["is_synthetic"], bool)
        keys, losses = np.asarray(batch["key"])[synthetic], np.asarray(per_sample_loss, np.float64)[synthetic]
        self._wrong += int((keys != self._now.rows[self._steps]).sum())
        self._teacher.feedback(np.searchsorted(self._candidates, keys), losses)
        self._sums += losses.sum(), len(losses)
        self._steps += 1
        if self._steps == self._decision_steps - self._lead:
            self._next = self._choose()
        if self._steps < self._decision_steps:
            return None
        row = self._row(float(self._sums[0] / self._sums[1]))
        self._steps, self._sums = 0, np.zeros(2)
        self._now, self._next = self._next, self._nothing
        if self._on_decision is not None:
            self._on_decision(step + 1, row)
        return row

    def summary(self) -> dict[str, Any]:
        """Returns the numbers for summary.json."""
        return {"decisions": self._decisions, "wrong_group_samples": self._wrong}

    def _choose(self) -> _Window:
        """Returns the samples of a new window, N batches."""
        shape = (self._decision_steps, self._batch_size)
        draw = self._teacher.draw(self._teacher.propose(), int(np.prod(shape)))
        self._shares = np.bincount(self._groups[self._candidates], draw.chances)
        self._effective = float(np.exp(-(draw.chances * np.log(np.maximum(draw.chances, 1e-300))).sum()))
        self._decisions += 1
        return _Window(self._candidates[draw.rows].reshape(shape), draw.weights.reshape(shape))

    def _row(self, loss: float) -> dict[str, Any]:
        return {
            "decision": self._decisions - 1,
            "group": int(self._shares.argmax()),
            "probabilities": self._shares.tolist(),
            "explored": False,
            "loss": loss,
            "baseline": None,
            "rewarded": None,
            "effective_samples": self._effective,
            "mean_weight": float(self._next.weights.mean()),
            "max_weight": float(self._next.weights.max()),
            "wrong_group_samples": self._wrong,
        }

    def _to_arrays(self) -> dict[str, np.ndarray]:
        numbers = np.array([self._steps, self._wrong, self._decisions], np.int64)
        shares = {"shares": self._shares, "effective": np.asarray(self._effective)}
        windows = {"rows": self._now.rows, "next": self._next.rows}
        weights = {"weights": self._now.weights, "next_weights": self._next.weights}
        return {**windows, **weights, "numbers": numbers, "sums": self._sums, **shares}

    def _from_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        rows, following = arrays["rows"], arrays["next"]
        # A checkpoint from before the weights has none: all 1.
        self._now = _Window(rows, arrays.get("weights", np.ones(rows.shape, np.float32)))
        self._next = _Window(following, arrays.get("next_weights", np.ones(following.shape, np.float32)))
        self._sums, self._shares, self._effective = (
            arrays["sums"].copy(),
            arrays["shares"].copy(),
            float(arrays["effective"]),
        )
        # Older checkpoints have the window's first step in front.
        self._steps, self._wrong, self._decisions = (int(number) for number in arrays["numbers"][-3:])
