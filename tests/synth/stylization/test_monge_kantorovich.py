"""The Monge-Kantorovich colour map: its equation, its limits, its mask."""

import numpy as np
import pytest

from synth.stylization import monge_kantorovich
from synth.stylization.monge_kantorovich import MkConfig

UNLIMITED = MkConfig(0.01, 100, 100, 1e-6, 100, 100)


def random_covariance(rng):
    root = rng.normal(size=(3, 3))
    return root @ root.T + 0.1 * np.eye(3)


def test_map_carries_one_covariance_onto_the_other():
    rng = np.random.default_rng(0)
    for _ in range(5):
        a, b = random_covariance(rng), random_covariance(rng)
        t = monge_kantorovich.monge_kantorovich(a, b)
        np.testing.assert_allclose(t @ a @ t.T, b, rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(t, t.T, atol=1e-8)  # symmetric positive: the optimal one among all such maps
        assert np.linalg.eigvalsh(t).min() > 0


def test_hand_computed_map_of_diagonal_covariances():
    t = monge_kantorovich.monge_kantorovich(np.diag([4.0, 1.0, 9.0]), np.diag([1.0, 4.0, 9.0]))
    np.testing.assert_allclose(t, np.diag([0.5, 2.0, 1.0]), atol=1e-9)


def test_unlimited_map_gives_the_style_moments():
    rng = np.random.default_rng(1)
    content = rng.normal(size=(4000, 3)) * [10, 4, 4] + [50, 0, 10]
    style = rng.normal(size=(4000, 3)) @ (rng.normal(size=(3, 3)) * 5) + [60, 5, -5]
    matrix, offset = monge_kantorovich.linear_map(content, style, UNLIMITED)
    moved = content @ matrix.T + offset
    np.testing.assert_allclose(moved.mean(0), style.mean(0), atol=1e-6)
    np.testing.assert_allclose(np.cov(moved.T), np.cov(style.T), rtol=1e-3, atol=1e-3)


def test_limits_hold():
    rng = np.random.default_rng(2)
    flat, wild = rng.normal(size=(1000, 3)), rng.normal(size=(1000, 3)) * 40 + [60, 70, -70]
    config = MkConfig()
    matrix, offset = monge_kantorovich.linear_map(flat, wild, config)
    gains = np.linalg.svd(matrix)[1]
    assert gains.max() <= config.max_gain + 1e-9
    shift = matrix @ flat.mean(0) + offset - flat.mean(0)
    assert abs(shift[0]) <= config.max_lightness_shift + 1e-9
    assert np.hypot(*shift[1:]) == pytest.approx(config.max_chroma_shift)
    assert max(np.linalg.norm(matrix @ axis) for axis in ([0, 1, 0], [0, 0, 1])) <= config.max_chroma_gain + 1e-9
    narrow = monge_kantorovich.linear_map(wild, flat, config)[0]
    assert np.linalg.svd(narrow)[1].min() == pytest.approx(config.min_gain)


def test_only_masked_pixels_change_and_move_towards_the_style():
    rng = np.random.default_rng(3)
    content = rng.uniform(0.3, 0.6, (20, 30, 3)).astype(np.float32)
    style = np.zeros((15, 15, 3), np.float32)
    style[..., 2] = rng.uniform(0.3, 0.7, (15, 15))  # blue
    style[10:] = [1, 0, 0]  # outside the mask: must not count
    content_mask, style_mask = np.zeros((20, 30), bool), np.zeros((15, 15), bool)
    content_mask[5:15, 5:25] = style_mask[:10] = True
    out = monge_kantorovich.transfer(content, style, content_mask, style_mask)
    np.testing.assert_array_equal(out[~content_mask], content[~content_mask])
    before, after = content[content_mask].mean(0), out[content_mask].mean(0)
    assert after[2] - after[0] > before[2] - before[0] + 0.05
    assert out.dtype == np.float32 and out.min() >= 0 and out.max() <= 1


def test_same_people_on_both_sides_change_nothing():
    rng = np.random.default_rng(4)
    content = rng.uniform(0.1, 0.9, (20, 20, 3)).astype(np.float32)
    mask = np.ones((20, 20), bool)
    np.testing.assert_allclose(monge_kantorovich.transfer(content, content, mask, mask), content, atol=2e-3)


def test_single_coloured_regions_do_not_blow_up():
    content = np.full((10, 10, 3), 0.5, np.float32)
    style = np.random.default_rng(5).random((10, 10, 3), dtype=np.float32)
    mask = np.ones((10, 10), bool)
    assert np.isfinite(monge_kantorovich.transfer(content, style, mask, mask)).all()
    assert np.isfinite(monge_kantorovich.transfer(style, content, mask, mask)).all()
