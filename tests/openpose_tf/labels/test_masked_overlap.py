"""The "+ masks" condition on a hand-drawn scene: a real and a synthetic person whose limbs cross and elbows touch.

Input 64 px, cells of 8 px with centres at 3.5, 11.5, ... The real person's first limb (head top to neck) runs along
row 3, the synthetic person's along column 3. The real right elbow is in the middle of cell (3, 3), the synthetic one in
that of cell (3, 4), 8 px to the right.
"""

import numpy as np
import pytest
import tensorflow as tf

from openpose_tf.config import Fidelity, Sampling, TargetConfig
from openpose_tf.labels import losses
from openpose_tf.labels.targets import draw_labels
from tests.support.references import targets as reference

HEAD, NECK, ELBOW, BACKGROUND = 0, 1, 3, 15
SIZE = 128  # px, input of the random scenes
X, Y = 0, 1  # PAF channels of the first limb


def person(*points):
    keypoints = np.zeros((15, 3), np.float32)
    for part, x, y in points:
        keypoints[part] = x, y, 1
    return keypoints


REAL = person((HEAD, 3.5, 27.5), (NECK, 59.5, 27.5), (ELBOW, 27.5, 27.5))
SYNTHETIC = person((HEAD, 27.5, 3.5), (NECK, 27.5, 59.5), (ELBOW, 35.5, 27.5))


def labels(people, synthetic, size=64, **config):
    cells = size // 8
    batch = {
        "loss_mask": np.ones((1, cells, cells), np.uint8),
        "keypoints": np.stack(people)[None],
        "is_synthetic_person": np.array([synthetic]),
        "labelled_parts": np.ones((1, 15), np.float32),
    }
    drawn = draw_labels(batch, TargetConfig(**config))
    return tuple(np.broadcast_to(one.numpy(), (1, cells, cells, one.shape[-1]))[0] for one in drawn)


def test_paper_masks_take_both_components_of_a_synthetic_limb_and_leave_the_real_label():
    pafs, _, weights, _ = labels([REAL, SYNTHETIC], [False, True], masked_synthetic_loss=True)
    assert not weights[0:8, 2:5, [X, Y]].any()  # 8 px around column 3, both ends included
    assert weights[:, [0, 1, 5, 6, 7]].all()  # the real limb keeps its loss where it is alone
    np.testing.assert_allclose(pafs[3, [1, 3], X], 1)  # also at the crossing the label is the real limb's
    np.testing.assert_allclose(pafs[0, 3, [X, Y]], 0)


def test_released_masks_take_a_component_where_the_synthetic_one_exceeds_a_quarter():
    pafs, _, weights, _ = labels(
        [REAL, SYNTHETIC], [False, True], fidelity=Fidelity.RELEASE, masked_synthetic_loss=True
    )
    # The synthetic limb alone, (0, 1): y is out of the loss, x is not.
    assert weights[1, 3, Y] == 0 and weights[1, 3, X] == 1
    # The crossing: the synthetic vector over the number of people is (0, 1/2), so y is out; the real x stays.
    assert weights[3, 3, Y] == 0 and weights[3, 3, X] == 1
    np.testing.assert_allclose(pafs[3, 3, [X, Y]], (0, 0.5), atol=1e-5)
    # The real limb alone, (1, 0): all of it counts.
    assert weights[3, 1, X] == weights[3, 1, Y] == 1 and pafs[3, 1, X] == pytest.approx(1)
    # Nobody: counts.
    assert weights[6, 6].all()


def test_paper_masks_end_where_the_synthetic_gaussian_is_cut():
    """exp(-d^2 / 98) falls to 0.01 at 21.24 px."""
    for distance, counts in ((21.2, False), (21.3, True)):
        synthetic = person((ELBOW, 27.5 + distance, 27.5))
        _, maps, _, weights = labels([REAL, synthetic], [False, True], masked_synthetic_loss=True)
        assert weights[3, 3, ELBOW] == weights[3, 3, BACKGROUND] == counts
        assert maps[3, 3, ELBOW] == 1 and maps[3, 7, ELBOW] == 0  # the label is that of the real elbow


def random_scene(rng):
    """One to five people of whom some are synthetic, partly outside of the input, joints missing."""
    count = int(rng.integers(1, 6))
    people = np.zeros((count, 15, 3), np.float32)
    centers = rng.uniform(0, SIZE, (count, 1, 2))
    people[..., :2] = centers + rng.normal(0, rng.uniform(10, 60), (count, 15, 2))
    people[..., 2] = rng.random((count, 15)) > 0.15
    people[0, 1, 0] = people[0, 0, 0]  # an upright limb: one component is 0 in all of its strip
    return people, rng.random(count) < 0.5


def loss_of(prediction, drawn):
    """Returns the loss of the two branches [2] for predicted (pafs, confidence maps)."""
    outputs = [tuple(tf.constant(one[None]) for one in prediction)]
    return losses.branch_losses(outputs, tuple(tf.constant(one[None]) for one in drawn)).numpy()[0, 0]


@pytest.mark.parametrize("sampling", [Sampling.CENTRE, Sampling.AREA])
def test_a_network_that_sees_real_people_only_has_no_loss_and_nothing_else_is_masked(sampling):
    """Paper Sec. 5.2, on 200 random scenes."""
    rng = np.random.default_rng(3)
    num_masked = 0
    for _ in range(200 if sampling == Sampling.CENTRE else 10):
        people, synthetic = random_scene(rng)
        masked = labels(people, synthetic, SIZE, sampling=sampling, masked_synthetic_loss=True)
        nobody = np.zeros((15, 3), np.float32)
        real = labels([*people[~synthetic], nobody], [False] * (1 + (~synthetic).sum()), SIZE, sampling=sampling)
        everybody = labels(people, synthetic, SIZE, sampling=sampling)
        rendered = labels([*people[synthetic], nobody], [False] * (1 + synthetic.sum()), SIZE, sampling=sampling)
        np.testing.assert_array_equal(loss_of(real[:2], masked), 0)
        # Who also sees the rendered people is neither rewarded nor punished for it.
        np.testing.assert_allclose(loss_of(everybody[:2], masked), 0, atol=1e-9)
        rendered_limbs = np.repeat(np.abs(rendered[0]).reshape(*rendered[0].shape[:2], 14, 2).max(-1) > 0, 2, -1)
        assert (masked[2] == 1)[~rendered_limbs].mean() > 0.999  # opposite limbs can cancel in the label
        np.testing.assert_array_equal(masked[3][..., :15] == 0, rendered[1][..., :15] > 0)
        np.testing.assert_array_equal(masked[3][..., 15] == 0, rendered[1][..., 15] < 1)
        num_masked += (masked[2] == 0).sum()
    assert num_masked > 1000


@pytest.mark.parametrize(("distance", "counts"), [(11.6, False), (11.7, True)])
def test_released_masks_end_where_the_synthetic_map_is_a_quarter(distance, counts):
    """exp(-11.6^2 / 98) = 0.2533 and exp(-11.7^2 / 98) = 0.2474, around the released threshold of 0.25."""
    synthetic = person((ELBOW, 27.5 + distance, 27.5))
    config = {"fidelity": Fidelity.RELEASE, "sampling": Sampling.CENTRE, "masked_synthetic_loss": True}
    weights = labels([REAL, synthetic], [False, True], **config)[3]
    assert weights[3, 3, ELBOW] == counts


@pytest.mark.parametrize("mode", [Fidelity.PAPER, Fidelity.RELEASE])
def test_without_masks_the_labels_of_everybody_count(mode):
    """The loss of an empty prediction is half the squared labels, here those of the slow reference."""
    config = {"fidelity": mode, "sampling": Sampling.CENTRE}
    maps, pafs, *_ = reference.draw([REAL, SYNTHETIC], [False, False], 64, mode.value, "centre")
    np.testing.assert_allclose(loss_of_nothing(**config), [half_square(pafs), half_square(maps)], rtol=1e-4)


@pytest.mark.parametrize(("mode", "most"), [(Fidelity.PAPER, 0), (Fidelity.RELEASE, 0.25)])
def test_with_masks_the_labels_count_where_the_synthetic_person_has_none_or_in_the_release_at_most_a_quarter(
    mode, most
):
    """What is left is less than the loss of the real person alone: the masks take cells of real limbs, too."""
    config = {"fidelity": mode, "sampling": Sampling.CENTRE, "masked_synthetic_loss": True}
    drawn = reference.draw([REAL, SYNTHETIC], [False, True], 64, mode.value, "centre")
    maps, pafs, synthetic_maps, synthetic_pafs, _ = drawn
    if mode == Fidelity.PAPER:  # the release reads its background map the wrong way round
        synthetic_maps[..., BACKGROUND] = 1 - synthetic_maps[..., BACKGROUND]
    left = [half_square(m * (np.abs(s) <= most)) for m, s in ((pafs, synthetic_pafs), (maps, synthetic_maps))]
    np.testing.assert_allclose(loss_of_nothing(**config), left, rtol=1e-4)
    alone = reference.draw([REAL], [False], 64, mode.value, "centre")
    assert left[0] < half_square(alone[1]) and left[1] < half_square(alone[0])


def test_masks_take_nothing_from_a_picture_without_synthetic_people():
    _, _, paf_weights, map_weights = labels([REAL, person()], [False, True], masked_synthetic_loss=True)
    assert paf_weights.all() and map_weights.all()


def half_square(maps):
    return 0.5 * (maps**2).sum()


def loss_of_nothing(**config):
    """Returns the loss of the two branches [2] where the network gives 0 everywhere."""
    drawn = tuple(tf.constant(one[None]) for one in labels([REAL, SYNTHETIC], [False, True], **config))
    nothing = [(tf.zeros((1, 8, 8, 28)), tf.zeros((1, 8, 8, 16)))]
    return losses.branch_losses(nothing, drawn).numpy()[0, 0]
