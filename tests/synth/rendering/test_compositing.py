import numpy as np
import pytest

from openpose_tf.common.imaging.color import linear_to_levels
from synth.rendering import compositing
from synth.scene.camera import Camera
from synth.scene.light import Light

DOWN = Camera(101, 101, 100.0, (0.0, 0.0, 5.0), 89.999, 5.0)  # straight above the origin, 20 px per metre
SUN = Light("hdri", sun_energy=2.0, sun_angle_deg=0.5, sun_direction=(0.8, 0.0, -0.6))
SKY = Light("hdri")


def test_over_adds_premultiplied_people_in_linear_light():
    people = np.full((1, 1, 3), 0.25, np.float32)
    behind = np.full((1, 1, 3), 0.5, np.float32)
    half, shade = np.full((1, 1, 1), 0.5, np.float32), np.full((1, 1, 1), 0.8, np.float32)
    out = compositing.over(people, half, behind, shade)
    assert out[0, 0, 0] == linear_to_levels(np.full((1, 1, 3), 0.25 + 0.5 * 0.8 * 0.5, np.float32))[0, 0, 0]


def person(height=1.8):
    """Points of an upright solid cylinder of 0.4 m at the origin."""
    random = np.random.default_rng(0)
    angle, radius = random.uniform(0, 2 * np.pi, 20000), 0.2 * np.sqrt(random.uniform(0, 1, 20000))
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle), random.uniform(0, height, 20000)], -1)
    return points.astype(np.float32)


def at(shade, x, y):
    """Shade at a ground point of the picture from above."""
    pixel, _ = DOWN.project(np.array([x, y, 0.0]))
    column, row = np.rint(pixel).astype(int)
    return float(shade[row, column, 0])


def test_the_sun_casts_a_shadow_away_from_it():
    shade = compositing.view_shadows(compositing.cast_shadows([person()], SUN), DOWN)
    # Light travels towards +x with slope 0.6 / 0.8: the head's shadow falls 1.8 * 0.8 / 0.6 = 2.4 m away.
    assert at(shade, 1.2, 0.0) < 0.6
    assert at(shade, 2.2, 0.0) < 0.6
    assert at(shade, -1.2, 0.0) > 0.97
    assert at(shade, 1.2, 1.0) > 0.97


def test_without_sun_only_the_contact_is_dark():
    shade = compositing.view_shadows(compositing.cast_shadows([person()], SKY), DOWN)
    assert at(shade, 0.0, 0.15) < 0.6
    assert at(shade, 1.5, 0.0) > 0.99
    assert shade.min() > 0 and shade.max() <= 1


def test_no_shadow_above_the_horizon():
    level = Camera(60, 60, 40.0, (0.0, -4.0, 1.0), 0.0, 4.0)
    shade = compositing.view_shadows(compositing.cast_shadows([person()], SUN), level)
    assert (shade[:29] == 1).all() and shade[31:].min() < 0.9


def test_exposure_follows_the_photograph_within_limits():
    people, coverage = np.full((4, 4, 3), 0.2, np.float32), np.ones((4, 4), bool)
    grey = np.full((4, 4, 3), 0.3, np.float32)
    assert compositing.match_exposure(people, coverage, grey) == pytest.approx([(0.27 + 0.03) / 0.2] * 3, rel=1e-2)
    assert compositing.match_exposure(people, coverage, grey * 0) == pytest.approx([0.35] * 3)
    bright = compositing.match_exposure(people * 0.1, coverage, grey * 3)
    assert bright == pytest.approx([2.2] * 3)


def test_the_colour_cast_goes_part_of_the_way():
    people, coverage = np.full((2, 2, 3), 0.2, np.float32), np.ones((2, 2), bool)
    warm = np.array([0.4, 0.3, 0.2], np.float32) * np.ones((2, 2, 1), np.float32)
    gain = compositing.match_exposure(people, coverage, warm)
    assert gain[0] > gain[1] > gain[2]
    assert gain[0] / gain[2] < 0.4 / 0.2


def test_people_before_an_environment_are_not_burnt_out():
    people, coverage = np.full((2, 2, 3), 0.8, np.float32), np.ones((2, 2), bool)
    assert compositing.limit_gain(1.0, people, coverage) == pytest.approx(0.5)
    assert compositing.limit_gain(0.3, people, coverage) == 0.3
    assert compositing.limit_gain(1.0, people, ~coverage) == 1.0


def test_camera_noise_is_seeded_and_small():
    flat = np.full((64, 64, 3), 120, np.uint8)
    for dataset, (most, _) in compositing.CAMERA_NOISE.items():
        first = compositing.add_camera_noise(np.random.default_rng(1), flat, dataset)
        assert (first == compositing.add_camera_noise(np.random.default_rng(1), flat, dataset)).all()
        assert 0 < first.std() < most + 1
        assert first.mean() == pytest.approx(120, abs=0.5)
