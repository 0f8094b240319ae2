"""Students of known truth, the study's numbers, and its command."""

import json

import numpy as np
import pytest

from teacher.simulation.regret import STUDY_TEACHERS, best_fixed, play, study_scenario
from teacher.simulation.scenarios import SCENARIOS, Scenario, SimulatedStudent
from teacher.teachers.baselines import FixedTeacher
from tests.support.commands import run_command


def simple(**changes):
    values = {"floor": np.array([0.5, 0.5]), "start": np.array([1.0, 2.0]), "rate": np.array([0.2, 0.2]), "reach": 0.0}
    return Scenario(**(values | {"forgetting": 0.0, "noise": 0.0} | changes))


def test_training_removes_loss_where_one_trains():
    student = SimulatedStudent(simple(), 10)
    outcome = student.train(1)
    assert student.removable.tolist() == pytest.approx([1.0, 2.0 * np.exp(-0.2)])
    first, second = 0.5 + 2 * (1 + np.exp(-0.1)) / 2, 0.5 + 2 * (np.exp(-0.1) + np.exp(-0.2)) / 2
    assert (outcome.first_half_loss, outcome.second_half_loss) == pytest.approx((first, second))
    assert outcome.loss == pytest.approx((first + second) / 2)
    assert student.test_loss == pytest.approx((1.0 + 2.0 * np.exp(-0.2)) / 2)


def test_forgetting_and_change():
    student = SimulatedStudent(simple(forgetting=0.5, change=1), 4)
    student.train(0)
    left = np.exp(-0.2)
    assert student.removable[0] == pytest.approx(left)  # no forgetting where one trains
    student.train(1)
    assert student.removable[0] == pytest.approx(left + 0.5 * (1 - left))
    student.train(0)  # at half of the run the groups trade places
    assert student.removable.tolist() == pytest.approx([2.0 * np.exp(-0.2), 1.0])


def test_regret_is_measured_against_the_best_fixed_choice():
    scenario = simple(rate=np.array([0.0, 0.2]))  # only group 1 can be learned
    loss, choice = best_fixed(scenario, 30, 2)
    assert choice == "only 1" or choice == "all but 0"
    always = play(FixedTeacher(np.ones(2, bool), np.array([0.0, 1.0])), SimulatedStudent(scenario, 30), 30)
    assert loss == pytest.approx(always.test_losses.mean())
    results, _ = study_scenario(scenario, {"uniform": STUDY_TEACHERS["uniform"]}, 30, 4)
    assert results["uniform"].regret > 5


def test_noise_attracts_the_papers_teacher_and_not_the_ones_that_watch_progress():
    wanted = ("adversarial", "uniform", "progress")
    teachers = {name: STUDY_TEACHERS[name] for name in wanted}
    results, _ = study_scenario(SCENARIOS["noise_group"](), teachers, 500, 4)
    assert results["adversarial"].hardest_share > 0.7
    assert results["adversarial"].regret > results["uniform"].regret + 30
    assert results["progress"].hardest_share < 0.15
    assert results["progress"].regret < results["uniform"].regret + 5


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_runs_with_every_teacher(name):
    scenario = SCENARIOS[name]()
    assert scenario.weights.sum() == pytest.approx(1.0)
    for make in STUDY_TEACHERS.values():
        run = play(make(scenario, 0), SimulatedStudent(scenario, 4), 4)
        assert np.isfinite(run.test_losses).all()


@pytest.mark.slow
def test_command_writes_table_numbers_and_picture(tmp_path):
    command = ["teacher.simulate", f"--output_dir={tmp_path}", "--decisions=40", "--seeds=2"]
    command += ["--scenarios=equal,noise_group", "--teachers=uniform,adversarial released rule"]
    result = run_command(*command)
    assert "| adversarial, released rule |" in result.stdout and "| best fixed choice |" in result.stdout
    study = json.loads((tmp_path / "study.json").read_text())
    assert set(study["scenarios"]) == {"equal", "noise_group"}
    assert (tmp_path / "study.png").stat().st_size > 5000
    assert "unknown scenario 'mars'" in run_command(*command, "--scenarios=mars", code=2).stderr
