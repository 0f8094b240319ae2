"""What is kept of a run's losses and of its teacher."""

import json

import numpy as np
import pytest

from eval.study import run_logs


def test_concentration_over_quarters():
    probabilities = [[1.0, 0.0]] * 2 + [[0.75, 0.25]] * 2 + [[0.5, 0.5]] * 4
    assert run_logs.concentration(probabilities) == [1.0, 0.75, 0.5, 0.5]


def test_a_teacher_that_offers_harder_groups_more_often_is_seen():
    """Losses fall by 1 a window; group 2 is 3 harder than group 1, group 1 is 3 harder than group 0."""
    groups = np.random.default_rng(0).integers(0, 3, 300)
    rows = [{"judged_group": int(g), "loss": float(400 - n + 3 * g)} for n, g in enumerate(groups)]
    excess = run_logs.excess_losses(rows, 4)
    assert excess[3] is None
    assert np.diff(excess[:3]) == pytest.approx([3, 3], abs=0.5)
    for probabilities, expected in (
        ([0.1, 0.3, 0.6, 0.0], 1.0),
        ([0.6, 0.3, 0.1, 0.0], -1.0),
        ([0.25] * 4, float("nan")),
    ):
        teacher = {"excess_loss": excess, "probabilities": [probabilities] * 2}
        assert run_logs.harder_is_likelier(teacher) == pytest.approx(expected, nan_ok=True)


def test_curves_are_means_of_parts_and_know_missing_halves(tmp_path):
    rows = [{"step": n, "loss_real": float(n), "loss_synthetic": None} for n in range(1, 81)]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    curve = run_logs.read_curve(tmp_path)
    assert curve["steps"] == list(range(2, 81, 2))
    assert curve["loss_real"] == [n + 0.5 for n in range(1, 80, 2)]
    assert curve["loss_synthetic"] == [None] * 40


def test_a_teacher_of_single_samples_judges_no_group(tmp_path):
    row = {"step": 10, "group": 1, "probabilities": [0.4, 0.6], "loss": 1.0, "rewarded": None}
    (tmp_path / "decisions.jsonl").write_text(f"{json.dumps(row)}\n" * 3)
    found = run_logs.read_teacher(tmp_path)
    assert found["picks"] == [] and found["excess_loss"] == [None, None] and found["decisions"] == 3
    assert np.isnan(run_logs.harder_is_likelier(found))
