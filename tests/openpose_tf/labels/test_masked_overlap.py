"""The "+ masks" condition on a hand-drawn scene: a real and a synthetic person whose limbs cross and elbows touch.

Input 64 px, cells of 8 px with centres at 3.5, 11.5, ... The real person's first limb (head top to neck) runs along
row 3, the synthetic person's along column 3. The real right elbow is in the middle of cell (3, 3), the synthetic one in
that of cell (3, 4), 8 px to the right.
"""

import numpy as np
import pytest
import tensorflow as tf

from openpose_tf.config import Fidelity, TargetConfig
from openpose_tf.labels import losses
from openpose_tf.labels.targets import draw_labels

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


def test_without_masks_everybody_counts_and_with_them_the_loss_is_that_of_the_real_person():
    """The loss of an empty prediction is half the squared labels that are left."""
    for config, masked in (({}, False), ({"masked_synthetic_loss": True}, True)):
        pafs, maps, paf_weights, map_weights = labels([REAL, SYNTHETIC], [False, True], **config)
        assert bool((paf_weights == 0).any()) == bool((map_weights == 0).any()) == masked
        nothing = [(tf.zeros((1, 8, 8, 28)), tf.zeros((1, 8, 8, 16)))]
        drawn = tuple(tf.constant(one[None]) for one in (pafs, maps, paf_weights, map_weights))
        branch = losses.branch_losses(nothing, drawn).numpy()[0, 0]
        np.testing.assert_allclose(
            branch, [0.5 * ((pafs * paf_weights) ** 2).sum(), 0.5 * ((maps * map_weights) ** 2).sum()], rtol=1e-5
        )
        if masked:  # no label of the synthetic limb above 1/4 is left in y
            assert np.abs(pafs * paf_weights)[..., Y].max() <= 0.25 + 1e-6
    real_only = labels([REAL, person()], [False, True], masked_synthetic_loss=True)
    assert real_only[2].all() and real_only[3].all()
