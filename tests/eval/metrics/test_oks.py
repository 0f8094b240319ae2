"""OKS: hand-computed similarities, COCO's numbers on made-up people."""

import math

import numpy as np
import pytest

from eval.metrics import oks as oks_metric
from eval.metrics.oks import OksImage

SIGMAS = np.array([0.05, 0.1])


def image(gt, dt, scores=None, area=400.0, ignored=None):
    gt, dt = np.array(gt, float).reshape(-1, 2, 3), np.array(dt, float).reshape(-1, 2, 3)
    count = len(gt)
    return OksImage(
        gt,
        np.full(count, area),
        np.tile([0.0, 0, 20, 20], (count, 1)),
        np.zeros(count, bool) if ignored is None else np.array(ignored),
        dt,
        oks_metric.person_scores(dt) if scores is None else np.array(scores, float),
    )


def test_similarity_by_hand():
    labelled = np.array([[10.0, 10, 2], [50, 50, 1]])
    predicted = np.array([[12.0, 10, 0.9], [50, 53, 0.8]])
    got = oks_metric.similarity(predicted, labelled, 400.0, SIGMAS)
    # d = 2, area 400, 2 sigma = 0.1: exp(-4 / (2 * 400 * 0.01)) = exp(-0.5); d = 3, 2 sigma = 0.2: exp(-9 / 32)
    np.testing.assert_allclose(got, [math.exp(-0.5), math.exp(-9 / 32)], rtol=1e-12)


def test_similarity_of_missing_joints():
    labelled = np.array([[10.0, 10, 2], [50, 50, 0]])
    predicted = np.array([[10.0, 10, 0.0], [50, 50, 0.5]])
    got = oks_metric.similarity(predicted, labelled, 400.0, SIGMAS)
    assert got[0] == 0 and np.isnan(got[1])


def test_person_score_is_the_mean_of_found_joints():
    people = np.array([[[0.0, 0, 0.5], [1, 1, 1.0]], [[0, 0, 0], [1, 1, 0.4]], [[0, 0, 0], [0, 0, 0]]])
    np.testing.assert_allclose(oks_metric.person_scores(people), [0.75, 0.4, 0.0])


def test_perfect_predictions_score_one():
    people = [[[10, 10, 2], [50, 50, 1]], [[110, 10, 2], [150, 50, 0]]]
    found = [[[10, 10, 0.9], [50, 50, 0.9]], [[110, 10, 0.8], [0, 0, 0]]]
    result = oks_metric.evaluate([image(people, found)], SIGMAS)
    assert result.stats["AP"] == pytest.approx(1) and result.stats["AR"] == 1
    assert sorted(result.matches) == [(0, 0, 0), (0, 1, 1)]
    np.testing.assert_allclose(oks_metric.joint_similarities([image(people, found)], result, SIGMAS), [1, 1])


def test_a_missed_person_halves_recall_and_an_ignored_one_does_not():
    people = [[[10, 10, 2], [50, 50, 2]], [[110, 10, 2], [150, 50, 2]]]
    found = [[[10, 10, 0.9], [50, 50, 0.9]]]
    assert oks_metric.evaluate([image(people, found)], SIGMAS).stats["AR"] == pytest.approx(0.5)
    assert oks_metric.evaluate([image(people, found, ignored=[False, True])], SIGMAS).stats["AR"] == 1


def test_average_over_thresholds_by_hand():
    # One person at similarity exp(-0.36) = 0.698 on both joints: found at OKS 0.50, 0.55, 0.60, 0.65 of ten thresholds.
    d0, d1 = math.sqrt(0.36 * 2 * 400 * 0.01), math.sqrt(0.36 * 2 * 400 * 0.04)
    one = image([[[10, 10, 2], [50, 50, 2]]], [[[10 + d0, 10, 1], [50, 50 + d1, 1]]])
    stats = oks_metric.evaluate([one], SIGMAS).stats
    assert stats["AP"] == pytest.approx(0.4) and stats["AR"] == pytest.approx(0.4)
    assert stats["AP50"] == pytest.approx(1) and stats["AP75"] == pytest.approx(0)


def test_false_people_with_higher_scores_lower_precision():
    people = [[[10, 10, 2], [50, 50, 2]]]
    found = [[[300, 300, 0.9], [350, 350, 0.9]], [[10, 10, 0.5], [50, 50, 0.5]]]
    assert oks_metric.evaluate([image(people, found)], SIGMAS).stats["AP"] == pytest.approx(0.5)


def test_no_predictions_and_no_people():
    people = [[[10, 10, 2], [50, 50, 2]]]
    assert oks_metric.evaluate([image(people, [])], SIGMAS).stats["AP"] == 0
    empty = oks_metric.evaluate([image([], [])], SIGMAS)
    assert np.isnan(empty.stats["AP"]) and empty.matches == []
    assert np.isnan(oks_metric.joint_similarities([image([], [])], empty, SIGMAS)).all()


def test_one_joint_uses_its_own_score_and_drops_people_without_it():
    one = image([[[10, 10, 2], [50, 50, 0]]], [[[10, 10, 0.3], [0, 0, 0]], [[0, 0, 0], [60, 60, 0.7]]])
    first, second = one.joint(0), one.joint(1)
    np.testing.assert_allclose(first.dt_scores, [0.3])
    np.testing.assert_allclose(second.dt_scores, [0.7])
    assert first.gt_counted.tolist() == [True] and second.gt_counted.tolist() == [False]


def test_sigma_sets():
    names = (
        "r_ankle",
        "r_knee",
        "r_hip",
        "pelvis",
        "thorax",
        "upper_neck",
        "head_top",
        "r_wrist",
        "r_elbow",
        "r_shoulder",
    )
    recommended = [0.089, 0.087, 0.107, 0.107, 0.079, 0.079, 0.079, 0.062, 0.072, 0.079]
    mmpose = [0.089, 0.083, 0.107, 0.026, 0.026, 0.026, 0.026, 0.062, 0.072, 0.179]
    np.testing.assert_allclose(oks_metric.sigmas_of("recommended", names), recommended)
    np.testing.assert_allclose(oks_metric.sigmas_of("mmpose", names), mmpose)
    with pytest.raises(KeyError):
        oks_metric.sigmas_of("coco", ["head_top"])
