"""What a teacher is: it proposes probabilities over groups, draws one, and learns from the loss that follows."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np


@dataclasses.dataclass(frozen=True)
class Decision:
    """One choice of a group.

    Attributes:
        index: number of the decision, 0 for the first of a run.
        group: the group whose samples the student gets until the next decision.
        probabilities: [num_groups] float64, the teacher's proposal P̃ (before exploration).
        explored: the group was drawn uniformly instead of from P̃.
        penalties: choices of a (nearly) empty group that came before, each one punished.
    """

    index: int
    group: int
    probabilities: np.ndarray
    explored: bool
    penalties: int = 0


@dataclasses.dataclass(frozen=True)
class WindowLosses:
    """What the student made of a decision.

    Attributes:
        loss: mean loss of the samples of the group in the window.
        first_half_loss, second_half_loss: the same over the two halves of the window; their difference is what the
            student learned.
    """

    loss: float
    first_half_loss: float
    second_half_loss: float


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What the teacher was told about its decision; both None where the teacher compares with nothing."""

    baseline: float | None
    rewarded: bool | None


class Teacher(Protocol):
    """Chooses groups. Any object with these members will do; none of it knows what the samples are.

    One decision is `propose` -> `draw` -> the student trains on the group -> `feedback`.
    """

    @property
    def num_groups(self) -> int:
        """Number of groups to choose from."""

    def propose(self, inputs: np.ndarray | None) -> np.ndarray:
        """Returns probabilities [num_groups] float64 for the student's present state.

        Args:
            inputs: [K, ...] what describes that state, such as the K hardest real images, the hardest first; None
                before the first window.
        """

    def draw(self, probabilities: np.ndarray) -> Decision:
        """Returns the next decision, drawn from the proposal; the same for the same seed and decision number."""

    def feedback(self, decision: Decision, outcome: WindowLosses) -> Verdict:
        """Learns from what followed a decision."""

    @property
    def state(self) -> Mapping[str, Any]:
        """TensorFlow trackables by name: everything that a checkpoint must hold for an exact resume."""
