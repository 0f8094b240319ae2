"""PCK by hand: whose torso, which predicted person, what counts."""

import numpy as np
import pytest

from eval.metrics import pck
from eval.metrics.oks import OksImage, sigmas_of

JOINTS = ("l_shoulder", "r_shoulder", "l_hip", "r_hip", "l_knee")
SIGMAS = sigmas_of("recommended", JOINTS)
# Left shoulder to right hip: 30 right, 40 down, so a torso of 50 px, and joints count within 10 px.
PERSON = np.array([[0, 0, 2], [30, 0, 2], [0, 40, 1], [30, 40, 2], [0, 90, 0]], float)


def image(people, found, ignored=None):
    people, found = np.array(people).reshape(-1, 5, 3), np.array(found, float).reshape(-1, 5, 3)
    ignored = np.zeros(len(people), bool) if ignored is None else np.array(ignored)
    return OksImage(
        people, np.full(len(people), 3000.0), np.zeros((len(people), 4)), ignored, found, np.ones(len(found))
    )


def prediction(offsets, score=0.5):
    """The person, each joint moved right by its offset; None = not found."""
    rows = [[x + (o or 0), y, 0 if o is None else score] for (x, y, _), o in zip(PERSON, offsets, strict=True)]
    return np.array(rows, float)


def test_joints_count_within_a_fifth_of_the_torso():
    judged = pck.judge(image([PERSON], [prediction([0, 10, 10.1, None, 0])]), JOINTS, SIGMAS)
    assert judged.right.tolist() == [[True, True, False, False, False]]  # the knee is not annotated
    assert judged.labelled.tolist() == [[True, True, True, True, False]]
    assert judged.visible_share.tolist() == [0.75]
    assert pck.shares([judged], np.ones((1, 1), int)).tolist() == [50.0]


def test_the_torso_is_the_other_diagonal_where_the_first_is_not_annotated():
    person = PERSON.copy()
    person[1] = [32, 16, 2]  # right shoulder to left hip: 32 and 24, so 40 px
    assert pck.torso_length(person, JOINTS) == 50
    person[3, 2] = 0
    assert pck.torso_length(person, JOINTS) == 40
    person[2, 2] = 0
    assert np.isnan(pck.torso_length(person, JOINTS))


def test_the_person_of_highest_oks_is_judged_not_the_best_by_pck():
    near = prediction([8, 8, 8, 8, 8])
    exact_but_lost = prediction([0, None, None, None, 0])
    judged = pck.judge(image([PERSON], [exact_but_lost, near]), JOINTS, SIGMAS)
    assert judged.right.sum() == 4


def test_people_without_a_torso_are_left_out_and_counted_ignored_ones_are_not():
    half = PERSON.copy()
    half[[0, 1], 2] = 0
    judged = pck.judge(image([half, PERSON, PERSON], [], [False, False, True]), JOINTS, SIGMAS)
    assert (judged.num_left_out, judged.right.shape, judged.right.sum()) == (1, (1, 5), 0)


def test_images_without_people_change_nothing():
    nobody = pck.judge(image([], [PERSON]), JOINTS, SIGMAS)
    one = pck.judge(image([PERSON], [prediction([0] * 5)]), JOINTS, SIGMAS)
    assert pck.shares([nobody, one], np.array([[1, 1], [5, 2], [1, 0]])) == pytest.approx(
        [100, 100, np.nan], nan_ok=True
    )
