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
X, Y = 0, 1  # PAF channels of the first limb


def person(*points):
    keypoints = np.zeros((15, 3), np.float32)
    for part, x, y in points:
        keypoints[part] = x, y, 1
    return keypoints


REAL = person((HEAD, 3.5, 27.5), (NECK, 59.5, 27.5), (ELBOW, 27.5, 27.5))
SYNTHETIC = person((HEAD, 27.5, 3.5), (NECK, 27.5, 59.5), (ELBOW, 35.5, 27.5))


def labels(people, synthetic, **config):
    batch = {
        "loss_mask": np.ones((1, 8, 8), np.uint8),
        "keypoints": np.stack(people)[None],
        "is_synthetic_person": np.array([synthetic]),
        "labelled_parts": np.ones((1, 15), np.float32),
    }
    drawn = draw_labels(batch, TargetConfig(**config))
    return tuple(np.broadcast_to(one.numpy(), (1, 8, 8, one.shape[-1]))[0] for one in drawn)


@pytest.mark.parametrize("mode", [Fidelity.PAPER, Fidelity.RELEASE])
def test_only_the_synthetic_component_is_out_of_the_loss_where_limbs_cross(mode):
    pafs, _, weights, _ = labels([REAL, SYNTHETIC], [False, True], fidelity=mode, masked_synthetic_loss=True)
    # The synthetic limb alone, (0, 1): y is out of the loss, x is not.
    assert weights[1, 3, Y] == 0 and weights[1, 3, X] == 1
    # The crossing: the synthetic vector over the number of people is (0, 1/2), so y is out; the real x stays.
    assert weights[3, 3, Y] == 0 and weights[3, 3, X] == 1
    np.testing.assert_allclose(pafs[3, 3, [X, Y]], (0.5, 0.5) if mode == Fidelity.PAPER else (0, 0.5), atol=1e-5)
    # The real limb alone, (1, 0): all of it counts.
    assert weights[3, 1, X] == weights[3, 1, Y] == 1 and pafs[3, 1, X] == pytest.approx(1)
    # Nobody: counts.
    assert weights[6, 6].all()


def test_the_real_elbow_beside_the_synthetic_one_counts_where_the_synthetic_map_is_low():
    _, maps, _, weights = labels([REAL, SYNTHETIC], [False, True], masked_synthetic_loss=True)
    elbow = weights[..., ELBOW]
    # exp(-64/98) = 0.52 and exp(-128/98) = 0.27 beside the synthetic joint are above 1/4, exp(-256/98) = 0.07 is not.
    expected = np.ones((8, 8))
    expected[2:5, 3:6] = 0
    np.testing.assert_array_equal(elbow, expected)
    assert elbow[3, 2] == 1 and maps[3, 2, ELBOW] > 0.4  # the far side of the real elbow still teaches
    # The background is off at synthetic joints only, the real head and neck keep theirs.
    background = weights[..., BACKGROUND]
    assert background[0, 3] == background[7, 3] == background[3, 4] == 0
    assert background[3, 0] == background[3, 7] == background[6, 6] == 1


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
    maps, pafs, *_ = reference.draw([REAL, SYNTHETIC], [False, True], 64, mode.value, "centre")
    np.testing.assert_allclose(loss_of_nothing(**config), [half_square(pafs), half_square(maps)], rtol=1e-4)


@pytest.mark.parametrize("mode", [Fidelity.PAPER, Fidelity.RELEASE])
def test_with_masks_the_labels_count_where_the_synthetic_person_s_are_at_most_a_quarter(mode):
    """What is left is less than the loss of the real person alone: the masks take cells of real limbs, too."""
    config = {"fidelity": mode, "sampling": Sampling.CENTRE, "masked_synthetic_loss": True}
    drawn = reference.draw([REAL, SYNTHETIC], [False, True], 64, mode.value, "centre")
    maps, pafs, synthetic_maps, synthetic_pafs, _ = drawn
    if mode == Fidelity.PAPER:  # the release reads its background map the wrong way round
        synthetic_maps[..., BACKGROUND] = 1 - synthetic_maps[..., BACKGROUND]
    left = [half_square(m * (np.abs(s) <= 0.25)) for m, s in ((pafs, synthetic_pafs), (maps, synthetic_maps))]
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
