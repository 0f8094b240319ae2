"""The teacher inside a student's training loop: windows of N steps, their losses, and one decision after each."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from openpose_tf.data.input.batch import Batch, Selection
from teacher.curriculum.hardest_buffer import HardestBuffer
from teacher.groups.groupings import Grouping
from teacher.teachers.array_state import ArrayState
from teacher.teachers.defaults import DECISION_STEPS, NUM_HARDEST
from teacher.teachers.protocol import Decision, Teacher, WindowLosses


class GroupCurriculum:
    """Implements the student loop's `Curriculum` with any `Teacher`.

    During a window all synthetic samples come from one group. After its last step the teacher hears their mean loss,
    looks at the hardest real samples of the window and draws the group of the next one (reference: one cycle).

    Args:
        teacher: chooses the groups.
        grouping: recomputes the group of every synthetic sample from its features, to count those of a wrong group.
        feature_names: names of the columns of `batch["features"]`.
        decision_steps: N, steps per window.
        num_hardest: number of hardest real samples kept.
        on_decision: called with (steps done, row) for every decision, for logs.
    """

    def __init__(
        self,
        teacher: Teacher,
        grouping: Grouping,
        feature_names: tuple[str, ...],
        decision_steps: int = DECISION_STEPS,
        num_hardest: int = NUM_HARDEST,
        on_decision: Callable[[int, Mapping[str, Any]], None] | None = None,
    ) -> None:
        self._teacher, self._grouping, self._feature_names = teacher, grouping, tuple(feature_names)
        self._decision_steps, self._on_decision = decision_steps, on_decision
        self._hardest = HardestBuffer(num_hardest)
        self._decision: Decision | None = None
        self._wrong = 0
        self._start_window()
        self._state = ArrayState(self._to_arrays, self._from_arrays)

    @property
    def trackable(self) -> dict[str, Any]:
        """State for the student's checkpoint: window, decision, buffer and the teacher's own."""
        return {"window": self._state, **{f"teacher_{name}": part for name, part in self._teacher.state.items()}}

    def select(self, step: int) -> Selection:
        """Returns the group of synthetic samples for the batch of `step`."""
        del step  # every call of a window gives the same
        if self._decision is None:
            self._decision = self._teacher.draw(self._teacher.propose(None))
        return Selection(self._decision.group)

    def after_step(self, step: int, batch: Batch, per_sample_loss: tf.Tensor) -> dict[str, Any] | None:
        """Takes a finished step; returns the row of decisions.jsonl after the last step of a window, else None.

        Args:
            step: number of the finished step, 0 for the first of the run; the loop writes `step + 1` into the row.
            batch: `images` [B, ...], `is_synthetic` [B] bool, `features` [B, F] float32.
            per_sample_loss: [B] float32.
        """
        losses = np.asarray(per_sample_loss, np.float64)
        synthetic = np.asarray(batch["is_synthetic"], bool)
        self._count_wrong(np.asarray(batch["features"])[synthetic], self.select(step).group)
        half = int(2 * self._steps >= self._decision_steps)
        self._sums[half] += losses[synthetic].sum(), synthetic.sum()
        real = np.flatnonzero(~synthetic)
        if len(real):
            self._hardest.add(tf.gather(batch["images"], real).numpy(), losses[real])
        self._steps += 1
        if self._steps < self._decision_steps:
            return None
        row = self._decide()
        if self._on_decision is not None:
            self._on_decision(step + 1, row)
        return row

    def summary(self) -> dict[str, Any]:
        """Returns the numbers for summary.json; the uniform choice of the first window is a decision, too."""
        decisions = 0 if self._decision is None else self._decision.index + 1
        return {"decisions": decisions, "wrong_group_samples": self._wrong}

    def _decide(self) -> dict[str, Any]:
        judged, outcome = self._decision, self._outcome()
        assert judged is not None
        verdict = self._teacher.feedback(judged, outcome)
        decision = self._decision = self._teacher.draw(self._teacher.propose(self._hardest.samples))
        hardest = self._hardest.losses
        self._start_window()
        return {
            "decision": decision.index,
            "group": decision.group,
            "probabilities": [float(p) for p in decision.probabilities],
            "explored": decision.explored,
            "penalties": decision.penalties,
            "judged_group": judged.group,
            "loss": outcome.loss,
            "baseline": verdict.baseline,
            "rewarded": verdict.rewarded,
            "hardest_real_loss": float(hardest[0]) if len(hardest) else None,
            "wrong_group_samples": self._wrong,
        }

    def _outcome(self) -> WindowLosses:
        total, count = self._sums.sum(0)
        first, second = (part[0] / part[1] if part[1] else total / count for part in self._sums)
        return WindowLosses(float(total / count), float(first), float(second))

    def _count_wrong(self, features: np.ndarray, group: int) -> None:
        columns = {name: features[:, i] for i, name in enumerate(self._feature_names)}
        self._wrong += int((self._grouping.assign(columns) != group).sum())

    def _start_window(self) -> None:
        self._steps = 0
        self._sums = np.zeros((2, 2))  # (first half, second half) x (sum of losses, number of samples)
        self._hardest.clear()

    def _to_arrays(self) -> dict[str, np.ndarray]:
        arrays = {"steps": np.asarray(self._steps), "sums": self._sums, "wrong": np.asarray(self._wrong)}
        arrays |= {f"hardest_{name}": array for name, array in self._hardest.to_arrays().items()}
        if self._decision is not None:
            d = self._decision
            arrays["decision"] = np.array([d.index, d.group, d.explored, d.penalties], np.int64)
            arrays["probabilities"] = d.probabilities
        return arrays

    def _from_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        self._steps, self._wrong, self._sums = int(arrays["steps"]), int(arrays["wrong"]), arrays["sums"].copy()
        self._hardest.from_arrays(
            {k.removeprefix("hardest_"): v for k, v in arrays.items() if k.startswith("hardest_")}
        )
        self._decision = None
        if "decision" in arrays:
            index, group, explored, penalties = (int(number) for number in arrays["decision"])
            self._decision = Decision(index, group, arrays["probabilities"].copy(), bool(explored), penalties)
