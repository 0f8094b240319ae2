"""Averaged maps of several scales: geometry to a fraction of a pixel, and the protocol's numbers by hand."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from openpose_tf.inference import decoder, multi_scale
from openpose_tf.skeleton import MPI
from tests.support import painted_network

FULL = dataclasses.replace(multi_scale.RELEASE, min_side=8, stretch=False)
STRIDE = dataclasses.replace(multi_scale.PAPER, min_side=8)


def _brightness(images):
    """A "network" whose maps are the mean brightness of each 8 x 8 cell: it shows where the picture's pixels went."""
    n, height, width, _ = images.shape
    cells = images[..., 0].reshape(n, height // 8, 8, width // 8, 8).mean((2, 4))[..., None] / 255
    return np.repeat(cells, 16, -1).astype(np.float32), np.repeat(cells, 28, -1).astype(np.float32)


def _blob(height, width, x, y, sigma=12.0):
    ys, xs = np.mgrid[:height, :width]
    value = 255 * np.exp(-((xs - x) ** 2 + (ys - y) ** 2) / (2 * sigma**2))
    return np.repeat(value[..., None], 3, -1).round().astype(np.uint8)


def _centroid(maps):
    weights = np.maximum(maps[..., 0] - 0.1, 0)
    ys, xs = np.mgrid[: maps.shape[0], : maps.shape[1]]
    return (weights * xs).sum() / weights.sum(), (weights * ys).sum() / weights.sum()


def _fused(maps_of, config, image):
    predictor = multi_scale.MultiScalePredictor(maps_of, config=config)
    views = predictor.show(image)
    return predictor.fuse([maps_of(view.pixels[None]) for view in views], views, image.shape[:2])


@pytest.mark.parametrize("min_side", [8, 256])
@pytest.mark.parametrize("scales", [[1.0], [0.5], [1.7], [0.63, 0.9, 1.17]])
def test_maps_stay_on_their_pixels(scales, min_side):
    """The background of the blob is black and the padding grey, so the blob lies well inside."""
    image = _blob(131, 173, 90.3, 61.8)
    maps, pafs = _fused(_brightness, dataclasses.replace(FULL, min_side=min_side, factors=scales), image)
    assert maps.shape == (131, 173, 16)
    assert pafs.shape == (131, 173, 28)
    inner = np.pad(maps[30:-30, 40:-40], [(30, 30), (40, 40), (0, 0)])
    np.testing.assert_allclose(_centroid(inner), [90.3, 61.8], atol=0.4)
    maps, _ = _fused(_brightness, dataclasses.replace(STRIDE, min_side=min_side, factors=scales), image)
    largest = max(scales)
    assert maps.shape == (-(-round(131 * largest) // 8), -(-round(173 * largest) // 8), 16)
    margin_y, margin_x = int(30 * largest / 8), int(40 * largest / 8)
    inner = maps[margin_y:-margin_y, margin_x:-margin_x]
    inner = np.pad(inner, [(margin_y, margin_y), (margin_x, margin_x), (0, 0)])
    ratio = np.array([173 / round(173 * largest), 131 / round(131 * largest)])
    xy = (8 * np.array(_centroid(inner)) + 3.5 + 0.5) * ratio - 0.5
    np.testing.assert_allclose(xy, [90.3, 61.8], atol=0.6)


def test_average_is_the_mean_over_scales():
    values = iter([0.2, 0.5, 0.8])

    def constant(images):
        cells, value = np.ones((1, images.shape[1] // 8, images.shape[2] // 8, 1), np.float32), next(values)
        return np.repeat(cells * value, 16, -1), np.repeat(-cells * value, 28, -1)

    maps, pafs = _fused(constant, FULL, _blob(50, 60, 3, 3))
    np.testing.assert_allclose(maps, 0.5, atol=1e-5)
    np.testing.assert_allclose(pafs, -0.5, atol=1e-5)


@pytest.mark.parametrize("config", [FULL, STRIDE])
def test_people_of_painted_maps(config):
    network = painted_network.PaintedNetwork()

    def maps_of(images):
        pafs, maps = network(tf.constant(images, tf.float32) / 256 - 0.5)[0]
        return maps.numpy(), pafs.numpy()

    # 80 times 0.7, 1 and 1.3, and twice that, are multiples of 8: without padding the painted people are where the
    # test thinks.
    image = np.full((80, 80, 3), 200, np.uint8)
    predictor = multi_scale.MultiScalePredictor(maps_of, config=config)
    keypoints, scores = predictor(image, scale=2.0)
    assert keypoints.shape == (2, 15, 3)
    assert (np.diff(scores) <= 0).all()
    assert painted_network.errors(keypoints, (80, 80)).max() < 1
    dark, _ = predictor(image // 20, scale=2.0)
    assert dark.shape == (0, 15, 3)


def test_mirror_images_have_mirrored_maps():
    """A network that paints one left arm where the picture is bright: mirrored, it is a right arm on the other side."""
    upper_arm = {
        side: MPI.limbs.index((MPI.parts.index(f"{side}_shoulder"), MPI.parts.index(f"{side}_elbow"))) for side in "lr"
    }
    elbow = {side: MPI.parts.index(f"{side}_elbow") for side in "lr"}

    def left_arm(images):
        bright = images[:, ::8, ::8, 0] / 255.0
        maps, pafs = np.zeros((*bright.shape, 16), np.float32), np.zeros((*bright.shape, 28), np.float32)
        maps[..., elbow["l"]], maps[..., 15] = bright, 1 - bright
        pafs[..., 2 * upper_arm["l"]], pafs[..., 2 * upper_arm["l"] + 1] = 0.6 * bright, 0.8 * bright
        return maps, pafs

    images = np.repeat(np.arange(0, 256, 8, dtype=np.uint8)[None, None, :, None], 8, 1).repeat(3, 3)
    plain, mirrored = left_arm(images), left_arm(images[:, :, ::-1])
    maps, pafs = multi_scale.with_mirrored(left_arm)(images)
    back = mirrored[0][:, :, ::-1, elbow["l"]]
    np.testing.assert_allclose(maps[..., elbow["l"]], plain[0][..., elbow["l"]] / 2)
    np.testing.assert_allclose(maps[..., elbow["r"]], back / 2)
    np.testing.assert_allclose(maps[..., 15], (plain[0][..., 15] + mirrored[0][:, :, ::-1, 15]) / 2)
    np.testing.assert_allclose(pafs[..., 2 * upper_arm["r"]], -0.6 * back / 2, rtol=1e-5)
    np.testing.assert_allclose(pafs[..., 2 * upper_arm["r"] + 1], 0.8 * back / 2, rtol=1e-5)


@pytest.mark.parametrize("width", [64, 72])
def test_maps_with_the_mirror_image_are_mirrored_by_mirroring(width):
    """For any network: maps of the mirrored picture = mirrored maps, so left is never preferred to right."""
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(width // 8, 3, 44)).astype(np.float32)

    def anything(images):
        answer = np.einsum("nhwc,wcp->nhwp", images[:, ::8, ::8] / 255.0, kernel).astype(np.float32)
        return answer[..., :16], answer[..., 16:]

    both = multi_scale.with_mirrored(anything)
    images = rng.integers(0, 256, (2, 16, width, 3), dtype=np.uint8)
    maps, pafs = both(images)
    other_maps, other_pafs = both(images[:, :, ::-1])
    for part, other in enumerate([*MPI.flip, 15]):
        np.testing.assert_allclose(maps[..., part], other_maps[:, :, ::-1, other], rtol=1e-5)
    for limb, other in enumerate(MPI.flip_limbs):
        np.testing.assert_allclose(pafs[..., 2 * limb], -other_pafs[:, :, ::-1, 2 * other], rtol=1e-5)
        np.testing.assert_allclose(pafs[..., 2 * limb + 1], other_pafs[:, :, ::-1, 2 * other + 1], rtol=1e-5)


def test_sizes_are_rounded_to_pixels():
    """61 px at scale 0.9 are 55 px: the ratio that counts is 55 / 61, not 0.9."""
    seen = {}

    def one_peak(images):
        cells = np.zeros((1, images.shape[1] // 8, images.shape[2] // 8, 1), np.float32)
        cells[0, :, 5] = 1
        seen["width"] = images.shape[2]
        return np.repeat(cells, 16, -1), np.repeat(cells, 28, -1)

    config = dataclasses.replace(STRIDE, factors=(0.9,), decoder=dataclasses.replace(decoder.PAPER, min_parts=1))
    predictor = multi_scale.MultiScalePredictor(one_peak, config=config)
    predictor._decoder = lambda maps, pafs: (tf.constant([[[[43.5, 11.5, 1.0]] * 15]]), tf.ones([1, 1]))
    keypoints, _ = predictor(np.zeros((61, 61, 3), np.uint8))
    assert seen["width"] == 56
    np.testing.assert_allclose(keypoints[0, 0, :2], [44 * 61 / 55 - 0.5, 12 * 61 / 55 - 0.5], rtol=1e-5)


def test_benchmark_scale_by_hand():
    np.testing.assert_allclose(multi_scale.benchmark_scale([1.0]), 41 / 35)
    np.testing.assert_allclose(multi_scale.benchmark_scale([1.0, 3.0], 184), 41 / 35 / 2 / 2)


@pytest.mark.parametrize(
    ("size", "scale", "expected", "corner"),
    [
        ((400, 500), 1.0, (400, 504), (2, 0)),
        ((100, 600), 1.0, (368, 600), (0, 134)),
        ((37, 41), 2.0, (368, 368), (143, 147)),
    ],
)
def test_pictures_are_padded_on_all_sides(size, scale, expected, corner):
    image = np.full((*size, 3), 250, np.uint8)
    shown, drawn_size, (top, left) = multi_scale.show(image, scale, 368)
    assert shown.shape == (*expected, 3)
    assert (left, top) == corner
    bright = np.argwhere(shown[..., 0] == 250)
    assert tuple(bright.min(0)) == (top, left)
    height, width = bright.max(0) - bright.min(0) + 1
    assert (height, width) == drawn_size == (round(size[0] * scale), round(size[1] * scale))
    assert set(np.unique(shown)) <= {128, 250}


def test_stretched_brightness():
    image = np.full((16, 16, 3), 64, np.uint8)
    image[:8] = 100
    shown = multi_scale.show(image, 1.0, 8, stretch=True).pixels
    np.testing.assert_array_equal(np.unique(shown), [164, 255])  # 64 * 256 / 100; 256 does not fit
    assert multi_scale.show(image * 0, 1.0, 8, stretch=True).pixels.max() == 0


def test_stride_must_fit_the_resolution():
    with pytest.raises(ValueError, match="stride"):
        multi_scale.MultiScalePredictor(_brightness, config=multi_scale.MultiScaleConfig(decoder=decoder.RELEASE))
