"""Teachers against students of known truth: regret against the best fixed choice, over many seeds."""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from teacher.simulation.scenarios import Scenario, SimulatedStudent
from teacher.teachers.baselines import (
    Exp3Teacher,
    FixedTeacher,
    LossProportionalTeacher,
    ProgressTeacher,
    UniformTeacher,
)
from teacher.teachers.protocol import Teacher
from teacher.teachers.tabular_adversarial import TabularTeacher

TeacherMaker = Callable[[Scenario, int], Teacher]  # (scenario, seed)
MAX_SINGLE_CHOICES = 20  # "always group g" and "all but group g" are tried up to this many groups


def _everything(scenario: Scenario) -> np.ndarray:
    return np.ones(len(scenario.floor), bool)


STUDY_TEACHERS: dict[str, TeacherMaker] = {
    "adversarial": lambda scenario, seed: TabularTeacher(_everything(scenario), seed=seed),
    "adversarial, released rule": lambda scenario, seed: TabularTeacher(
        _everything(scenario), seed=seed, rule="release"
    ),
    "adversarial, Peng's rule": lambda scenario, seed: TabularTeacher(
        _everything(scenario), seed=seed, rule="peng", step_size=1.0
    ),
    "uniform": lambda scenario, seed: UniformTeacher(_everything(scenario), seed=seed),
    "by group size": lambda scenario, seed: FixedTeacher(_everything(scenario), scenario.sizes, seed=seed),
    "EXP3": lambda scenario, seed: Exp3Teacher(_everything(scenario), seed=seed),
    "loss-proportional": lambda scenario, seed: LossProportionalTeacher(_everything(scenario), seed=seed),
    "progress": lambda scenario, seed: ProgressTeacher(_everything(scenario), seed=seed),
}


@dataclasses.dataclass(frozen=True)
class Play:
    """One run of D decisions.

    Attributes:
        groups: [D] int64, the picked groups.
        chances: [D, G] float32, the probabilities proposed.
        test_losses: [D] float64, removable loss that was left after each window.
    """

    groups: np.ndarray
    chances: np.ndarray
    test_losses: np.ndarray


def play(teacher: Teacher, student: SimulatedStudent, num_decisions: int) -> Play:
    """Lets a teacher choose for a student."""
    groups, chances, losses = [], [], []
    for _ in range(num_decisions):
        decision = teacher.draw(teacher.propose(None))
        teacher.feedback(decision, student.train(decision.group))
        groups.append(decision.group)
        chances.append(decision.probabilities.astype(np.float32))
        losses.append(student.test_loss)
    return Play(np.array(groups), np.stack(chances), np.array(losses))


def best_fixed(scenario: Scenario, num_decisions: int, num_seeds: int) -> tuple[float, str]:
    """Returns the lowest mean test loss of a run with fixed probabilities, and which those are.

    Tried: uniform, by group size, by powers of the removable loss, each single group, all groups but one.
    """
    count = len(scenario.floor)
    choices = {"uniform": np.ones(count), "by size": scenario.sizes.astype(np.float64)}
    choices |= {f"removable loss ^ {p:g}": scenario.start**p for p in (0.5, 1.0, 2.0)}
    if count <= MAX_SINGLE_CHOICES:
        choices |= {f"only {g}": np.eye(count)[g] for g in range(count)}
        choices |= {f"all but {g}": 1.0 - np.eye(count)[g] for g in range(count)}
    means = {}
    for name, weights in choices.items():
        runs = [
            play(
                FixedTeacher(_everything(scenario), weights, seed=seed),
                SimulatedStudent(scenario, num_decisions, seed),
                num_decisions,
            )
            for seed in range(num_seeds)
        ]
        means[name] = float(np.mean([run.test_losses.mean() for run in runs]))
    name = min(means, key=lambda choice: means[choice])
    return means[name], name


@dataclasses.dataclass(frozen=True)
class ScenarioResult:
    """One teacher in one scenario.

    Attributes:
        test_loss: mean over run and seeds of the removable loss that was left.
        regret: `test_loss` minus that of the best fixed choice, in percent of the latter; below 0 = better than it.
        spread: standard deviation of the regret over the seeds.
        hardest_share: share of the decisions that picked the tenth of the groups of highest loss, in the second half.
    """

    test_loss: float
    regret: float
    spread: float
    hardest_share: float


def study_scenario(
    scenario: Scenario, teachers: Mapping[str, TeacherMaker], num_decisions: int, num_seeds: int
) -> tuple[dict[str, ScenarioResult], tuple[float, str]]:
    """Returns the result of every teacher, and (test loss, name) of the best fixed choice."""
    reference = best_fixed(scenario, num_decisions, max(2, num_seeds // 4))
    hardest = _hardest_groups(scenario)
    results = {}
    for name, make in teachers.items():
        runs = [
            play(make(scenario, seed), SimulatedStudent(scenario, num_decisions, seed), num_decisions)
            for seed in range(num_seeds)
        ]
        losses = np.array([run.test_losses.mean() for run in runs])
        regrets = 100 * (losses / reference[0] - 1)
        late = np.concatenate([run.groups[num_decisions // 2 :] for run in runs])
        share = float(np.isin(late, hardest).mean())
        results[name] = ScenarioResult(float(losses.mean()), float(regrets.mean()), float(regrets.std()), share)
    return results, reference


def _hardest_groups(scenario: Scenario) -> np.ndarray:
    """The tenth of the groups whose loss is highest at the start of the second half."""
    count = len(scenario.floor)
    loss = scenario.floor + np.roll(scenario.start, -scenario.change)
    return np.argsort(-loss, kind="stable")[: max(count // 10, 1)]
