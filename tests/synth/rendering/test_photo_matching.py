"""Statistics of photographs on pictures of known light, blur and noise, and their use on rendered people."""

import dataclasses

import cv2
import numpy as np
import pytest

from openpose_tf.common.imaging.color import levels_to_linear
from openpose_tf.data.annotations.types import Person
from synth.rendering import photo_matching
from synth.rendering.photo_matching import PhotoLook
from synth.scene.light import Light

PLAIN = PhotoLook(0.2, 0.2, 0.05, (1.0, 1.0, 1.0), 0.0, 1.0, 0.0, 0.0, 0.0)
NEUTRAL = np.ones(3)


def steps(sigma, noise=0.0):
    """Grey squares whose edges are blurred by sigma px, drawn at 4 times the size."""
    rng = np.random.default_rng(0)
    big = np.kron(rng.uniform(40, 210, (8, 8)), np.ones((160, 160))).astype(np.float32)
    small = cv2.resize(cv2.GaussianBlur(big, (0, 0), 4 * sigma), (320, 320), interpolation=cv2.INTER_AREA)
    return small + rng.normal(0, noise, small.shape).astype(np.float32)


@pytest.mark.parametrize("sigma", [1.5, 2.0, 3.0])
def test_blur_of_known_edges_is_found(sigma):
    assert photo_matching.edge_blur(steps(sigma)) == pytest.approx(np.hypot(sigma, 0.8), rel=0.06)


def test_a_picture_without_edges_is_not_called_blurred():
    assert photo_matching.edge_blur(np.full((50, 60), 90, np.float32)) == 0
    assert photo_matching.edge_blur(np.full((6, 6), 90, np.float32)) == 0


@pytest.mark.parametrize("sigma", [1.0, 3.0, 8.0])
def test_known_noise_is_found(sigma):
    assert photo_matching.noise_level(steps(1.0, sigma)) == pytest.approx(sigma, rel=0.12)


def test_texture_and_burnt_places_are_not_noise():
    image = np.full((160, 160), 255, np.float32)
    image[:, 80:] = 120
    image[::2, 80:120] = 60
    assert photo_matching.noise_level(image) == 0
    assert photo_matching.noise_level(np.full((160, 160), 255, np.float32)) == 0


def test_warm_light_is_found_and_grey_is_neutral():
    rng = np.random.default_rng(1)
    grey = np.repeat(rng.uniform(0, 0.8, (40, 40, 1)), 3, 2).astype(np.float32)
    assert photo_matching.light_cast(grey) == pytest.approx((1, 1, 1), abs=1e-3)
    red, green, blue = photo_matching.light_cast(grey * np.array([1.2, 1.0, 0.6], np.float32))
    assert red / green == pytest.approx(1.2, rel=1e-3) and blue / green == pytest.approx(0.6, rel=1e-3)


def test_the_bright_side_and_the_darkness_of_people():
    photo = np.full((60, 90, 3), 40, np.uint8)
    photo[:, 60:] = 200
    people = np.zeros((60, 90), bool)
    people[20:40, 10:20] = True
    look = photo_matching.measure(photo, people)
    dark, bright = levels_to_linear(np.array([40, 200], np.uint8))
    assert look.bright_side == pytest.approx((bright - dark) / (bright + dark), abs=1e-3)
    assert look.people == pytest.approx(dark, abs=1e-5) and look.people_share == pytest.approx(200 / 5400)
    assert look.mean == pytest.approx((2 * dark + bright) / 3, abs=1e-4)
    assert photo_matching.measure(photo[:, ::-1].copy(), people).bright_side == pytest.approx(-look.bright_side)


def test_the_region_of_people_is_the_hull_of_their_joints():
    keypoints = np.zeros((16, 3))
    keypoints[:4] = [(10, 10, 1), (30, 10, 1), (30, 40, 2), (10, 40, 1)]
    keypoints[4] = (200, 200, 4)
    two_joints = np.zeros((16, 3))
    two_joints[:2] = [(50, 5, 1), (70, 50, 1)]
    people = [Person(one, np.zeros(2), 0.3) for one in (keypoints, two_joints)]
    region = photo_matching.people_region(people, 80, 60)
    assert region[10:41, 10:31].all() and region.sum() == 31 * 21


def test_real_people_decide_the_brightness_where_they_are_large():
    bright_snow = dataclasses.replace(PLAIN, mean=0.7, people=0.05, people_share=0.05)
    assert photo_matching.target_luminance(bright_snow) == pytest.approx(0.05**0.65 * 0.64**0.35)
    nobody = dataclasses.replace(bright_snow, people_share=0.0)
    assert photo_matching.target_luminance(nobody) == photo_matching.TARGET_RANGE[1]
    night = dataclasses.replace(PLAIN, mean=0.0, people=0.0)
    assert photo_matching.target_luminance(night) == photo_matching.TARGET_RANGE[0]


def square(value):
    rgb, alpha = np.zeros((40, 40, 3), np.float32), np.zeros((40, 40, 1), np.float32)
    rgb[10:30, 10:30], alpha[10:30, 10:30] = value, 1
    return rgb, alpha, alpha[..., 0] > 0


def test_people_get_the_target_brightness_and_the_cast():
    rgb, alpha, coverage = square((0.1, 0.1, 0.1))
    out, same = photo_matching.match_people(rgb, alpha, coverage, PLAIN, NEUTRAL)
    target = photo_matching.target_luminance(PLAIN)
    np.testing.assert_allclose(out[20, 20], target, rtol=1e-2)
    assert same is alpha and (out[0, 0] == 0).all()
    warm = dataclasses.replace(PLAIN, cast=(1.3, 0.95, 0.6))
    out, _ = photo_matching.match_people(rgb, alpha, coverage, warm, NEUTRAL)
    assert out[20, 20] @ photo_matching.LUMINANCE == pytest.approx(target, rel=1e-2)
    assert out[20, 20, 0] / out[20, 20, 2] == pytest.approx((1.3 / 0.6) ** photo_matching.CAST_SHARE, rel=1e-2)
    # Under the same light as the photograph's nothing is left to tint but the share that is not believed.
    out, _ = photo_matching.match_people(rgb, alpha, coverage, PLAIN, np.array([1.3, 0.95, 0.6]))
    assert out[20, 20, 0] < out[20, 20, 2]


def test_the_gain_has_limits():
    rgb, alpha, coverage = square((0.002, 0.002, 0.002))
    out, _ = photo_matching.match_people(rgb, alpha, coverage, PLAIN, NEUTRAL)
    assert out[20, 20, 0] == pytest.approx(0.002 * photo_matching.GAIN_RANGE[1])


def test_people_before_a_grey_photograph_are_grey():
    rgb, alpha, coverage = square((0.3, 0.1, 0.05))
    out, _ = photo_matching.match_people(rgb, alpha, coverage, dataclasses.replace(PLAIN, saturation=0.0), NEUTRAL)
    assert np.ptp(out[20, 20]) < 1e-6
    out, _ = photo_matching.match_people(rgb, alpha, coverage, dataclasses.replace(PLAIN, saturation=0.3), NEUTRAL)
    assert out[20, 20, 0] / out[20, 20, 2] == pytest.approx(6, rel=1e-3)


def test_haze_lifts_black_and_soft_photographs_soften():
    rgb, alpha, coverage = square((0.0, 0.0, 0.0))
    hazy = dataclasses.replace(PLAIN, black=0.03)
    out, _ = photo_matching.match_people(rgb, alpha, coverage, hazy, NEUTRAL)
    np.testing.assert_allclose(out[20, 20], 0.03, rtol=1e-5)
    assert (out[0, 0] == 0).all()
    large, opaque = np.kron(rgb, np.ones((10, 10, 1))), np.kron(alpha, np.ones((10, 10, 1))).astype(np.float32)
    soft = dataclasses.replace(PLAIN, blur_px=np.hypot(photo_matching.RENDER_BLUR_PX, 1.5))
    _, blurred = photo_matching.match_people(large.astype(np.float32), opaque, opaque[..., 0] > 0, soft, NEUTRAL)
    assert blurred.shape == opaque.shape and blurred[200, 150, 0] == pytest.approx(1)
    assert blurred[200, 100, 0] == pytest.approx(0.631, abs=0.01)  # half a pixel inside: Phi(0.5 / 1.5)


@pytest.mark.parametrize("part", ["light", "colour", "blur"])
def test_each_match_changes_its_own_property(part):
    rgb, alpha, _ = (np.kron(one, np.ones((10, 10, 1))).astype(np.float32) for one in map(np.atleast_3d, square(0.1)))
    rgb, coverage = rgb * np.array([1.0, 0.8, 0.6], np.float32), alpha[..., 0] > 0
    look = dataclasses.replace(PLAIN, cast=(0.6, 0.95, 1.3), blur_px=3.0, black=0.0)
    nothing, opaque = photo_matching.match_people(rgb, alpha, coverage, look, NEUTRAL, ())
    np.testing.assert_allclose(nothing, rgb, rtol=1e-5)
    assert opaque is alpha
    out, soft = photo_matching.match_people(rgb, alpha, coverage, look, NEUTRAL, (part,))
    middle, before = out[200, 200], rgb[200, 200]
    is_brighter = middle @ photo_matching.LUMINANCE > 1.2 * (before @ photo_matching.LUMINANCE)
    is_bluer = middle[2] / middle[0] > 1.1 * before[2] / before[0]
    assert (is_brighter, is_bluer, soft is not alpha) == (part == "light", part == "colour", part == "blur")


def test_noise_is_on_the_people_only():
    image = np.full((80, 80, 3), 100, np.uint8)
    alpha = np.zeros((80, 80, 1), np.float32)
    alpha[:, 40:] = 1
    noisy = photo_matching.add_noise(np.random.default_rng(0), image, alpha, dataclasses.replace(PLAIN, noise=5.0))
    assert (noisy[:, :40] == 100).all() and noisy[:, 40:].std() == pytest.approx(5, rel=0.1)


def test_the_colour_of_the_light_is_that_of_sky_and_sun():
    sky = np.full((8, 16, 3), (0.5, 0.5, 1.0), np.float32)
    blue = photo_matching.light_colour(Light("hdri", strength=1.0), sky)
    assert blue @ photo_matching.LUMINANCE == pytest.approx(1) and blue[2] / blue[0] == pytest.approx(2)
    sunny = Light("hdri", strength=1.0, sun_energy=20.0, sun_colour=(1.0, 0.9, 0.6))
    assert photo_matching.light_colour(sunny, sky)[2] < blue[2]
