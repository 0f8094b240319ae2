"""Teachers to compare with: uniform, fixed, EXP3, loss-proportional and learning progress."""

import numpy as np

from teacher.teachers.array_teacher import ArrayTeacher
from teacher.teachers.defaults import EXPLORATION
from teacher.teachers.protocol import Decision, WindowLosses


class UniformTeacher(ArrayTeacher):
    """Every available group with the same probability: what the paper's teacher often converges to."""

    def _probabilities(self) -> np.ndarray:
        return np.ones(self.num_groups)


class FixedTeacher(ArrayTeacher):
    """Fixed probabilities: the groups' sizes (like sampling without a teacher), or all on one group (an oracle).

    Args:
        available, seed: as in `ArrayTeacher`.
        weights: [num_groups] float >= 0, positive for at least one available group.
    """

    def __init__(self, available: np.ndarray, weights: np.ndarray, seed: int = 0) -> None:
        super().__init__(available, 0.0, seed)
        self._weights = np.asarray(weights, np.float64)
        if not (self._weights[self._available] > 0).any():
            raise ValueError("all available groups have weight zero")

    def _probabilities(self) -> np.ndarray:
        return self._weights


class LossProportionalTeacher(ArrayTeacher):
    """Probability in proportion to (running mean loss of the group) ^ (1 / temperature).

    A group that was never visited counts as the most wanted one so far.

    Args:
        available, exploration, seed: as in `ArrayTeacher`.
        temperature: 1 = proportional; towards 0 the hardest group only; large = uniform.
        memory: weight of the past in a group's running mean, 0 to 1.
    """

    def __init__(
        self,
        available: np.ndarray,
        exploration: float = EXPLORATION,
        seed: int = 0,
        temperature: float = 1.0,
        memory: float = 0.5,
    ) -> None:
        super().__init__(available, exploration, seed)
        self._temperature, self._memory = temperature, memory
        self._arrays["losses"] = np.full(self.num_groups, np.nan)

    def _probabilities(self) -> np.ndarray:
        losses = self._arrays["losses"]
        if np.isnan(losses).all():
            return np.ones(self.num_groups)
        losses = np.maximum(losses, 1e-12)  # NaN stays
        share = self._shares(losses)
        return np.maximum(np.nan_to_num(share, nan=1.0), 1e-12) ** (1.0 / self._temperature)

    def _shares(self, losses: np.ndarray) -> np.ndarray:
        return losses / float(np.nanmax(losses))

    def _learn(self, decision: Decision, outcome: WindowLosses) -> None:
        _update_mean(self._arrays["losses"], decision.group, outcome.loss, self._memory)


class EasiestTeacher(LossProportionalTeacher):
    """In inverse proportion to the loss: towards temperature 0 the easiest group only; arguments as there."""

    def _shares(self, losses: np.ndarray) -> np.ndarray:
        return float(np.nanmin(losses)) / losses


class ProgressTeacher(ArrayTeacher):
    """Prefers groups on which the loss falls while the student trains on them (learning progress).

    Unlike the loss itself, progress ends where nothing is left to learn, so a group of pure noise does not hold it.

    Args:
        available, exploration, seed: as in `ArrayTeacher`.
        temperature: of the softmax over progress, as a share of the largest one.
        memory: weight of the past in a group's running mean, 0 to 1.
    """

    def __init__(
        self,
        available: np.ndarray,
        exploration: float = 0.2,
        seed: int = 0,
        temperature: float = 0.5,
        memory: float = 0.7,
    ) -> None:
        super().__init__(available, exploration, seed)
        self._temperature, self._memory = temperature, memory
        self._arrays["progress"] = np.full(self.num_groups, np.nan)

    def _probabilities(self) -> np.ndarray:
        progress = self._arrays["progress"]
        known = ~np.isnan(progress)
        top = float(progress[known].max()) if known.any() else 0.0
        if top <= 0.0:
            return np.where(known, 0.1, 1.0)  # nothing improves: look at what was never seen, then at all alike
        share = np.where(known, np.clip(progress, 0.0, None) / top, 1.0)
        return np.exp(share / self._temperature)

    def _learn(self, decision: Decision, outcome: WindowLosses) -> None:
        gain = outcome.first_half_loss - outcome.second_half_loss
        _update_mean(self._arrays["progress"], decision.group, gain, self._memory)


class Exp3Teacher(ArrayTeacher):
    """EXP3.S, an adversarial bandit that keeps following a best group which changes (Auer et al. 2002).

    The reward is the window's loss, scaled to [0, 1] by the range of the rewards of the last 100 decisions.

    Args:
        available, exploration, seed: as in `ArrayTeacher`; the exploration is the bandit's γ.
        learning_rate: of the log weights.
        sharing: part of all weight that is given to every group alike after each decision.
        progress: True rewards the fall of the loss inside the window instead of the loss.
    """

    def __init__(
        self,
        available: np.ndarray,
        exploration: float = EXPLORATION,
        seed: int = 0,
        learning_rate: float = 0.1,
        sharing: float = 0.01,
        progress: bool = False,
    ) -> None:
        super().__init__(available, exploration, seed)
        self._learning_rate, self._sharing, self._progress = learning_rate, sharing, progress
        self._arrays |= {"log_weights": np.zeros(self.num_groups), "rewards": np.zeros(0)}

    def _probabilities(self) -> np.ndarray:
        log_weights = self._arrays["log_weights"]
        return np.exp(log_weights - log_weights[self._available].max())

    def _learn(self, decision: Decision, outcome: WindowLosses) -> None:
        reward = outcome.first_half_loss - outcome.second_half_loss if self._progress else outcome.loss
        rewards = self._arrays["rewards"] = np.append(self._arrays["rewards"], reward)[-100:]
        low, high = np.quantile(rewards, [0.0, 1.0])
        scaled = float((reward - low) / (high - low)) if high > low else 0.5
        usable = self._available.sum()
        chance = (1 - self._exploration) * decision.probabilities[decision.group] + self._exploration / usable
        log_weights = self._arrays["log_weights"]
        log_weights[decision.group] += self._learning_rate * scaled / chance
        weights = np.exp(log_weights - log_weights[self._available].max()) * self._available
        weights = (1 - self._sharing) * weights + self._sharing * weights.sum() / usable
        self._arrays["log_weights"] = np.where(self._available, np.log(np.maximum(weights, 1e-300)), 0.0)


def _update_mean(means: np.ndarray, group: int, value: float, memory: float) -> None:
    means[group] = value if np.isnan(means[group]) else memory * means[group] + (1 - memory) * value
