"""What the training loop asks of a student, of its batches and of a curriculum."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import tensorflow as tf

from openpose_tf.data.input.batch import Batch, Selection


class StepResult(NamedTuple):
    """What one training step gives back.

    Attributes:
        loss: [] float32, the optimized loss without sample weights.
        per_sample_loss: [B] float32, last stage per annotated joint, of the global batch, without weights.
        is_finite: [] bool, whether loss and gradient are finite.
        scalars: [len(student.scalar_names)] float32, averaged over a log window; NaN where nothing was measured.
        batch: what the curriculum sees of the global batch: images, is_synthetic, features, key. With one worker it is
            the batch itself, with more the shares of all.
    """

    loss: tf.Tensor
    per_sample_loss: tf.Tensor
    is_finite: tf.Tensor
    scalars: tf.Tensor
    batch: Batch


class Student(Protocol):
    """What the loop trains."""

    @property
    def scalar_names(self) -> Sequence[str]:
        """Names of `StepResult.scalars`."""

    @property
    def trackables(self) -> Mapping[str, Any]:
        """What goes into the checkpoint; `model` is the network."""

    @property
    def is_chief(self) -> bool:
        """Whether this process writes logs and checkpoints."""

    def any_worker(self, flag: bool) -> bool:
        """Returns whether `flag` is set in any worker of the run."""

    def train_step(self, batch: Batch) -> StepResult:
        """Updates the weights by one batch."""

    def learning_rate(self) -> float:
        """Returns the learning rate of the next step."""

    def pictures(self, batch: Batch) -> Mapping[str, np.ndarray]:
        """Returns images [N, H, W, 3] uint8 by name, for TensorBoard."""


class Batches(Protocol):
    """Where batches come from; the next batch of a group is a function of the trackable's counters alone."""

    @property
    def trackable(self) -> Any:
        """Counters for the student's checkpoint; restoring them moves the streams."""

    def next(self, selection: Selection) -> Batch:
        """Returns the next batch (docs/reference/records.md, "Batch"); its synthetic half is as selected."""


class Curriculum(Protocol):
    """Who chooses the synthetic samples: the student's view of a teacher."""

    @property
    def trackable(self) -> Any:
        """State for the student's checkpoint: a trackable, or a dict of trackables and variables."""

    def select(self, step: int) -> Selection:
        """Returns the choice of synthetic samples for the batch of `step` (0-based)."""

    def after_step(self, step: int, batch: Batch, per_sample_loss: tf.Tensor) -> Mapping[str, Any] | None:
        """Takes the losses [B] of the batch of `step` (0-based).

        Returns:
            A row for decisions.jsonl when a decision was made, else None. The loop adds "step", the number of steps
            done, so a decision after the batch of step 19 stands at step 20.
        """

    def summary(self) -> Mapping[str, Any]:
        """Returns numbers for summary.json, such as `decisions` and `wrong_group_samples`."""
