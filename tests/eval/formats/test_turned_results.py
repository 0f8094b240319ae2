"""Results of photographs that were turned upright, against annotations of their stored or upright pixels."""

import dataclasses

import numpy as np
import pytest

from eval.formats import turned_results
from eval.formats.prediction_json import ImagePrediction
from openpose_tf.common.errors import UserError
from openpose_tf.common.imaging import images
from openpose_tf.skeleton import MPI

WIDTH, HEIGHT = 40, 24  # of the stored pixels
STORED = np.concatenate(
    [np.random.default_rng(0).integers(1, (WIDTH, HEIGHT), (2, MPI.num_parts, 2)), np.ones((2, MPI.num_parts, 1))], -1
).astype(float)


def upright(tag, width=WIDTH, height=HEIGHT) -> ImagePrediction:
    """What predict writes of a photograph in which the people STORED are."""
    places = np.full((height, width, 2), -1)
    places[..., 0], places[..., 1] = np.meshgrid(np.arange(width), np.arange(height))
    shown = places.swapaxes(0, 1) if tag in images.EXCHANGED else places
    shown = shown[:, ::-1] if tag in images.MIRRORED else shown
    shown = shown[::-1] if tag in images.UPSIDE_DOWN else shown
    keypoints = STORED.copy()
    for row in keypoints.reshape(-1, 3):
        ((y, x),) = np.argwhere((shown == row[:2]).all(-1))
        row[:2] = x, y
    return ImagePrediction("a.jpg", keypoints, np.ones(2), shown.shape[1], shown.shape[0], tag)


def as_annotated(found, size, people=STORED, preferred="stored"):
    result = turned_results.as_annotated({"a": found}, {"a": size}, {"a": people}, MPI.parts, preferred)
    return result["a"].keypoints


@pytest.mark.parametrize("tag", [1, 5, 6, 7, 8])
def test_results_are_brought_to_the_annotated_size(tag):
    found = upright(tag)
    np.testing.assert_array_equal(as_annotated(found, (WIDTH, HEIGHT)), STORED)
    turned_size = (found.width, found.height)
    np.testing.assert_array_equal(as_annotated(found, turned_size, found.keypoints), found.keypoints)


@pytest.mark.parametrize("tag", [6, 8])
def test_without_the_tag_the_quarter_turn_that_fits_the_people_counts(tag, caplog):
    found = dataclasses.replace(upright(tag), exif_orientation=1)
    with caplog.at_level("INFO", logger="absl"):
        np.testing.assert_array_equal(as_annotated(found, (WIDTH, HEIGHT)), STORED)
    assert f"1 {turned_results.GUESSED}" in caplog.text


@pytest.mark.parametrize("tag", [2, 3, 4])
def test_where_both_sizes_fit_the_annotation_is_of_the_stored_pixels_or_what_the_flag_says(tag):
    found = upright(tag)
    np.testing.assert_array_equal(as_annotated(found, (WIDTH, HEIGHT)), STORED)
    np.testing.assert_array_equal(as_annotated(found, (WIDTH, HEIGHT), preferred="upright"), found.keypoints)


def test_squares(tag=6):
    found = upright(tag, WIDTH, WIDTH)
    np.testing.assert_array_equal(as_annotated(found, (WIDTH, WIDTH)), STORED)
    np.testing.assert_array_equal(as_annotated(found, (WIDTH, WIDTH), preferred="upright"), found.keypoints)


def test_parts_that_were_not_found_stay_where_they_are():
    found = upright(6)
    found.keypoints[0, 3] = 0
    np.testing.assert_array_equal(as_annotated(found, (WIDTH, HEIGHT))[0, 3], 0)


def test_any_other_size_is_refused_by_name():
    with pytest.raises(UserError, match=r"a\.jpg: predicted at 40x24, annotated at 80x48"):
        as_annotated(upright(1), (80, 48))


@pytest.mark.parametrize("found", [upright(1), dataclasses.replace(upright(6), width=0)])
def test_where_a_size_is_not_known_nothing_is_turned(found):
    size = None if found.width else (WIDTH, HEIGHT)
    np.testing.assert_array_equal(as_annotated(found, size), found.keypoints)
