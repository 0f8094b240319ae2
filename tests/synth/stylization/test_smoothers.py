"""Smoothers: the matting system against its definition, conjugate gradients against the direct solve, guided filter."""

import numpy as np
import pytest

from synth.stylization import guided_filter, matting
from synth.stylization.smoothers import SMOOTHERS


def smooth_picture(height, width, seed=0):
    """Soft blobs of colour: [H, W, 3] float64 in 0..1."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / max(height, width)
    waves = [0.5 + 0.4 * np.sin(rng.uniform(4, 12) * x + rng.uniform(4, 12) * y + rng.uniform(0, 6)) for _ in range(3)]
    return np.clip(np.stack(waves, -1) + rng.normal(0, 0.02, (height, width, 3)), 0, 1)


def affinity_by_definition(image):
    """Levin's closed form, window by window."""
    height, width, _ = image.shape
    weights = np.zeros((height * width,) * 2)
    for y in range(height - 2):
        for x in range(width - 2):
            pixels = image[y : y + 3, x : x + 3].reshape(9, 3)
            index = (np.arange(y, y + 3)[:, None] * width + np.arange(x, x + 3)).ravel()
            deviation = pixels - pixels.mean(0)
            cov = deviation.T @ deviation / 9 + matting.EPS / 9 * np.eye(3)
            weights[np.ix_(index, index)] += (1 + deviation @ np.linalg.solve(cov, deviation.T)) / 9
    return weights


def test_affinity_equals_its_definition():
    image = smooth_picture(6, 7)
    ours = matting.affinity(image).toarray()
    np.testing.assert_allclose(ours, affinity_by_definition(image), atol=1e-6)
    np.testing.assert_allclose(ours, ours.T, atol=1e-12)
    windows = np.zeros((6, 7))
    for y in range(4):
        for x in range(5):
            windows[y : y + 3, x : x + 3] += 1
    np.testing.assert_allclose(ours.sum(1), windows.ravel(), atol=1e-6)  # a row sums to its number of windows


def test_system_is_solved():
    """The result V satisfies (I - beta S) V = (1 - beta) Y."""
    content, stylized = smooth_picture(12, 15), smooth_picture(12, 15, seed=1)
    weights = affinity_by_definition(content)
    scale = np.diag(weights.sum(1) ** -0.5)
    system = np.eye(180) - matting.BETA * scale @ weights @ scale
    expected = np.linalg.solve(system, (1 - matting.BETA) * stylized.reshape(-1, 3)).reshape(stylized.shape)
    ours = matting.propagate(stylized, content, direct=True)
    np.testing.assert_allclose(ours, np.clip(expected, 0, 1), atol=1e-4)


def test_conjugate_gradients_stay_within_one_grey_level_of_the_direct_solve():
    content = smooth_picture(70, 90)
    stylized = np.clip(smooth_picture(70, 90, seed=2) * 0.5 + content**2 * 0.5, 0, 1)
    direct = matting.propagate(stylized, content, direct=True)
    iterative = matting.propagate(stylized, content)
    assert np.abs(direct - iterative).max() < 1 / 255
    assert np.abs(direct - stylized).max() > 0.05  # there was something to smooth


def test_conjugate_gradients_solve_a_small_system_exactly():
    rng = np.random.default_rng(0)
    root = rng.normal(size=(20, 20))
    matrix = matting.sp.csr_matrix(root @ root.T + 20 * np.eye(20))
    right = rng.normal(size=(20, 3))
    ours = matting.conjugate_gradients(matrix, right, np.zeros_like(right), 1e-12, 200)
    np.testing.assert_allclose(ours, np.linalg.solve(matrix.toarray(), right), rtol=1e-8)


def test_regions_are_smoothed_apart_and_nothing_else_changes():
    content, stylized = smooth_picture(60, 80), smooth_picture(60, 80, seed=3)
    mask = np.zeros((60, 80), bool)
    mask[5:20, 5:15] = mask[30:55, 60:78] = True
    both = matting.propagate_per_region(stylized, content, mask)
    np.testing.assert_array_equal(both[~mask], stylized.astype(np.float32)[~mask])
    assert (np.abs(both - stylized)[mask] > 1e-4).mean() > 0.9
    first = mask.copy()
    first[30:] = False
    alone = matting.propagate_per_region(stylized, content, first)
    np.testing.assert_array_equal(alone[first], both[first])


def full_guided_filter(guide, image, weight, radius, eps):
    """The masked guided filter as loops over windows, for a small picture."""
    height, width, _ = guide.shape
    gain, offset = np.zeros((height, width, 3, 3)), np.zeros((height, width, 3))

    def window(y, x):
        rows, columns = slice(max(0, y - radius), y + radius + 1), slice(max(0, x - radius), x + radius + 1)
        inside = weight[rows, columns] > 0
        return rows, columns, inside

    for y in range(height):
        for x in range(width):
            rows, columns, inside = window(y, x)
            if not inside.any():
                continue
            g, p = guide[rows, columns][inside], image[rows, columns][inside]
            cov = np.cov(g.T, bias=True) + eps * np.eye(3)
            cross = (p - p.mean(0)).T @ (g - g.mean(0)) / len(g)
            gain[y, x] = cross @ np.linalg.inv(cov)
            offset[y, x] = p.mean(0) - gain[y, x] @ g.mean(0)
    out = image.copy()
    for y, x in np.argwhere(weight > 0):
        rows, columns, inside = window(y, x)
        a, b = gain[rows, columns][inside].mean(0), offset[rows, columns][inside].mean(0)
        out[y, x] = np.clip(a @ guide[y, x] + b, 0, 1)
    return out


def test_masked_guided_filter_equals_its_definition():
    guide, image = smooth_picture(18, 20), smooth_picture(18, 20, seed=4)
    mask = np.zeros((18, 20), bool)
    mask[3:15, 2:17] = True
    mask[8:10, 6:9] = False
    ours = guided_filter.masked_guided_filter(image, guide, mask, radius=3, eps=1e-3, subsample=1)
    np.testing.assert_allclose(ours, full_guided_filter(guide, image, mask, 3, 1e-3), atol=2e-4)


def test_guided_filter_keeps_an_affine_recolouring_and_ignores_the_background():
    """An affine change of colour is what the filter can express: it comes through; the background has no say."""
    guide = smooth_picture(80, 100)
    matrix = np.array([[0.7, 0.2, 0.0], [0.0, 0.8, 0.1], [0.1, 0.0, 0.6]])
    recoloured = guide @ matrix.T + 0.05
    mask = np.zeros((80, 100), bool)
    mask[10:70, 30:80] = True
    wild = np.where(mask[..., None], recoloured, np.random.default_rng(5).random(guide.shape))
    for name in ("gif_masked", "none"):
        out = SMOOTHERS[name](wild, guide, mask)
        assert np.abs(out - recoloured)[mask].mean() < 0.01
        np.testing.assert_allclose(out[~mask], wild[~mask], atol=1e-6)


def test_guided_filter_takes_noise_away():
    guide = smooth_picture(80, 100)
    noisy = np.clip(guide * 0.8 + np.random.default_rng(6).normal(0, 0.1, guide.shape), 0, 1)
    mask = np.zeros((80, 100), bool)
    mask[5:75, 5:95] = True
    out = guided_filter.masked_guided_filter(noisy, guide, mask)
    assert np.abs(out - guide * 0.8)[mask].mean() < 0.35 * np.abs(noisy - guide * 0.8)[mask].mean()


@pytest.mark.parametrize("name", sorted(SMOOTHERS))
def test_smoothers_take_an_empty_and_a_tiny_mask(name):
    content, stylized = smooth_picture(30, 30), smooth_picture(30, 30, seed=7)
    mask = np.zeros((30, 30), bool)
    np.testing.assert_allclose(SMOOTHERS[name](stylized, content, mask), stylized, atol=1e-6)
    mask[4, 4] = mask[0, 29] = True
    out = SMOOTHERS[name](stylized, content, mask)
    assert np.isfinite(out).all() and out.min() >= 0 and out.max() <= 1
