"""Augmentation: ranges, joints that stay on their pixels, borders, loss masks; both backends."""

import cv2
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from openpose_tf.data.input import warp
from openpose_tf.data.input.augmentation import NUM_RANDOM, Affine, Augmentation, apply_affine, sample_affine
from tests.support.training_batches import augmentation_without_chance

BACKENDS = ("cv2", "tf")
UNIT = st.floats(0, 1, exclude_max=True, width=32)


def affine_of(objpos, scale, uniform, augmentation):
    objpos, scale, uniform = (tf.constant(value, tf.float32) for value in (objpos, scale, uniform))
    return sample_affine(objpos, scale, uniform, augmentation)


def warp_image(encoded, affine, augmentation):
    """The input of one sample."""
    return warp.warp_images(encoded[None], batch_of(affine), augmentation)[0]


def warp_mask(encoded, shape, affine, augmentation):
    """The mask of one sample."""
    return warp.warp_masks(encoded[None], shape[None], batch_of(affine), augmentation)[0]


def batch_of(affine):
    fields = (affine.forward, affine.inverse, affine.zoom, affine.flip)
    return Affine(*(tf.convert_to_tensor(field)[None] for field in fields))


def reference_map(point, objpos, scale, uniform, size):
    """The steps of docs/reference/method.md section 2.3 one after the other, in plain words and float64."""
    unit = size / 368
    x, y = point[0] - objpos[0], point[1] - objpos[1]
    zoom = 1.25 / scale * (0.4 + 1.2 * uniform[0]) * unit  # 200 * scale px tall becomes 250 * u
    x, y = x * zoom, y * zoom
    angle = np.deg2rad(-40 + 80 * uniform[1])
    x, y = x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)
    offset = np.floor(uniform[2:4] * np.float32(50)) * unit
    x, y = x + (size - 1) / 2 - offset[0], y + (size - 1) / 2 - offset[1]
    return np.array([size - 1 - x if uniform[4] < 0.5 else x, y])


@settings(max_examples=60, deadline=None)
@given(st.tuples(*[UNIT] * NUM_RANDOM), st.floats(0.05, 5), st.sampled_from([368, 184, 128]))
def test_affine_is_the_published_order_and_person_survives(uniform, scale, size):
    objpos = np.array([310.0, 205.0])
    affine = affine_of(objpos, scale, np.array(uniform, np.float32), Augmentation(size))
    points = np.array([[310, 205], [310 + 90 * scale, 205 - 70 * scale], [300, 250]], np.float32)
    moved = apply_affine(tf.constant(points), affine.forward).numpy()
    expected = [reference_map(point, objpos, scale, np.array(uniform, np.float32), size) for point in points]
    np.testing.assert_allclose(moved, expected, atol=2e-2)
    back = apply_affine(tf.constant(moved), affine.inverse).numpy()
    np.testing.assert_allclose(back, points, atol=5e-3 * max(1, scale))
    # objpos is at most 49/368 of the input away from the middle: the sampled person is never lost.
    middle = (size - 1) / 2
    assert (np.abs(moved[0] - middle) <= 49 * size / 368 + 1e-2).all()
    height = np.linalg.norm(moved[1] - moved[0]) / np.hypot(90, 70) * 200
    assert 99 * size / 368 <= height <= 401 * size / 368


def dot_picture(width, height, dots, radius):
    picture = np.zeros((height, width, 3), np.uint8)
    ys, xs = np.mgrid[:height, :width]
    for channel, (x, y) in enumerate(dots):
        blob = np.exp(-((xs - x) ** 2 + (ys - y) ** 2) / (2 * radius**2))
        picture[..., channel] = np.maximum(picture[..., channel], (255 * blob).astype(np.uint8))
    return picture


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("seed", range(6))
def test_dots_are_found_where_the_joints_are(backend, seed):
    rng = np.random.default_rng(seed)
    augmentation = Augmentation(backend=backend)
    scale = (0.6, 1.0, 2.0, 2.0, 0.4, 1.5)[seed]  # 400 px tall, seeds 2 and 3: reduced decoding when zoomed out
    uniform = rng.random(NUM_RANDOM).astype(np.float32)
    uniform[0] = (0.9, 0.5, 0.0, 0.2, 0.99, 0.0)[seed]
    objpos = np.array([251.3, 203.8])
    dots = [objpos + rng.uniform(-50, 50, 2) * scale for _ in range(3)]
    affine = affine_of(objpos, scale, uniform, augmentation)
    picture = dot_picture(511, 417, dots, radius=3 / float(affine.zoom))
    best = [cv2.IMWRITE_JPEG_QUALITY, 100, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    encoded = cv2.imencode(".jpg", picture[..., ::-1], best)[1].tobytes()
    warped = warp_image(tf.constant(encoded), affine, augmentation).numpy().astype(float)
    joints = apply_affine(tf.constant(np.array(dots), tf.float32), affine.forward).numpy()
    found = 0
    for channel, joint in enumerate(joints):
        if not ((joint > 12) & (joint < 355)).all():
            continue
        x, y = np.round(joint).astype(int)
        window = warped[y - 9 : y + 10, x - 9 : x + 10, channel].copy()
        window[window < 40] = 0
        ys, xs = np.mgrid[-9:10, -9:10]
        centre = np.array([(xs * window).sum(), (ys * window).sum()]) / window.sum() + [x, y]
        assert np.linalg.norm(centre - joint) < 0.5
        found += 1
    assert found >= 1


def noise_jpeg(width=300, height=240, seed=0):
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 255, (height // 10, width // 10, 3), dtype=np.uint8)
    return cv2.imencode(".jpg", cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC))[1].tobytes()


@pytest.mark.parametrize("zoom", [0.0, 0.3, 0.6, 0.95])
def test_backends_agree(zoom):
    uniform = np.array([zoom, 0.8, 0.5, 0.1, 0.3], np.float32)
    pictures, masks = [], []
    mask = np.full((240, 300), 255, np.uint8)
    mask[50:120, 100:180] = 0
    encoded_mask = cv2.imencode(".png", mask)[1].tobytes()
    for backend in BACKENDS:
        augmentation = Augmentation(184, backend=backend)
        affine = affine_of([140.0, 110.0], 0.9, uniform, augmentation)
        pictures.append(warp_image(tf.constant(noise_jpeg()), affine, augmentation).numpy().astype(int))
        shape = tf.constant([240, 300], tf.int64)
        masks.append(warp_mask(tf.constant(encoded_mask), shape, affine, augmentation).numpy())
    difference = np.abs(pictures[0] - pictures[1])
    # Decoders may round a level apart; OpenCV samples at 1/32 pixel, which shows on steep edges only.
    assert difference.mean() < 1.0 and np.percentile(difference, 99) <= 8
    assert masks[0].shape == (23, 23) and (masks[0] != masks[1]).mean() < 0.01
    assert 0 < masks[0].mean() < 1


@pytest.mark.parametrize("backend", BACKENDS)
def test_outside_is_grey_and_ignored(backend):
    white = cv2.imencode(".jpg", np.full((100, 100, 3), 255, np.uint8))[1].tobytes()
    augmentation = augmentation_without_chance(368, backend=backend)
    affine = affine_of([49.5, 49.5], 1.25, np.zeros(NUM_RANDOM, np.float32), augmentation)  # zoom 1
    assert float(affine.zoom) == pytest.approx(1)
    warped = warp_image(tf.constant(white), affine, augmentation).numpy()
    assert (warped[140:228, 140:228] == 255).all()
    assert (warped[:130] == 128).all() and (warped[:, 240:] == 128).all()
    shape = tf.constant([100, 100], tf.int64)
    mask = warp_mask(tf.constant(b""), shape, affine, augmentation).numpy()
    # The picture covers pixels 134..233; cells 17..28 lie inside of it, 16 and 29 are mostly outside.
    assert (mask[17:29, 17:29] == 1).all() and mask.sum() == 144
    valid = Augmentation(368, 1, 1, 0, 1, 0, padding_valid=True, backend=backend)
    assert warp_mask(tf.constant(b""), shape, affine, valid).numpy().all()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("rows, kept", [(0, 1), (7, 1), (8, 0)])
def test_mask_threshold(backend, rows, kept):
    """A cell of 64 pixels counts while at most 30/255 of it is un-annotated: 7 pixels stay, 8 do not."""
    mask = np.full((368, 368), 255, np.uint8)
    mask[160 : 160 + rows, 81] = 0
    augmentation = augmentation_without_chance(368, backend=backend)
    affine = affine_of([183.5, 183.5], 1.25, np.zeros(NUM_RANDOM, np.float32), augmentation)
    encoded = cv2.imencode(".png", mask)[1].tobytes()
    result = warp_mask(tf.constant(encoded), tf.constant([368, 368], tf.int64), affine, augmentation).numpy()
    assert result[20, 10] == kept and result.sum() == 46 * 46 - 1 + kept


def test_reduction():
    assert [warp.reduction(zoom) for zoom in (2.0, 1.0, 0.51, 0.5, 0.3, 0.25, 0.1)] == [1, 1, 1, 2, 2, 4, 8]


def test_zoom_out_does_not_alias():
    """A fine chequerboard zoomed out by 4 becomes its mean instead of a moire pattern."""
    board = np.indices((800, 800)).sum(0) % 2 * 255
    encoded = cv2.imencode(".png", np.repeat(board[..., None], 3, 2).astype(np.uint8))[1]
    picture = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()
    augmentation = augmentation_without_chance(184)
    affine = affine_of([400.0, 400.0], 2.5, np.zeros(NUM_RANDOM, np.float32), augmentation)
    assert float(affine.zoom) == pytest.approx(0.25)
    warped = warp_image(tf.constant(encoded), affine, augmentation).numpy().astype(float)
    assert abs(warped[10:-10, 10:-10].mean() - 127.5) < 3 and warped[10:-10, 10:-10].std() < 6


@pytest.mark.parametrize("kwargs", [{"input_size": 100}, {"backend": "gpu"}, {"min_zoom": 0.0}])
def test_impossible_augmentations(kwargs):
    with pytest.raises(ValueError, match="is not"):
        Augmentation(**kwargs)
