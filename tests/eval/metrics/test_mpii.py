"""The MPII multi-person metric: each rule of docs/reference/evaluation.md sections 5 to 7, numbers by hand."""

import numpy as np
import pytest

from eval.metrics import mpii as mm

BOX = [0.0, 0.0, 30.0, 40.0]  # diagonal 50, head size 30, hits up to 15 px


def people(*joint_maps):
    """[N, 16, 2] of dicts {MPII id: (x, y)}."""
    xy = np.full((len(joint_maps), 16, 2), np.nan)
    for row, joints in enumerate(joint_maps):
        for joint, point in joints.items():
            xy[row, joint] = point
    return xy


def match(found, truth, scores=None, boxes=None):
    found, truth = people(*found), people(*truth)
    scores = np.full(found.shape[:2], 0.5) if scores is None else np.array(scores)
    return mm.match_group(found, scores, truth, np.array(boxes or [BOX] * len(truth), float).reshape(-1, 4))


def test_head_size():
    assert mm.head_sizes(np.array(BOX)) == 30
    assert mm.head_sizes(np.array([30, 40, 0, 0], np.uint16)) == 30  # corners of integer files must not wrap


def test_hits_include_the_boundary_and_need_both_joints():
    found = people({0: (15, 0), 1: (0, np.nextafter(15, 16)), 2: (9, 12), 3: (1, 1)})
    truth = people({0: (0, 0), 1: (0, 0), 2: (0, 0), 4: (1, 1)})
    hits = mm.joint_hits(found, truth, np.array([30.0]))
    assert hits[0, 0].tolist() == [True, False, True] + [False] * 13


def test_hits_of_a_head_of_size_zero():
    xy = people({0: (5, 5)})
    assert not mm.joint_hits(xy, xy, np.array([0.0])).any()  # 0 / 0 is no hit


def test_pck_counts_annotated_joints_only():
    hits = np.zeros((2, 2, 4), bool)
    hits[0, 0, :2] = True
    hits[1, 1, 0] = True
    annotated = np.array([[1, 1, 1, 1], [1, 0, 0, 0]], bool)
    np.testing.assert_array_equal(mm.pck_matrix(hits, annotated), [[0.5, 0], [0, 1]])
    np.testing.assert_array_equal(mm.pck_matrix(hits, np.zeros((2, 4), bool)), np.zeros((2, 2)))


@pytest.mark.parametrize(
    ("pck", "expected"),
    [
        ([[0.5, 0.5]], [0]),  # tie of people: lowest index
        ([[0.5], [0.5]], [0, -1]),  # tie of predictions: lowest index
        ([[0.5, 0.4], [0.9, 0.0]], [-1, 0]),  # the loser gets no second choice, though person 1 is free
        ([[0.0, 0.0]], [-1]),
        ([[0.2, 0.3], [0.6, 0.5]], [1, 0]),
        ([[0.3, 0.0], [0.0, 0.1], [0.2, 0.2]], [0, 1, -1]),
    ],
)
def test_assignment(pck, expected):
    assert mm.assign(np.array(pck)).tolist() == expected


def test_assignment_of_nothing():
    assert mm.assign(np.zeros((0, 2))).tolist() == []
    assert mm.assign(np.zeros((2, 0))).tolist() == [-1, -1]


def test_pelvis_and_thorax_are_ignored_everywhere():
    truth = {6: (0, 0), 7: (0, 9), 0: (50, 50)}
    result = match([{6: (0, 0), 7: (0, 9)}], [truth])
    assert result.assignment.tolist() == [-1] and not result.detected.any()
    assert result.annotated.sum() == 1


def test_unannotated_joint_of_a_matched_person_is_a_false_positive():
    result = match([{0: (0, 0), 1: (9, 9)}], [{0: (0, 0)}])
    assert result.assignment.tolist() == [0]
    assert result.labels[0, :2].tolist() == [True, False] and result.detected[0, :2].all()


def test_unmatched_prediction_is_false_even_on_a_joint():
    result = match([{0: (0, 0), 1: (50, 50)}, {0: (0, 0)}], [{0: (0, 0), 1: (50, 50)}])
    assert result.assignment.tolist() == [0, -1]
    assert result.labels[:, 0].tolist() == [True, False]


def test_person_without_joints_is_never_matched():
    result = match([{0: (0, 0)}], [{}, {0: (0, 0)}])
    assert result.assignment.tolist() == [1] and mm.positives(result).sum() == 1


def test_average_precision_by_hand():
    # Order by score: true, false, true, false; 3 annotated. Precision 1, 1/2, 2/3, 1/2; recall 1/3, 1/3, 2/3, 2/3.
    scores, labels = np.array([0.2, 0.9, 0.5, 0.7]), np.array([False, True, True, False])
    precision, recall = mm.precision_recall(scores, labels, 3)
    np.testing.assert_allclose(precision, [1, 1 / 2, 2 / 3, 1 / 2])
    np.testing.assert_allclose(recall, [1 / 3, 1 / 3, 2 / 3, 2 / 3])
    assert mm.average_precision(precision, recall) == pytest.approx(1 / 3 + 2 / 9)


def test_envelope_lifts_earlier_precision():
    # false, true, true of 2: precision 0, 1/2, 2/3; the envelope is 2/3 for both steps.
    precision, recall = mm.precision_recall(np.array([3.0, 2, 1]), np.array([False, True, True]), 2)
    assert mm.average_precision(precision, recall) == pytest.approx(2 / 3)


def test_equal_scores_keep_their_order():
    scores = np.array([0.5, 0.5, 0.5])
    first = mm.score_joint(scores, np.array([True, False, False]), 1)
    last = mm.score_joint(scores, np.array([False, False, True]), 1)
    assert first.ap == 100 and last.ap == pytest.approx(100 / 3)


def test_scores_may_be_negative_and_large():
    assert mm.score_joint(np.array([-5.0, 7.0]), np.array([False, True]), 1).ap == 100


def test_edge_cases_of_average_precision():
    nothing = np.zeros(0), np.zeros(0, bool)
    assert mm.score_joint(*nothing, 0).ap == 0
    assert mm.score_joint(*nothing, 4).ap == 0
    assert np.isnan(mm.score_joint(np.array([0.3]), np.array([False]), 0).ap)


def test_full_marks_are_exactly_100():
    for count in range(1, 60):
        assert mm.score_joint(np.arange(count, 0.0, -1), np.ones(count, bool), count).ap <= 100


def one_joint_group(found=True):
    return match([{0: (0, 0)}] if found else [], [{0: (0, 0)}])


def test_empty_groups_leave_the_positives_unless_counted():
    matches = [one_joint_group(), one_joint_group(found=False)]
    assert mm.evaluate(matches).ap[0] == 100 and mm.evaluate(matches).joints[0].n_gt == 1
    assert mm.evaluate(matches, count_empty_groups=True).ap[0] == 50


def test_a_predicted_person_without_points_makes_the_group_count():
    assert mm.evaluate([one_joint_group(), match([{}], [{0: (0, 0)}])]).ap[0] == 50


def test_all_groups_empty_and_no_group():
    for matches in ([one_joint_group(found=False)], []):
        result = mm.evaluate(matches)
        assert result.mean == 0 and all(joint.n_gt == 0 for joint in result.joints)
    assert mm.evaluate([one_joint_group(found=False)], True).joints[0].n_gt == 1


def test_a_detection_without_any_annotation_makes_column_and_total_nan():
    result = mm.evaluate([match([{0: (0, 0), 4: (0, 0)}], [{0: (0, 0)}])])
    assert np.isnan(result.ap[4]) and np.isnan(result.table["Knee"]) and np.isnan(result.mean)
    assert result.ap[0] == 100 and result.table["Ankle"] == 50 and result.table["Head"] == 0


def test_table_columns():
    ap = np.arange(14.0)
    expected = {"Head": 12.5, "Shoulder": 8.5, "Elbow": 8.5, "Wrist": 8.5, "Hip": 2.5, "Knee": 2.5, "Ankle": 2.5}
    assert mm.table_columns(ap) == expected
    assert np.mean(list(expected.values())) == ap.mean()
    assert mm.JOINT_NAMES[12:] == ("upper_neck", "head_top") and mm.JOINT_NAMES[8] == "r_shoulder"


def test_predictions_without_any_person():
    result = match([{0: (0, 0)}], [])
    assert result.assignment.tolist() == [-1] and not result.labels.any() and result.annotated.shape == (0, 14)
    assert np.isnan(mm.evaluate([result]).ap[0])
