"""Keeps the samples of highest loss of a window: the teacher's view of the student's present state."""

from collections.abc import Mapping

import numpy as np

from teacher.teachers.defaults import NUM_HARDEST


class HardestBuffer:
    """The `capacity` samples of highest loss seen since the last `clear`, hardest first.

    The paper takes the real image of highest mean loss per joint of the last N steps; the release keeps 32 of them:
    the first one makes the decision and all of them train the teacher. Equal losses keep the order of arrival.

    Args:
        capacity: number of samples to keep.
    """

    def __init__(self, capacity: int = NUM_HARDEST) -> None:
        self._capacity = capacity
        self.clear()

    def clear(self) -> None:
        """Forgets everything."""
        self._samples: np.ndarray | None = None
        self._losses = np.zeros(0, np.float64)

    def add(self, samples: np.ndarray, losses: np.ndarray) -> None:
        """Offers a batch.

        Args:
            samples: [N, ...] any dtype, copied when kept.
            losses: [N] float; a sample whose loss is not a number is not kept.
        """
        losses = np.asarray(losses, np.float64)
        wanted = np.isfinite(losses)
        if len(self._losses) >= self._capacity:
            wanted &= losses > self._losses[-1]
        if not wanted.any():
            return
        samples, losses = np.asarray(samples)[wanted], losses[wanted]
        if self._samples is not None:
            samples, losses = np.concatenate([self._samples, samples]), np.concatenate([self._losses, losses])
        order = np.argsort(-losses, kind="stable")[: self._capacity]
        self._samples, self._losses = samples[order].copy(), losses[order]

    @property
    def samples(self) -> np.ndarray | None:
        """[K, ...] the hardest samples, hardest first, K <= capacity; None when there are none."""
        return self._samples

    @property
    def losses(self) -> np.ndarray:
        """[K] float64, descending."""
        return self._losses

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Returns the content by name, for a checkpoint."""
        return {"losses": self._losses} | ({} if self._samples is None else {"samples": self._samples})

    def from_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Takes the content that `to_arrays` gave."""
        self._losses, self._samples = np.array(arrays["losses"]), arrays.get("samples")
