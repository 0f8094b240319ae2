"""The paper's teacher without a network: one logit per group, as if the hardest image never changed. NumPy only."""

from collections.abc import Mapping

import numpy as np

from teacher.teachers import defaults, reward
from teacher.teachers.array_teacher import ArrayTeacher
from teacher.teachers.protocol import Decision, Verdict, WindowLosses

BETAS, EPSILON = (0.8, 0.999), 1e-8


class TabularTeacher(ArrayTeacher):
    """Eq. 1, Eq. 2 and Adam on a table of logits.

    For studies, for tests with known truth, and for tasks without images. With an input that never changes the
    paper's network can do no more than this.

    Args:
        available, exploration, seed: as in `ArrayTeacher`.
        step_size: α of Eq. 2.
        history: H of Eq. 1.
        rule: key of `reward.UPDATE_RULES`.
        learning_rate: of Adam, in logits per decision. A full-size network at 5e-5 moves its logits by the same order
            (docs/measurements/2026-11-23-teacher.md).
    """

    def __init__(
        self,
        available: np.ndarray,
        exploration: float = defaults.EXPLORATION,
        seed: int = 0,
        step_size: float = defaults.STEP_SIZE,
        history: int = defaults.HISTORY,
        rule: str = "paper",
        learning_rate: float = 0.1,
    ) -> None:
        super().__init__(available, exploration, seed)
        self._step_size, self._history, self._learning_rate = step_size, history, learning_rate
        self._update = reward.UPDATE_RULES[rule]
        zeros = np.zeros(self.num_groups)
        self._arrays |= {
            "logits": zeros,
            "mean": zeros,
            "square": zeros,
            "updates": np.zeros((), np.int64),
            "losses": np.zeros(0),
        }

    def feedback(self, decision: Decision, outcome: WindowLosses) -> Verdict:
        """Trains the table; the first window only fills the history."""
        losses = self._arrays["losses"]
        verdict = Verdict(reward.baseline(losses), None)
        if len(losses):
            rewarded = reward.is_rewarded(outcome.loss, losses)
            target = self._update(decision.probabilities, decision.group, rewarded, self._step_size)
            self._adam(self._softmax() - target)  # gradient of the cross entropy
            verdict = Verdict(verdict.baseline, rewarded)
        self._arrays["losses"] = np.append(losses, outcome.loss)[-self._history :]
        return verdict

    def _probabilities(self) -> np.ndarray:
        return self._softmax()

    def _softmax(self) -> np.ndarray:
        logits = np.where(self._available, self._arrays["logits"], -np.inf)
        exponential = np.exp(logits - logits.max())
        return exponential / exponential.sum()

    def _adam(self, gradient: np.ndarray) -> None:
        arrays: Mapping[str, np.ndarray] = self._arrays
        updates = int(arrays["updates"]) + 1
        mean = BETAS[0] * arrays["mean"] + (1 - BETAS[0]) * gradient
        square = BETAS[1] * arrays["square"] + (1 - BETAS[1]) * gradient**2
        step = mean / (1 - BETAS[0] ** updates) / (np.sqrt(square / (1 - BETAS[1] ** updates)) + EPSILON)
        self._arrays |= {
            "logits": arrays["logits"] - self._learning_rate * step,
            "mean": mean,
            "square": square,
            "updates": np.asarray(updates),
        }
