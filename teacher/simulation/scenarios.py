"""Students with known truth: how loss falls where one trains, comes back where one does not, and what is only noise."""

import dataclasses

import numpy as np

from teacher.teachers.protocol import WindowLosses

SAMPLES_PER_WINDOW = 320  # 20 steps x 16 synthetic samples (reference: one cycle)


@dataclasses.dataclass(frozen=True)
class Scenario:
    """G groups and how a student learns them; losses in arbitrary units.

    Attributes:
        floor: [G] loss that no training removes.
        start: [G] loss that training can remove, at the start.
        rate: [G] share of it (log) that one window on the group removes.
        reach: how far training on a group helps its neighbours: the share falls by e per `reach` groups; 0 = not.
        transfer: share of what training on a group does for it that every other group has, however far; 0 to 1.
        forgetting: share of the lost part that comes back per window without training on the group.
        noise: standard deviation of one sample's loss, as a share of its mean.
        change: at half of the run the removable loss of group g becomes start[g + change] (cyclic); 0 = never.
        weights: [G] what counts in the end; sums to 1.
        sizes: [G] samples per group, for the teacher that picks groups by size.
    """

    floor: np.ndarray
    start: np.ndarray
    rate: np.ndarray
    reach: float = 1.0
    transfer: float = 0.0
    forgetting: float = 0.002
    noise: float = 0.5
    change: int = 0
    weights: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(0))
    sizes: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        count = len(self.floor)
        if not len(self.weights):
            object.__setattr__(self, "weights", np.full(count, 1.0 / count))
        if not len(self.sizes):
            object.__setattr__(self, "sizes", np.full(count, 1000))


def _even(count: int, **changes: object) -> Scenario:
    base = {"floor": np.full(count, 0.3), "start": np.full(count, 1.0), "rate": np.full(count, 0.08)}
    return Scenario(**(base | changes))  # type: ignore[arg-type]


def _one_hard(count: int, change: int = 0) -> Scenario:
    """A tenth of the groups is hard: eight times the loss, learned at half the speed.

    More groups are a finer cut of the same data: training on one helps as large a part of the data.
    """
    hard = np.arange(count) >= count - max(count // 10, 1)
    return _even(
        count,
        start=np.where(hard, 4.0, 0.5),
        rate=np.where(hard, 0.04, 0.08),
        reach=count / 10,
        forgetting=0.01,
        change=change,
    )


def _noise_group() -> Scenario:
    """Group 9 has the highest loss for ever, teaches nothing and does not count."""
    noise = np.arange(10) == 9
    return _even(
        10,
        floor=np.where(noise, 6.0, 0.3),
        start=np.where(noise, 0.0, np.linspace(0.5, 2.0, 10)),
        reach=0.5,
        forgetting=0.005,
        weights=np.where(noise, 0.0, 1 / 9),
    )


def _imbalanced() -> Scenario:
    """Sizes fall by half from group to group, as pitch or distance do in real data; all groups count alike."""
    return _even(10, start=np.linspace(0.6, 1.6, 10), forgetting=0.005, sizes=1000 // 2 ** np.arange(10) + 1)


SCENARIOS = {
    "equal": lambda: _even(10),
    "one_hard": lambda: _one_hard(10),
    "moving_hard": lambda: _one_hard(10, change=5),
    "noise_group": _noise_group,
    "imbalanced": _imbalanced,
    "hundred_groups": lambda: _one_hard(100),
    "thousand_groups": lambda: _one_hard(1000),
}


class SimulatedStudent:
    """A student whose loss is known exactly.

    Args:
        scenario: the truth.
        num_windows: length of the run, for the change at half of it.
        seed: of the noise of the measured losses.
    """

    def __init__(self, scenario: Scenario, num_windows: int, seed: int = 0) -> None:
        self._scenario, self._num_windows = scenario, num_windows
        self._rng = np.random.default_rng([0x51B, seed])
        self._ceiling = scenario.start.copy()
        self.removable = scenario.start.copy()
        self._windows = 0
        distance = np.abs(np.arange(len(self._ceiling))[:, None] - np.arange(len(self._ceiling)))
        near = np.exp(-distance / scenario.reach) if scenario.reach > 0 else np.eye(len(distance))
        self._reach = scenario.transfer + (1 - scenario.transfer) * near

    @property
    def test_loss(self) -> float:
        """What matters: the removable loss that is left, weighted over the groups."""
        return float(self.removable @ self._scenario.weights)

    def train(self, group: int) -> WindowLosses:
        """Trains for one window on a group and returns the measured losses."""
        scenario, reach = self._scenario, self._reach[group]
        if scenario.change and self._windows == self._num_windows // 2:
            self._ceiling = np.roll(scenario.start, -scenario.change)
            self.removable = self._ceiling.copy()
        self._windows += 1
        halves = []
        for _ in range(2):
            before = self.removable[group]
            self.removable *= np.exp(-0.5 * scenario.rate * reach)
            halves.append(self._measure(scenario.floor[group] + 0.5 * (before + self.removable[group])))
        self.removable += scenario.forgetting * (1 - reach) * (self._ceiling - self.removable)
        return WindowLosses(sum(halves) / 2, halves[0], halves[1])

    def _measure(self, mean: float) -> float:
        deviation = self._scenario.noise * mean / np.sqrt(SAMPLES_PER_WINDOW / 2)
        return float(mean + deviation * self._rng.normal())
