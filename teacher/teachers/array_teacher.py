"""Drawing groups: stateless random numbers, exploration, and teachers that keep their state in NumPy."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from teacher.teachers.protocol import Decision, Verdict, WindowLosses

_DRAW_STREAM = 0x7EAC  # keeps these numbers apart from other uses of the same seed


def draw_group(
    probabilities: np.ndarray, exploration: float, seed: int, index: int, attempt: int = 0
) -> tuple[int, bool]:
    """Returns (group, explored): with probability `exploration` a uniform draw, else one from `probabilities`.

    Args:
        probabilities: [num_groups] float, sums to 1.
        exploration: ε, 0 to 1.
        seed, index, attempt: the draw is a pure function of these, so a resumed run draws the same.
    """
    rng = np.random.default_rng([_DRAW_STREAM, seed, index, attempt])
    if rng.random() < exploration:
        return int(rng.integers(len(probabilities))), True
    cumulative = np.cumsum(np.asarray(probabilities, np.float64))
    return int(np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right")), False


class ArrayOwner:
    """Base of what keeps its whole state in NumPy arrays by name."""

    _arrays: dict[str, np.ndarray]

    @property
    def state(self) -> Mapping[str, Any]:
        """The arrays, as one checkpoint entry."""
        from teacher.teachers.array_state import ArrayState

        return {"arrays": ArrayState(lambda: self._arrays, self._restore)}

    def _restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        self._arrays = {name: np.array(array) for name, array in arrays.items()}


class ArrayTeacher(ArrayOwner):
    """Base of the teachers whose state is a few NumPy arrays: a subclass gives `_probabilities` and `_learn`.

    Groups that are not available (nearly empty) have probability zero from the start.

    Args:
        available: [num_groups] bool, groups that may be picked.
        exploration: ε, probability of a uniform draw over the available groups.
        seed: of the draws.
    """

    def __init__(self, available: np.ndarray, exploration: float = 0.0, seed: int = 0) -> None:
        self._available = np.asarray(available, bool)
        if not self._available.any():
            raise ValueError("no group is available")
        self._exploration, self._seed = exploration, seed
        self._arrays = {"decisions": np.zeros((), np.int64)}

    @property
    def num_groups(self) -> int:
        """Number of groups to choose from."""
        return len(self._available)

    def propose(self, inputs: np.ndarray | None) -> np.ndarray:
        """Returns probabilities [num_groups] float64; the inputs are not looked at."""
        del inputs
        probabilities = np.where(self._available, self._probabilities(), 0.0)
        return probabilities / probabilities.sum()

    def draw(self, probabilities: np.ndarray) -> Decision:
        """Returns the next decision."""
        index = int(self._arrays["decisions"])
        self._arrays["decisions"] = np.asarray(index + 1)
        usable = np.flatnonzero(self._available)
        position, explored = draw_group(probabilities[usable], self._exploration, self._seed, index)
        return Decision(index, int(usable[position]), probabilities, explored)

    def feedback(self, decision: Decision, outcome: WindowLosses) -> Verdict:
        """Learns from what followed a decision."""
        self._learn(decision, outcome)
        return Verdict(None, None)

    def _probabilities(self) -> np.ndarray:
        raise TypeError(f"{type(self).__name__} must say how it chooses")

    def _learn(self, decision: Decision, outcome: WindowLosses) -> None:
        """By default nothing is learned."""
