"""A teacher without groups: it scores every sample and draws in proportion (past the paper's "Limitations")."""

import dataclasses

import numpy as np

from teacher.teachers.array_teacher import ArrayOwner
from teacher.teachers.defaults import EXPLORATION

_DRAW_STREAM = 0x5A3B


@dataclasses.dataclass(frozen=True)
class SampleDraw:
    """Samples for one window.

    Attributes:
        index: number of the draw.
        rows: [num] int64, the samples, drawn with replacement.
        weights: [num] float32 for the loss: (1 / (N p_i)) ^ correction; all 1 without correction. With correction 1
            the weighted mean loss is an unbiased estimate of the mean loss over all samples.
        chances: [N] float64, the probabilities they were drawn with.
    """

    index: int
    rows: np.ndarray
    weights: np.ndarray
    chances: np.ndarray


class SampleTeacher(ArrayOwner):
    """Draws samples in proportion to (running mean loss) ^ (1 / temperature), mixed with a uniform share.

    A sample that was never drawn counts with the mean of those that were, so that neither novelty nor its lack is
    rewarded. One draw costs one pass over the N scores per window and a binary search per sample.

    Args:
        num_samples: N.
        exploration: share of the uniform distribution in the mixture, 0 to 1; bounds every weight by 1/exploration.
        temperature: 1 = proportional; towards 0 the hardest only; large = uniform.
        correction: exponent of the correction weights: 0 = none, 1 = exact.
        memory: weight of the past in a sample's running mean, 0 to 1.
        seed: of the draws; a draw is a pure function of (seed, its number, the scores).
    """

    def __init__(
        self,
        num_samples: int,
        exploration: float = EXPLORATION,
        temperature: float = 1.0,
        correction: float = 0.0,
        memory: float = 0.7,
        seed: int = 0,
    ) -> None:
        if num_samples < 1:
            raise ValueError("no sample to choose from")
        self._exploration, self._temperature = exploration, temperature
        self._correction, self._memory, self._seed = correction, memory, seed
        self._arrays = {
            "losses": np.full(num_samples, np.nan, np.float32),
            "draws": np.zeros((), np.int64),
        }

    def propose(self, inputs: np.ndarray | None = None) -> np.ndarray:
        """Returns probabilities [N] float64 over the samples; the inputs are not looked at."""
        del inputs
        losses = self._arrays["losses"].astype(np.float64)
        known = np.isfinite(losses)
        if not known.any():
            return np.full(len(losses), 1.0 / len(losses))
        losses = np.where(known, losses, losses[known].mean())
        scores = np.maximum(losses / max(losses.max(), 1e-12), 1e-12) ** (1.0 / self._temperature)
        return (1.0 - self._exploration) * scores / scores.sum() + self._exploration / len(losses)

    def draw(self, probabilities: np.ndarray, num: int) -> SampleDraw:
        """Returns `num` samples drawn from the proposal."""
        index = int(self._arrays["draws"])
        self._arrays["draws"] = np.asarray(index + 1)
        rng = np.random.default_rng([_DRAW_STREAM, self._seed, index])
        cumulative = np.cumsum(probabilities)
        rows = np.searchsorted(cumulative, rng.random(num) * cumulative[-1], side="right").astype(np.int64)
        weights = (1.0 / (len(probabilities) * probabilities[rows])) ** self._correction
        return SampleDraw(index, rows, weights.astype(np.float32), probabilities)

    def feedback(self, rows: np.ndarray, losses: np.ndarray) -> None:
        """Takes the losses [num] of samples; several of one sample count one after the other."""
        means = self._arrays["losses"]
        for row, loss in zip(np.asarray(rows).tolist(), np.asarray(losses).tolist()):
            old = means[row]
            means[row] = loss if np.isnan(old) else self._memory * old + (1 - self._memory) * loss
