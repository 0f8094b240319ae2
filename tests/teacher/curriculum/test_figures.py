"""Reading decisions.jsonl and drawing it."""

import json

import cv2
import numpy as np
import pytest

from openpose_tf.common.errors import UserError
from teacher.curriculum import figures
from teacher.curriculum.decision_log import read_decisions


def write(folder, count, tail=""):
    rng = np.random.default_rng(0)
    with open(folder / "decisions.jsonl", "w") as file:
        for k in range(count):
            probabilities = rng.dirichlet(np.ones(4)).tolist()
            row = {"step": 20 * (k + 1), "group": k % 4, "probabilities": probabilities, "explored": k % 7 == 0}
            file.write(json.dumps(row | {"loss": 1.0 + k, "rewarded": None if k == 0 else k % 2 == 0}) + "\n")
        file.write(tail)
    return folder


def test_decisions_come_back_as_arrays(tmp_path):
    log = read_decisions(write(tmp_path, 5, tail='{"step": 1'))  # the last line was being written
    assert log.steps.tolist() == [20, 40, 60, 80, 100] and log.probabilities.shape == (5, 4)
    assert np.isnan(log.rewarded[0]) and log.rewarded[1:].tolist() == [0, 1, 0, 1]


def test_running_mean_skips_what_is_unknown():
    result = figures.running_mean(np.array([np.nan, 1.0, 0.0, 0.0]), 2)
    np.testing.assert_array_equal(result, [np.nan, 1.0, 0.5, 0.0])


@pytest.mark.parametrize("count", [1, 40])
def test_pictures_are_drawn(tmp_path, count):
    log = read_decisions(write(tmp_path, count))
    labels = ["a", "b", "c", "d"]
    for number, figure in enumerate(
        [
            figures.plot_probabilities(log, labels),
            figures.plot_groups(log, labels),
            figures.plot_reward_rate(log),
            figures.plot_sizes(np.array([3, 40, 0, 9]), labels, 32, "sizes"),
            figures.plot_values(np.array([1.0, np.nan, 3.0]), (2.0,), "x"),
            figures.plot_study({"easy": {"uniform": 0.0, "exp3": -12.0}}),
        ]
    ):
        picture = cv2.imread(str(figures.save_figure(figure, tmp_path / f"{number}.png")))
        assert picture.shape[0] > 100 and picture.std() > 5


def test_missing_empty_and_foreign_files_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"decisions.jsonl does not exist"):
        read_decisions(tmp_path)
    with pytest.raises(UserError, match="no decision yet"):
        read_decisions(write(tmp_path, 0))
    (tmp_path / "decisions.jsonl").write_text('{"a": 1}\n')
    with pytest.raises(UserError, match="does not look like"):
        read_decisions(tmp_path)
    (tmp_path / "decisions.jsonl").write_text('oops\n{"a": 1}\n')
    with pytest.raises(UserError, match="line 1 is not JSON"):
        read_decisions(tmp_path)
