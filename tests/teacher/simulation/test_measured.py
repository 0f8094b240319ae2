"""A fit to windows finds what made them."""

import json

import numpy as np
import pytest

from openpose_tf.common.errors import UserError
from teacher.simulate import measured_scenarios
from teacher.simulation import measured
from teacher.simulation.measured import Windows, fit, scenario_of
from teacher.simulation.regret import play
from teacher.simulation.scenarios import SimulatedStudent
from teacher.teachers.baselines import UniformTeacher

LEVELS = np.array([2.0, 2.4, 2.2, 3.0])


def made_up(own, count, seed, noise=0.1, fall=0.002):
    """Windows of groups drawn at random; a window lowers all groups by `fall`, its own by `own` more."""
    rng = np.random.default_rng(seed)
    groups, losses, seen = rng.integers(0, 4, count), [], np.zeros(4)
    for number, group in enumerate(groups):
        time = number + 0.5 - count / 2
        losses.append(LEVELS[group] - fall * time - own * (seen[group] - number / 4) + noise * rng.normal())
        seen[group] += 1
    return Windows(groups, np.array(losses))


@pytest.mark.parametrize("own", [0.0, 0.01])
def test_fit_finds_levels_noise_fall_and_what_a_window_does_for_its_own_group(own):
    found = fit([made_up(own, 400, seed) for seed in range(3)], 4)
    assert found.levels == pytest.approx(LEVELS, abs=0.05)
    assert found.noise == pytest.approx(0.1, rel=0.1)
    assert found.fall == pytest.approx(0.002, abs=2e-4)
    assert abs(found.own - own) < 3 * found.own_error < 0.01


def test_its_interval_holds_the_truth_as_often_as_it_says():
    fits = [fit([made_up(0.01, 60, seed), made_up(0.01, 60, 1000 + seed)], 4) for seed in range(200)]
    inside = [abs(found.own - 0.01) < 1.96 * found.own_error for found in fits]
    assert 0.9 < np.mean(inside) < 0.99


def greedy(count, seed):
    """Windows that do nothing for their own group, picked by the highest last loss, a fifth uniformly."""
    rng = np.random.default_rng(seed)
    last, groups, losses = np.full(4, 9.0), [], []
    for _ in range(count):
        group = int(rng.integers(0, 4)) if rng.random() < 0.2 else int(last.argmax())
        last[group] = 2.0 + 0.1 * rng.normal()
        groups.append(group)
        losses.append(last[group])
    return Windows(np.array(groups), np.array(losses))


def test_picks_that_follow_losses_overstate_it_by_an_error_at_most():
    scores = []
    for seed in range(100):
        found = fit([greedy(140, seed), greedy(140, 1000 + seed)], 4)
        scores.append(found.own / found.own_error)
    assert -0.3 < np.mean(scores) < 1.1


def test_scenario_learns_as_the_fit_says():
    found = measured.Fit(LEVELS, noise=0.12, fall=0.003, own=0.004, own_error=0.001)
    scenario = scenario_of(found, found.own)
    student = SimulatedStudent(scenario, 10)
    before = student.removable.copy()
    student.train(2)
    lost = (before - student.removable) / before * LEVELS.mean()
    shared = 0.003 - 0.004 / 4  # a group has its own window one time in four
    assert lost == pytest.approx([shared, shared, shared + 0.004, shared], rel=0.01)
    spreads = [SimulatedStudent(scenario, 10, seed).train(2).loss for seed in range(400)]
    assert np.std(spreads) == pytest.approx(0.12 * LEVELS[2] / LEVELS.mean(), rel=0.15)
    assert found.own_limit == pytest.approx(0.004 + 1.96e-3)


def test_a_simulated_run_gives_its_own_student_back():
    truth = measured.Fit(LEVELS, noise=0.05, fall=0.004, own=0.006, own_error=0.0)
    scenario = scenario_of(truth, truth.own)
    runs = []
    for seed in range(4):
        student = SimulatedStudent(scenario, 200, seed)
        groups = play(UniformTeacher(np.ones(4, bool), seed=seed), SimulatedStudent(scenario, 200, seed), 200).groups
        runs.append(Windows(groups, np.array([student.train(group).loss for group in groups])))
    found = fit(runs, 4)
    assert abs(found.own - 0.006) < 3 * found.own_error + 0.002  # losses fall by shares, the fit is linear
    assert found.noise == pytest.approx(0.05, rel=0.15)


def test_too_little_to_fit_is_said():
    with pytest.raises(UserError, match="too few"):
        fit([made_up(0.0, 12, 0)], 4)
    windows = made_up(0.0, 100, 0)
    with pytest.raises(UserError, match="1 of them without one"):
        fit([windows], 5)


def write_run(folder, windows, boundaries):
    folder.mkdir()
    rows = [{"judged_group": int(g), "loss": float(v)} for g, v in zip(windows.groups, windows.losses)]
    (folder / "decisions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    rule = {"grouping": {"boundaries": boundaries}, "labels": ["a", "b", "c", "d"]}
    (folder / "groups.json").write_text(json.dumps(rule))
    return str(folder)


def test_scenarios_of_finished_runs(tmp_path, capsys):
    runs = [write_run(tmp_path / f"run{seed}", made_up(0.01, 100, seed), [1]) for seed in range(2)]
    scenarios = measured_scenarios(runs)
    assert scenarios["measured"].start == pytest.approx(LEVELS, abs=0.1)
    assert scenarios["measured_apart"].transfer < scenarios["measured"].transfer
    assert "fitted to 2 runs" in capsys.readouterr().out
    with pytest.raises(UserError, match="different groups"):
        measured_scenarios([*runs, write_run(tmp_path / "other", made_up(0.0, 100, 3), [2])])


@pytest.mark.parametrize("row", ['{"group": 1, "loss": 2.0}', '{"judged_group": 1, "loss": null}'])
def test_decisions_without_windows_are_refused(row, tmp_path):
    (tmp_path / "decisions.jsonl").write_text(row + "\n")
    with pytest.raises(UserError, match="windows"):
        measured.read_windows(tmp_path)
