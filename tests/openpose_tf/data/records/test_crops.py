"""Person crops: reach of the augmentation, downscaling, keypoints on their pixels, masks, neighbours."""

import cv2
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from openpose_tf.data.annotations.types import AnnotatedImage, Person
from openpose_tf.data.input.augmentation import NUM_RANDOM, Augmentation, apply_affine, sample_affine
from openpose_tf.data.records import crops


def person_at(x, y, scale, offsets=((0.0, 0.0),) * 16, state=1, **fields):
    keypoints = np.concatenate([np.array([x, y]) + np.array(offsets), np.full((16, 1), state)], 1)
    return Person(keypoints, np.array([x, y], float), scale, **fields)


def test_reach_is_3_28_heights():
    assert crops.reach(100) == pytest.approx(328.3, abs=0.1)
    assert crops.reach(1) * 400 == pytest.approx(crops.reach(400))


@settings(max_examples=80, deadline=None)
@given(
    st.tuples(*[st.floats(0, 1, exclude_max=True, width=32)] * NUM_RANDOM),
    st.floats(0.1, 4),
    st.sampled_from([368, 128]),
)
def test_augmentation_stays_within_reach(uniform, scale, size):
    objpos = tf.constant([1000.0, 2000.0])
    affine = sample_affine(objpos, tf.constant(scale, tf.float32), tf.constant(uniform), Augmentation(size))
    corners = tf.constant([[0, 0], [0, size - 1], [size - 1, 0], [size - 1, size - 1]], tf.float32)
    seen = apply_affine(corners, affine.inverse).numpy() - objpos.numpy()
    assert np.abs(seen).max() <= crops.reach(200 * scale) + 0.1


def test_reach_is_tight():
    """Some augmentation shows pixels at 99 % of the reach: the crop holds no more than it must."""
    uniform = tf.constant([0.0, 0.9999999, 0.999, 0.999, 0.9])
    affine = sample_affine(tf.constant([0.0, 0.0]), tf.constant(1.0), uniform, Augmentation(368))
    seen = apply_affine(tf.constant([[367.0, 0.0], [0.0, 367.0], [0.0, 0.0], [367.0, 367.0]]), affine.inverse).numpy()
    corner = 184 * (np.cos(np.deg2rad(40)) + np.sin(np.deg2rad(40))) / 100 * 200
    assert np.abs(seen).max() > 0.99 * corner
    # The one-sided offset makes the reach one-sided too: 233 instead of 184 px on the side of the offset.
    assert np.abs(seen).max() <= crops.reach(200)


def picture_with_dot(width, height, x, y, radius):
    ys, xs = np.mgrid[:height, :width]
    blob = 255 * np.exp(-((xs - x) ** 2 + (ys - y) ** 2) / (2 * radius**2))
    return np.repeat(blob.astype(np.uint8)[..., None], 3, 2)


@pytest.mark.parametrize("scale, limit", [(0.5, 400), (3.0, 400), (3.0, 139), (1.0, 139)])
def test_keypoints_stay_on_their_pixels(scale, limit):
    person = person_at(700.3, 500.6, scale)
    pixels = picture_with_dot(1300, 1000, 700.3, 500.6, radius=6)
    image = AnnotatedImage("a", None, 1300, 1000, (person,))
    sample = crops.crop_person(image, 0, pixels, config=crops.CropConfig(max_person_height=limit))
    assert 200 * sample.scale <= limit * 1.01
    assert sample.scale <= scale * 1.0001  # never upscaled
    crop = cv2.imdecode(np.frombuffer(sample.image, np.uint8), cv2.IMREAD_COLOR)[..., 0].astype(float)
    assert crop.shape == (sample.height, sample.width)
    crop[crop < 30] = 0
    ys, xs = np.mgrid[: sample.height, : sample.width]
    found = np.array([(xs * crop).sum(), (ys * crop).sum()]) / crop.sum()
    np.testing.assert_allclose(sample.keypoints[0, :, :2], np.tile(found, (16, 1)), atol=0.25)
    np.testing.assert_allclose(sample.objpos, found, atol=0.25)


def test_border_and_tiny_pictures():
    image = AnnotatedImage("a", None, 1, 1, (person_at(0, 0, 1.0),))
    sample = crops.crop_person(image, 0, np.zeros((1, 1, 3), np.uint8))
    assert (sample.width, sample.height) == (1, 1)
    assert crops.why_not_sampled(image.people[0], image, crops.SampleRules()) == "position outside of the image"
    wide = AnnotatedImage("b", None, 20000, 40, (person_at(15000, 20, 0.1),))
    sample = crops.crop_person(wide, 0, np.zeros((40, 20000, 3), np.uint8))
    assert sample.height == 40 and 130 < sample.width < 145


def test_neighbours_nearest_first_and_strangers_left_out():
    corners = tuple((dx, dy) for dx in (-8, -3, 3, 8) for dy in (-8, -3, 3, 8))
    subject = person_at(300, 300, 0.2, corners)
    near, far = person_at(330, 300, 0.2, corners, is_synthetic=True), person_at(250, 300, 0.2, corners)
    outside, nobody = person_at(900, 300, 0.2, corners), person_at(310, 300, 0.2, corners, state=0)
    # Joints on both sides of the region, none in it: the limb between them crosses it.
    spread = person_at(300, 310, 0.2, ((-280, 0), (280, 0), *(((280.0, 0.0),) * 14)))
    image = AnnotatedImage("a", None, 1000, 600, (far, outside, subject, nobody, near, spread))
    sample = crops.crop_person(image, 2, np.zeros((600, 1000, 3), np.uint8))
    assert len(sample.keypoints) == 4
    x1 = crops.reachable_region(subject, 1000, 600)[0]
    np.testing.assert_allclose(sample.keypoints[0, 0, :2], [300 - 8 - x1, 300 - 8 - x1], atol=1e-3)
    np.testing.assert_array_equal(sample.is_synthetic_person, [False, False, True, False])


def test_mask_of_unannotated_people():
    person = person_at(60, 50, 0.1)
    image = AnnotatedImage("a", None, 100, 100, (person,))
    ignore = np.zeros((100, 100), bool)
    assert crops.crop_person(image, 0, np.zeros((100, 100, 3), np.uint8), ignore).mask == b""
    ignore[:, :70] = True
    sample = crops.crop_person(image, 0, np.zeros((100, 100, 3), np.uint8), ignore)
    mask = cv2.imdecode(np.frombuffer(sample.mask, np.uint8), cv2.IMREAD_UNCHANGED)
    assert mask.shape == (sample.height, sample.width) and set(np.unique(mask)) == {0, 255}
    assert (mask == 0).all(0).sum() == 70


def test_people_who_are_no_samples():
    image = AnnotatedImage("a", None, 100, 100, ())
    rules = crops.SampleRules(sample_synthetic=False, min_joints=3, min_height=15)

    def why(person, rules=rules):
        return crops.why_not_sampled(person, image, rules)

    assert why(person_at(50, 50, 0.1)) is None
    assert why(person_at(50, 50, 0.1, is_synthetic=True)) == "synthetic person of a mixed image"
    assert why(person_at(50, 50, np.inf)) == "no usable scale"
    assert why(person_at(np.nan, 50, 0.1)) == "no position"
    assert why(person_at(50, 100, 0.1)) == "position outside of the image"
    assert why(person_at(50, 50, 0.1, state=4)) == "no joint in the image"
    assert why(person_at(50, 50, 0.1, ((0, 0), (0, 0), *(((200, 0),) * 14)))) == "fewer than 3 joints"
    assert why(person_at(50, 50, 0.05)) == "too small"
    hidden = person_at(50, 50, 0.1, is_synthetic=True, features={"visible_ratio": 0.0})
    assert why(hidden, crops.SampleRules()) == "no joint visible"
