"""Bootstrap over groups: weights equal repetition, pairing, and the spread on the 350 public groups."""

import json

import numpy as np
import pytest

from eval import compare
from eval.formats.mpii_inputs import read_groups
from eval.metrics import bootstrap, mpii_summary
from eval.metrics import mpii as mpii_metric
from openpose_tf.common.errors import UserError


def random_matches(num_groups, seed, skill=10.0):
    """Groups of 0 to 3 people with jittered predictions, some of them missing."""
    rng = np.random.default_rng(seed)
    matches = []
    for _ in range(num_groups):
        count = int(rng.integers(0, 4))
        truth = rng.uniform(0, 400, (count, 16, 2))
        truth[rng.random((count, 16)) < 0.2] = np.nan
        found = truth[rng.random(count) < 0.8] + rng.normal(0, skill, 2)
        scores = np.round(rng.random(found.shape[:2]), 1)  # many ties
        boxes = np.tile([0.0, 0, 30, 40], (count, 1))
        matches.append(mpii_metric.match_group(found, scores, truth, boxes))
    return matches


@pytest.mark.parametrize("counted", [False, True])
def test_weight_one_is_the_score_itself(counted):
    matches = random_matches(30, 0)
    got = bootstrap.draw_aps(matches, np.ones((1, 30), int), counted)
    np.testing.assert_allclose(got[0], mpii_metric.evaluate(matches, counted).ap, rtol=0, atol=1e-12)


def test_weights_equal_repeated_groups():
    matches = random_matches(12, 1)
    rng = np.random.default_rng(2)
    weights = bootstrap.draw_weights(12, 6, rng)
    for row, got in zip(weights, bootstrap.draw_aps(matches, weights)):
        repeated = [match for match, times in zip(matches, row) for _ in range(times)]
        np.testing.assert_allclose(got, mpii_metric.evaluate(repeated).ap, rtol=0, atol=1e-12)


def test_draws_hold_as_many_groups_as_asked():
    weights = bootstrap.draw_weights(7, 50, np.random.default_rng(0), size=5)
    assert weights.shape == (50, 7) and (weights.sum(1) == 5).all()


def test_undefined_and_empty_joints():
    detections = bootstrap.JointDetections(np.array([False]), np.array([0]), np.array([0, 1]))
    got = bootstrap.weighted_ap(detections, np.array([[1, 0], [0, 1], [1, 1]]))
    assert np.isnan(got[0]) and got[1] == 0 and got[2] == 0
    nothing = bootstrap.JointDetections(np.zeros(0, bool), np.zeros(0, int), np.array([0, 1]))
    assert bootstrap.weighted_ap(nothing, np.ones((2, 2), int)).tolist() == [0, 0]


def test_a_model_against_itself_differs_by_nothing():
    matches = random_matches(20, 3)
    result = bootstrap.compare(matches, matches, num_draws=50)
    assert result.difference["mAP"].value == 0 and result.difference["mAP"].std == 0 and result.wins == 0.5
    assert result.first == result.second


def test_a_better_model_wins_and_pairing_narrows_the_interval():
    worse, better = random_matches(40, 4, skill=12.0), random_matches(40, 4, skill=6.0)
    result = bootstrap.compare(worse, better, num_draws=300, seed=1)
    difference = result.difference["mAP"]
    assert result.wins > 0.99 and 0 < difference.low < difference.value < difference.high
    assert difference.value == pytest.approx(result.second["mAP"].value - result.first["mAP"].value)
    again = bootstrap.compare(worse, better, num_draws=300, seed=1)
    assert again == result
    assert bootstrap.compare(worse, better, num_draws=300, seed=2) != result


def test_estimate_by_hand():
    got = bootstrap.estimate(5.0, np.array([1.0, np.nan, 3.0]))
    assert (got.value, got.num_draws) == (5.0, 2) and got.std == pytest.approx(np.sqrt(2))
    assert (got.low, got.high) == (pytest.approx(1.05), pytest.approx(2.95))
    assert np.isnan(bootstrap.estimate(5.0, np.array([1.0])).std)


def test_groups_must_pair():
    with pytest.raises(ValueError, match="cannot be paired"):
        bootstrap.compare(random_matches(3, 0), random_matches(4, 0))


def test_spread_of_the_350_groups(shared_data):
    source = str(shared_data / "eval_vectors" / "inputs_json" / "r01_real_ppn_val350.json")
    matches = mpii_summary.match_groups(*read_groups(source, source))
    weights = bootstrap.draw_weights(350, 200, np.random.default_rng(0), size=343)
    totals = bootstrap.draw_aps(matches, weights).mean(1)
    assert totals.std(ddof=1) == pytest.approx(1.04, abs=0.15)  # reference: 1.04 and 77.3 to 81.3 of 200 draws
    assert np.percentile(totals, (2.5, 97.5)) == pytest.approx([77.3, 81.3], abs=0.4)


def case_file(path, shift):
    box = {"x1": 0, "y1": 0, "x2": 30, "y2": 40}
    groups = []
    for index in range(6):
        points = [{"id": joint, "x": 50 * joint, "y": 9 * index} for joint in range(16)]
        moved = [{**p, "x": p["x"] + (shift if index % 2 else 0), "score": 0.5} for p in points]
        groups.append({"gt": [{**box, "points": points}], "pred": [{"points": moved}]})
    path.write_text(json.dumps({"images": groups}))
    return str(path)


def test_comparison_of_files(tmp_path):
    good, bad = case_file(tmp_path / "good.json", 1), case_file(tmp_path / "bad.json", 20)
    result = compare.compare_files(good, bad, good, num_draws=100)
    assert result["second"]["mAP"]["value"] == 100 and result["difference"]["mAP"]["value"] > 0
    assert result["groups"] == 6 and result["share_of_draws_second_wins"] > 0.9
    text = compare.format_table(result)
    assert "95 % interval" in text and "+" in text.splitlines()[4]
    (tmp_path / "none.json").write_text('{"images": []}')
    none = str(tmp_path / "none.json")
    with pytest.raises(UserError, match="no group"):
        compare.compare_files(none, none, none)
