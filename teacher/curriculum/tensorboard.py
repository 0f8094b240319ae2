"""The teacher's curves for TensorBoard, beside the student's."""

import collections
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

RATE_WINDOW = 20  # decisions over which reward and exploration rates are averaged


class TeacherBoard:
    """Writes one point per decision: probability of each group, loss, baseline, reward and exploration rate.

    Args:
        model_dir: the run; events go to its folder `teacher`.
    """

    def __init__(self, model_dir: str | Path) -> None:
        self._writer = tf.summary.create_file_writer(str(Path(model_dir) / "teacher"))
        self._rewarded: collections.deque[float] = collections.deque(maxlen=RATE_WINDOW)
        self._explored: collections.deque[float] = collections.deque(maxlen=RATE_WINDOW)

    def write(self, step: int, row: Mapping[str, Any]) -> None:
        """Writes a decision made after `step` training steps; `row` as in decisions.jsonl."""
        self._explored.append(float(row["explored"]))
        if row["rewarded"] is not None:
            self._rewarded.append(float(row["rewarded"]))
        with self._writer.as_default(step):
            for group, probability in enumerate(row["probabilities"]):
                tf.summary.scalar(f"teacher/probability/{group:03d}", probability)
            tf.summary.scalar("teacher/picked_group", row["group"])
            tf.summary.scalar("teacher/window_loss", row["loss"])
            tf.summary.scalar("teacher/exploration_rate", sum(self._explored) / len(self._explored))
            if row["baseline"] is not None:
                tf.summary.scalar("teacher/baseline", row["baseline"])
            if self._rewarded:
                tf.summary.scalar("teacher/reward_rate", sum(self._rewarded) / len(self._rewarded))
        self._writer.flush()
