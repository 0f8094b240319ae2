"""The paired difference of OKS AP: pycocotools' own AP, by a shorter way, and an interval that knows the pairing."""

import numpy as np
import pytest

from eval.metrics import oks, oks_pairs
from eval.metrics.oks import OksImage

SIGMAS = np.array([0.079, 0.107])


def draw_images(rng, count, error):
    """Images of two people of two joints, found with an error in px, and false ones."""
    images = []
    for _ in range(count):
        truth = np.concatenate([rng.uniform(0, 200, (2, 2, 2)), np.full((2, 2, 1), 2.0)], -1)
        found = truth + np.concatenate([rng.normal(0, error, (2, 2, 2)), np.zeros((2, 2, 1))], -1)
        false = np.concatenate([rng.uniform(0, 200, (1, 2, 2)), np.full((1, 2, 1), 0.5)], -1)
        people = np.concatenate([found, false])[: rng.integers(0, 4)]
        boxes = np.tile([0.0, 0.0, 50.0, 60.0], (2, 1))
        ignored = np.array([False, rng.random() < 0.2])
        images.append(OksImage(truth, np.full(2, 3000.0), boxes, ignored, people, rng.random(len(people))))
    return images


def test_average_precision_is_that_of_pycocotools():
    rng = np.random.default_rng(0)
    for count in (1, 3, 20):
        images = draw_images(rng, count, 6.0)
        expected = oks.evaluate(images, SIGMAS).stats["AP"]
        assert oks_pairs.average_precision(oks_pairs.match_images(images, SIGMAS)) == pytest.approx(expected, abs=1e-9)
    assert np.isnan(oks_pairs.average_precision([]))


def test_an_image_drawn_twice_counts_as_two_images():
    images = draw_images(np.random.default_rng(1), 5, 6.0)
    matches = oks_pairs.match_images(images, SIGMAS)
    expected = oks.evaluate([images[i] for i in (0, 0, 2, 4)], SIGMAS).stats["AP"]
    assert oks_pairs.average_precision([matches[i] for i in (0, 0, 2, 4)]) == pytest.approx(expected, abs=1e-9)


def test_the_interval_holds_zero_for_equal_students_and_not_for_a_better_one():
    good, bad = (oks_pairs.match_images(draw_images(np.random.default_rng(2), 30, e), SIGMAS) for e in (3.0, 20.0))
    same = oks_pairs.difference(good, good, num_draws=50)
    assert (same.value, same.low, same.high) == (0, 0, 0)
    better = oks_pairs.difference(bad, good, num_draws=200)
    assert 0 < better.low < better.value < better.high
    worse = oks_pairs.difference(good, bad, num_draws=200)
    assert worse.high < 0


def test_weighted_images_are_images_that_occur_so_often():
    rng = np.random.default_rng(3)
    matches = oks_pairs.match_images(draw_images(rng, 12, 6.0), SIGMAS)
    weights = rng.integers(0, 4, (20, 12))
    copies = [[matches[i] for i in np.repeat(np.arange(12), row)] for row in weights]
    expected = [oks_pairs.average_precision(images) for images in copies]
    assert oks_pairs.draw_aps(matches, weights) == pytest.approx(expected, abs=1e-9)
    assert np.isnan(oks_pairs.draw_aps(matches, np.zeros((1, 12), int))).all()
