"""Proof that the loop works, with known truth: students whose hard group is known, and moves."""

import numpy as np
import pytest

from openpose_tf.keras_api import keras
from teacher.simulation.regret import play
from teacher.simulation.scenarios import SCENARIOS, Scenario, SimulatedStudent
from teacher.teachers import network
from teacher.teachers.adversarial import AdversarialConfig, AdversarialTeacher
from teacher.teachers.tabular_adversarial import TabularTeacher

SEEDS = range(20)
DECISIONS = 800
ALL = np.ones(10, bool)


def delay(chances, group, level=0.5):
    """Decisions until the probability of a group exceeds `level`."""
    above = np.flatnonzero(chances[:, group] > level)
    return int(above[0]) if len(above) else len(chances)


@pytest.fixture(scope="module")
def moving():
    """Runs in which group 9 is the hard one and group 4 from the middle on; per rule the two delays [20, 2]."""
    scenario, delays = SCENARIOS["moving_hard"](), {}
    for rule in ("paper", "release"):
        runs = [
            play(TabularTeacher(ALL, seed=seed, rule=rule), SimulatedStudent(scenario, DECISIONS, seed), DECISIONS)
            for seed in SEEDS
        ]
        half = DECISIONS // 2
        delays[rule] = np.array([(delay(run.chances, 9), delay(run.chances[half:], 4)) for run in runs])
    return delays


def test_teacher_follows_the_hard_group_and_its_change_over_20_seeds(moving):
    assert moving["paper"][:, 0].max() <= 60
    assert moving["paper"][:, 1].max() <= 200


def test_released_penalty_slows_it(moving):
    paper, release = (np.median(moving[rule][:, 1]) for rule in ("paper", "release"))
    assert release > 1.25 * paper


def test_goes_back_near_uniform_once_all_groups_are_equal():
    equal = SCENARIOS["equal"]()
    means, hardest = [], []
    for seed in SEEDS[:10]:
        teacher = TabularTeacher(ALL, seed=seed)
        first = play(teacher, SimulatedStudent(SCENARIOS["one_hard"](), 150, seed), 150)
        hardest.append(first.chances[-30:, 9].mean())
        means.append(play(teacher, SimulatedStudent(equal, 900, seed), 900).chances[300:].mean(0))
    assert np.mean(hardest) > 0.5  # far from uniform before
    assert np.mean(means, 0).max() < 0.15 and np.max(means) < 0.25
    assert np.min(means) > 0.03


def test_released_rule_runs_into_one_group_where_groups_do_not_differ():
    flat = Scenario(np.full(10, 0.5), np.zeros(10), np.zeros(10), forgetting=0.0)  # only noise, nothing to learn
    largest = {}
    for rule in ("paper", "release"):
        runs = [play(TabularTeacher(ALL, seed=s, rule=rule), SimulatedStudent(flat, 1000, s), 1000) for s in range(8)]
        largest[rule] = np.mean([run.chances[500:].max(1).mean() for run in runs])
    assert largest["release"] > 0.9 and largest["paper"] < 0.75


def test_table_is_the_network_teacher_with_an_input_that_never_changes():
    inputs = np.zeros((1, 2), np.float32)  # only the bias can learn
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(10)])
    scenario = SCENARIOS["one_hard"]()
    deep = AdversarialTeacher(model, ALL, AdversarialConfig(learning_rate=0.1, seed=4))
    table = TabularTeacher(ALL, seed=4)
    students = [SimulatedStudent(scenario, 60, 1) for _ in range(2)]
    for index in range(60):
        decisions = [teacher.draw(teacher.propose(inputs if index else None)) for teacher in (deep, table)]
        assert decisions[0].group == decisions[1].group
        np.testing.assert_allclose(decisions[0].probabilities, decisions[1].probabilities, atol=2e-4)
        for teacher, student, decision in zip((deep, table), students, decisions):
            teacher.feedback(decision, student.train(decision.group))
    assert decisions[0].probabilities[9] > 0.3


@pytest.mark.slow
def test_network_on_changing_images_follows_the_hard_group():
    hard = np.arange(4) == 2
    scenario = Scenario(np.where(hard, 2.0, 1.0), np.zeros(4), np.zeros(4), forgetting=0.0)
    for seed in range(2):
        model = network.build_network(4, 32, 1 / 16, seed=seed)
        teacher = AdversarialTeacher(model, np.ones(4, bool), AdversarialConfig(learning_rate=1e-3, seed=seed))
        student, rng = SimulatedStudent(scenario, 120, seed), np.random.default_rng(seed)
        chances = []
        for index in range(120):
            images = rng.integers(0, 256, (8, 32, 32, 3), np.uint8)
            decision = teacher.draw(teacher.propose(images if index else None))
            chances.append(decision.probabilities)
            teacher.feedback(decision, student.train(decision.group))
        assert delay(np.array(chances), 2) <= 100, seed
