import numpy as np
import pytest
import tensorflow as tf

from openpose_tf.config import Fidelity, Sampling, TargetConfig
from openpose_tf.labels import losses
from openpose_tf.labels.loss_masks import channel_weights, loss_masks
from openpose_tf.labels.targets import draw_labels, draw_targets


def batch_of(keypoints, synthetic, size=64, labelled=None):
    b = len(keypoints)
    return {
        "images": np.zeros((b, size, size, 3), np.uint8),
        "loss_mask": np.ones((b, size // 8, size // 8), np.uint8),
        "keypoints": np.asarray(keypoints, np.float32),
        "is_synthetic_person": np.asarray(synthetic),
        "labelled_parts": np.ones((b, 15), np.float32) if labelled is None else np.asarray(labelled, np.float32),
    }


def person(*points):
    keypoints = np.zeros((15, 3), np.float32)
    for part, x, y in points:
        keypoints[part] = x, y, 1
    return keypoints


def test_loss_by_hand():
    """Two samples, two stages; every difference is a constant."""
    labels = (tf.zeros([2, 2, 2, 28]), tf.zeros([2, 2, 2, 16]), tf.ones([2, 2, 2, 28]), tf.ones([2, 2, 2, 16]))

    def stage(value):
        return tf.fill([2, 2, 2, 28], value), tf.fill([2, 2, 2, 16], 2 * value)

    branch = losses.branch_losses([stage(1.0), stage(3.0)], labels).numpy()
    np.testing.assert_allclose(branch[0], [[56, 128], [504, 1152]])  # 0.5 * 4 cells * channels * difference^2
    np.testing.assert_allclose(losses.sample_losses(branch), [920, 920])  # 0.5 * (56 + 128 + 504 + 1152)
    joint = losses.per_joint_losses(branch, tf.constant([4.0, 1.0])).numpy()
    np.testing.assert_allclose(joint, [207, 828])  # (504 + 1152) / 2 / joints: last stage only


def test_masked_cells_do_not_count():
    batch = batch_of([[person((0, 27.5, 27.5))]], [[False]])
    batch["loss_mask"][0, 3, 3] = 0
    labels = draw_labels(batch, TargetConfig())
    outputs = [(tf.zeros([1, 8, 8, 28]), labels[1])]
    wrong = labels[1].numpy().copy()
    wrong[0, 3, 3] += 5.0
    assert losses.branch_losses([(outputs[0][0], wrong)], labels).numpy().sum() == 0
    wrong[0, 3, 4, 0] += 2.0
    assert losses.branch_losses([(outputs[0][0], wrong)], labels).numpy().sum() == pytest.approx(2.0)


def test_float16_outputs_are_summed_in_float32():
    labels = (tf.zeros([1, 46, 46, 28]), tf.zeros([1, 46, 46, 16]), tf.ones([1, 46, 46, 28]), tf.ones([1, 46, 46, 16]))
    outputs = [(tf.fill([1, 46, 46, 28], tf.constant(8, tf.float16)), tf.zeros([1, 46, 46, 16], tf.float16))]
    assert losses.branch_losses(outputs, labels).numpy()[0, 0, 0] == 0.5 * 46 * 46 * 28 * 64


def test_an_unlabelled_part_takes_its_limbs_and_the_background_along():
    labelled = np.ones((1, 15), np.float32)
    labelled[0, 1] = 0  # neck: limbs 0 (head), 1, 4 (shoulders), 7 (centre)
    weights = channel_weights(labelled)
    off = np.flatnonzero(weights.pafs.numpy().ravel() == 0)
    np.testing.assert_array_equal(off, [0, 1, 2, 3, 8, 9, 14, 15])
    np.testing.assert_array_equal(np.flatnonzero(weights.confidence_maps.numpy().ravel() == 0), [1, 15])
    full = channel_weights(np.ones((1, 15), np.float32))
    assert full.pafs.numpy().all() and full.confidence_maps.numpy().all()


def test_joints_are_counted_inside_the_crop_only():
    people = [person((0, 5, 5), (1, -0.1, 5), (2, 63.9, 63.9), (3, 64, 5)), person((0, 9, 9))]
    batch = batch_of([people, [person(), person()]], [[False, True]] * 2)
    np.testing.assert_array_equal(losses.count_joints(batch, TargetConfig()), [3, 1])
    np.testing.assert_array_equal(losses.count_joints(batch, TargetConfig(masked_synthetic_loss=True)), [2, 1])
    release = TargetConfig(Fidelity.RELEASE)  # a joint beyond the right edge alone still counts there
    np.testing.assert_array_equal(losses.count_joints(batch, release), [4, 1])


@pytest.mark.parametrize("mode", [Fidelity.PAPER, Fidelity.RELEASE])
def test_masked_synthetic_loss(mode):
    config = TargetConfig(mode, masked_synthetic_loss=True)
    real, synthetic = person((0, 51.5, 51.5)), person((0, 11.5, 11.5), (1, 11.5, 43.5))
    batch = batch_of([[real, synthetic], [real, person()]], [[False, True]] * 2)
    targets = draw_targets(batch["keypoints"], 8, config, batch["is_synthetic_person"])
    masks = loss_masks(batch["loss_mask"], batch["labelled_parts"], targets, config)
    parts, background = masks.confidence_maps.numpy()[..., :15], masks.confidence_maps.numpy()[..., 15]
    assert parts[0, 1, 1, 0] == 0 and parts[0, 6, 6, 0] == 1  # off at the synthetic head, on at the real one
    assert parts[0, 1, 1, 2] == 1  # other channels stay on
    # The limb runs along y: the release leaves its x, which is 0.
    assert masks.pafs.numpy()[0, 3, 1, 1] == 0 and masks.pafs.numpy()[0, 3, 1, 0] == (mode == Fidelity.RELEASE)
    assert parts[1].all() and masks.pafs.numpy()[1].all()  # nobody synthetic there
    if mode == Fidelity.PAPER:
        assert background[0, 1, 1] == 0 and background[0, 4, 6] == 1 and background[1].all()
    else:  # Q3: on at synthetic joint cores only, and off in samples without synthetic people
        assert background[0, 1, 1] == 1 and background[0, 4, 6] == 0 and not background[1].any()


@pytest.mark.parametrize(("mode", "reach"), [(Fidelity.PAPER, 2), (Fidelity.RELEASE, 1)])
def test_the_mask_of_a_gaussian_ends_at_its_cut_or_in_the_release_at_a_quarter(mode, reach):
    """A Gaussian at a cell's centre: exp(-64/98) = 0.52 one cell away, exp(-128/98) = 0.27, exp(-256/98) = 0.07.

    Two cells along both axes are 22.6 px away, beyond the cut at 21.24.
    """
    config = TargetConfig(mode, Sampling.CENTRE, masked_synthetic_loss=True)
    batch = batch_of([[person((0, 27.5, 27.5))]], [[True]])
    targets = draw_targets(batch["keypoints"], 8, config, batch["is_synthetic_person"])
    mask = loss_masks(batch["loss_mask"], batch["labelled_parts"], targets, config).confidence_maps.numpy()[0, ..., 0]
    expected = np.ones((8, 8))
    expected[3 - reach : 4 + reach, 3 - reach : 4 + reach] = 0
    if reach == 2:
        expected[np.ix_([1, 5], [1, 5])] = 1
    np.testing.assert_array_equal(mask, expected)
