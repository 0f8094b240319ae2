"""The sRGB curve: known values, its inverse, and the number types that renderings depend on."""

import numpy as np
import pytest

from openpose_tf.common.imaging.color import levels_to_linear, linear_to_levels, to_linear

LEVELS = np.arange(256, dtype=np.uint8).reshape(16, 16)


def test_round_trip():
    np.testing.assert_array_equal(linear_to_levels(levels_to_linear(LEVELS)), LEVELS)


def test_known_values():
    assert levels_to_linear(np.uint8(255)) == 1 and levels_to_linear(np.uint8(0)) == 0
    assert levels_to_linear(np.uint8(188)) == pytest.approx(0.5, abs=0.005)
    # IEC 61966-2-1: straight up to 0.04045, then a power of 2.4.
    np.testing.assert_allclose(to_linear(np.array([0.04, 0.5, 1.0])), [0.04 / 12.92, 0.21404114, 1.0], rtol=1e-7)


def test_light_beyond_the_range_is_cut_off():
    light = np.array([[[-0.5, 0.0, 1.0], [1.5, 0.002, 0.2158605]]])  # the last one is the light of level 128
    np.testing.assert_array_equal(linear_to_levels(light), [[[0, 0, 255], [255, 7, 128]]])


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_the_floating_point_type_stays(kind):
    values = np.linspace(0, 1, 300, dtype=kind)
    linear = to_linear(values)
    assert linear.dtype == kind
    by_hand = [v / kind(12.92) if v <= 0.04045 else ((v + kind(0.055)) / kind(1.055)) ** kind(2.4) for v in values]
    np.testing.assert_allclose(linear, by_hand, rtol=4 * np.finfo(kind).eps)


def test_levels_are_computed_in_double_precision_and_rounded_once():
    expected = [to_linear(np.float64(level) / 255).astype(np.float32) for level in LEVELS.ravel()]
    np.testing.assert_array_equal(levels_to_linear(LEVELS).ravel(), expected)
