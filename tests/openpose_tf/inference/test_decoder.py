"""The decoder against invented scenes with known people, by hand and in every form it can run in."""

import dataclasses

import cv2
import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from openpose_tf.inference import decoder as decode
from openpose_tf.skeleton import MPI, Skeleton
from tests.support import pose_scenes

SMALL = dataclasses.replace(decode.PAPER, max_peaks=8, max_people=8)
ON_CELLS = dataclasses.replace(SMALL, enlarge=1, smoothing_px=0)  # maps of single cells, for scores by hand


def _decode(people, cells, config=decode.PAPER, skeleton=MPI, height=None):
    maps, pafs = pose_scenes.draw_maps(people, height or cells, cells, skeleton)
    keypoints, scores = decode.Decoder(skeleton, config)(tf.constant(maps[None]), tf.constant(pafs[None]))
    keypoints, scores = keypoints.numpy()[0], scores.numpy()[0]
    assert (keypoints[scores == 0] == 0).all()
    return keypoints[scores > 0], scores[scores > 0]


def _cells(keypoints):
    return (keypoints[..., :2] - 3.5) / 8


def _match(found, people):
    """Returns for each person the distance [parts] in cells of the found person that is nearest to it."""
    distance = np.linalg.norm(_cells(found)[:, None] - people[None], axis=-1)  # [found, people, parts]
    nearest = distance.mean(-1).argmin(0)
    assert len(set(nearest)) == len(people)
    return distance[nearest, np.arange(len(people))]


@pytest.mark.parametrize("smoothing_px", [0.0, 5.2])
@pytest.mark.parametrize("count", [1, 10, 30])
def test_all_people_and_joints_of_clean_maps(count, smoothing_px):
    people = pose_scenes.crowd(count)
    found, scores = _decode(people, 46, dataclasses.replace(decode.PAPER, smoothing_px=smoothing_px))
    assert len(found) == count
    assert (found[..., 2] > 0).all()
    assert _match(found, people).max() < 0.1
    assert (np.diff(scores) <= 0).all()


@pytest.mark.parametrize("cells", [16, 23, 46])
def test_small_maps(cells):
    people = pose_scenes.crowd(2, cells)
    found, _ = _decode(people, cells, SMALL)
    assert len(found) == 2
    assert _match(found, people).max() < 0.15


def test_coordinates_are_input_pixels():
    people = pose_scenes.crowd(1, 24)
    found, _ = _decode(people, 24, SMALL)
    np.testing.assert_allclose(found[0, :, :2], people[0] * 8 + 3.5, atol=0.4)
    full, _ = _decode(people, 24, dataclasses.replace(SMALL, stride=1, smoothing_px=0.65))
    np.testing.assert_allclose(full[0, :, :2], people[0], atol=0.05)


def test_batch_equals_single_images():
    scenes = [pose_scenes.draw_maps(pose_scenes.crowd(n, 24, seed=n), 24, 24) for n in (1, 3, 2)]
    decoder = decode.Decoder(MPI, SMALL)
    together = decoder(*(tf.stack([scene[k] for scene in scenes]) for k in (0, 1)))
    for index, scene in enumerate(scenes):
        alone = decoder(*(tf.constant(v[None]) for v in scene))
        for a, b in zip(alone, together, strict=True):
            np.testing.assert_allclose(a[0], b[index], atol=1e-6)


def test_maps_that_are_not_square():
    people = pose_scenes.crowd(2, 20) + np.array([9.0, 0.0])
    found, _ = _decode(people, 40, SMALL, height=20)
    assert len(found) == 2
    assert _match(found, people).max() < 0.15


@pytest.mark.parametrize("form", ["function", "xla"])
def test_graph_forms_equal_eager(form):
    maps, pafs = (tf.constant(v[None]) for v in pose_scenes.draw_maps(pose_scenes.crowd(3, 20), 20, 20))
    decoder = decode.Decoder(MPI, SMALL)
    compiled = tf.function(decoder, jit_compile=form == "xla")
    for a, b in zip(decoder(maps, pafs), compiled(maps, pafs), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


def test_nobody():
    empty = tf.zeros([2, 12, 12, 16]), tf.zeros([2, 12, 12, 28])
    keypoints, scores = decode.Decoder()(*empty)
    assert keypoints.shape == (2, 32, 15, 3)
    assert not keypoints.numpy().any()
    assert not scores.numpy().any()


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (3, 2)])
def test_maps_smaller_than_the_number_of_peaks(size):
    rng = np.random.default_rng(0)
    maps, pafs = rng.uniform(size=(1, *size, 16)), rng.normal(size=(1, *size, 28))
    keypoints, scores = decode.Decoder()(tf.constant(maps, tf.float32), tf.constant(pafs, tf.float32))
    assert np.isfinite(keypoints).all()
    assert np.isfinite(scores).all()


def test_missing_parts_split_or_shorten_a_person():
    people = pose_scenes.crowd(1, 30)
    people[0, 4] = np.nan  # right wrist
    people[0, 14] = np.nan  # centre: the legs hang on nothing
    found, _ = _decode(people, 30, SMALL)
    assert [int((person[:, 2] > 0).sum()) for person in found] == [7, 3, 3]
    above = next(person for person in found if person[0, 2] > 0)
    assert list(np.flatnonzero(above[:, 2] == 0)) == [4, *range(8, 15)]
    assert not above[4].any()


def test_fewer_than_three_parts_are_nobody():
    people = np.full((1, 15, 2), np.nan)
    people[0, :2] = [[5, 3], [5, 7]]
    assert len(_decode(people, 16, SMALL)[0]) == 0
    people[0, 2] = [3, 8]
    assert len(_decode(people, 16, SMALL)[0]) == 1


def test_scores_by_hand():
    """A chain of three parts on cells with values 1, 0.8, 0.6 and fields of length 0.9 and 0.7."""
    maps, pafs = np.zeros((1, 16, 16, 16), np.float32), np.zeros((1, 16, 16, 28), np.float32)
    for part, (x, y, value) in enumerate([(8, 2, 1.0), (8, 6, 0.8), (3, 6, 0.6)]):
        maps[0, y, x, part] = value
    pafs[0, 2:7, 8, 1] = 0.9  # limb 0, downwards
    pafs[0, 6, 3:9, 2] = -0.7  # limb 1, to the left
    keypoints, scores = decode.Decoder(MPI, ON_CELLS)(maps, pafs)
    expected = np.zeros((15, 3))
    expected[:3] = [[67.5, 19.5, 1.0], [67.5, 51.5, 0.8], [27.5, 51.5, 0.6]]
    np.testing.assert_allclose(keypoints[0, 0], expected, atol=1e-5)
    np.testing.assert_allclose(scores[0, 0], (1 + 0.8 + 0.6 + 0.9 + 0.7) / 3, rtol=1e-5)
    assert not scores[0, 1:].numpy().any()


def test_long_limbs_are_scored_down():
    maps, pafs = np.zeros((1, 16, 30, 16), np.float32), np.zeros((1, 16, 30, 28), np.float32)
    for part, x in enumerate([2, 14, 24]):
        maps[0, 5, x, part] = 1
    pafs[0, 5, :, [0, 2]] = 1
    _, scores = decode.Decoder(MPI, ON_CELLS)(maps, pafs)
    connections = (1 + 8 / 12 - 1) + (1 + 8 / 10 - 1)  # half of the height 16 against lengths 12 and 10
    np.testing.assert_allclose(scores[0, 0], (3 + connections) / 3, rtol=1e-5)


@pytest.mark.parametrize(("gap", "kept"), [(2, 1), (3, 0)])
def test_eight_of_ten_samples_must_count(gap, kept):
    """Sample points are p_a + i (p_b - p_a) / 10 for i = 0 ... 9."""
    maps, pafs = np.zeros((1, 4, 40, 16), np.float32), np.zeros((1, 4, 40, 28), np.float32)
    for part, x in enumerate([1, 11, 21]):
        maps[0, 1, x, part] = 1
    pafs[0, 1, :, [0, 2]] = 1
    pafs[0, 1, 4 : 4 + gap, 0] = 0
    config = dataclasses.replace(ON_CELLS, long_limb=10.0, min_parts=3)
    _, scores = decode.Decoder(MPI, config)(maps, pafs)
    assert (scores.numpy() > 0).sum() == kept


def test_equal_neighbours_are_one_peak():
    maps = np.zeros((1, 9, 9, 15), np.float32)
    maps[0, 3:5, 4:6, 0] = 0.9  # a square of four
    maps[0, 6, 2:5, 1] = 0.5  # a row of three
    peaks = decode.find_peaks(tf.constant(maps), ON_CELLS)
    assert list((peaks.score.numpy()[0] > 0).sum(-1)) == [1, 1] + [0] * 13
    np.testing.assert_allclose([peaks.x[0, 0, 0], peaks.y[0, 0, 0]], [4.5, 3.5], atol=1e-5)


@pytest.mark.parametrize(("size", "factor"), [((7, 12), 2), ((5, 4), 3), ((1, 2), 2)])
def test_enlarging_equals_opencv(size, factor):
    maps = np.random.default_rng(0).uniform(size=(*size, 4)).astype(np.float32)
    rows, columns = (decode.enlarging_matrix(n, factor).numpy() for n in size)
    ours = np.einsum("yh,hwc,xw->yxc", rows, maps, columns)
    shape = size[1] * factor, size[0] * factor
    np.testing.assert_allclose(ours, cv2.resize(maps, shape, interpolation=cv2.INTER_CUBIC), atol=1e-5)


def test_smoothing_matrices_equal_the_filter():
    maps = np.random.default_rng(1).uniform(size=(1, 9, 14, 3)).astype(np.float32)
    rows, columns = (decode.smoothing_matrix(n, 1.3).numpy() for n in (9, 14))
    ours = np.einsum("yh,nhwc,xw->nyxc", rows, maps, columns)
    np.testing.assert_allclose(ours, decode.smooth(tf.constant(maps), 1.3), atol=1e-6)


def test_peaks_are_those_of_a_plain_search():
    """Every inner cell that is larger than its eight neighbours, on random maps enlarged and smoothed by OpenCV."""
    maps = np.random.default_rng(2).uniform(size=(10, 13, 15)).astype(np.float32)
    config = dataclasses.replace(decode.PAPER, max_peaks=64, peak_threshold=0.0, subpixel=False)
    x, y, score = (v.numpy()[0] for v in decode.find_peaks(tf.constant(maps[None]), config))
    large = cv2.resize(maps, (26, 20), interpolation=cv2.INTER_CUBIC)
    smoothed = ndimage.gaussian_filter(large, (1.3, 1.3, 0), mode="constant", truncate=3 / 1.3)
    highest = ndimage.maximum_filter(smoothed, (3, 3, 1), mode="constant", cval=-np.inf)
    for part in range(15):
        found = score[part] > 0
        places = np.rint(np.stack([y[part][found], x[part][found]], -1) * 2 + 0.5).astype(int)
        assert set(map(tuple, places)) == set(zip(*np.nonzero(smoothed[..., part] == highest[..., part])))
        np.testing.assert_allclose(score[part][found], large[*places.T, part], atol=1e-5)


@pytest.mark.parametrize(("gap_cells", "kept"), [(0.05, 0), (0.4, 1)])
def test_candidates_on_one_place_make_no_limb(gap_cells, kept):
    """1 px is 0.125 cell: maxima that the published code sees on one pixel, and maxima that it sees apart."""
    peaks = np.zeros((3, 1, 3, 8), np.float32)  # x, y, score of three parts
    peaks[:, 0, :, 0] = [[4, 4 + gap_cells, 9], [4, 4, 4], [1, 1, 1]]
    fields = np.zeros((1, 12, 12, 4), np.float32)
    fields[..., [0, 2]] = 1
    scores = decode.score_pairs(tf.constant(fields), decode.Peaks(*tf.constant(peaks)), ((0, 1), (1, 2)), SMALL)
    assert int(scores[0, 0, 0] > 0) == kept
    assert scores[1, 0, 0] == 1


def _greedy(pairs):
    """Plain greedy matching: a loop over the sorted pairs."""
    matched, columns = {}, set()
    for flat in np.argsort(-pairs, axis=None, kind="stable"):
        row, column = divmod(int(flat), pairs.shape[1])
        if pairs[row, column] > 0 and row not in matched and column not in columns:
            matched[row] = column
            columns.add(column)
    return matched


@pytest.mark.parametrize("levels", [None, 4])
def test_matching_equals_the_plain_greedy_loop(levels):
    rng = np.random.default_rng(3)
    pairs = rng.uniform(size=(60, 7, 7)) * (rng.uniform(size=(60, 7, 7)) < 0.6)
    if levels:  # many equal scores: sums of scores are then equal, and each row and column is used once
        pairs = np.ceil(pairs * levels) / levels
    first, connection = decode.match_pairs(tf.constant(pairs, tf.float32), 6)
    for index, pair in enumerate(pairs):
        rows, scores = first[index // 6, index % 6].numpy(), connection[index // 6, index % 6].numpy()
        ours = {int(rows[column]): column for column in np.flatnonzero(scores)}
        assert len(ours) == (scores > 0).sum()
        expected = _greedy(pair)
        if levels is None:
            assert ours == expected
        for row, column in ours.items():
            np.testing.assert_allclose(scores[column], pair[row, column], rtol=1e-6)


def test_people_beyond_the_limit_are_the_worst():
    people = pose_scenes.crowd(3, 40)
    maps, pafs = pose_scenes.draw_maps(people, 40, 40)
    maps[:, :13] *= 0.5  # the leftmost person is less certain
    config = dataclasses.replace(SMALL, max_people=2)
    keypoints, scores = decode.Decoder(MPI, config)(maps[None], pafs[None])
    assert keypoints.shape == (1, 2, 15, 3)
    assert (scores.numpy() > 0).all()
    assert (_cells(keypoints.numpy())[0, :, 1, 0] > 13).all()


def test_another_skeleton():
    chain = Skeleton("chain", ("a", "b", "c", "d"), ((1, 0), (1, 2), (2, 3)), (0, 1, 2, 3))
    people = np.array([[[3.2, 3], [4, 8], [8, 9.4], [12, 12]], [[13, 2], [15, 6], [18, 6.3], [21, 9.7]]])
    found, _ = _decode(people, 24, dataclasses.replace(SMALL, smoothing_px=0), chain)
    assert found.shape == (2, 4, 3)
    assert _match(found, people).max() < 0.1


@pytest.mark.parametrize("limbs", [((0, 1), (2, 1)), ((0, 1), (1, 2), (2, 0)), ((1, 2), (0, 1)), ((1, 1),)])
def test_limbs_that_are_no_tree_are_refused(limbs):
    with pytest.raises(ValueError, match="tree in root order"):
        decode.Decoder(Skeleton("odd", ("a", "b", "c"), limbs, (0, 1, 2)))


def test_too_many_people_for_the_candidates():
    with pytest.raises(ValueError, match="max_people"):
        decode.Decoder(MPI, dataclasses.replace(decode.PAPER, max_peaks=1, max_people=16))


def test_bilinear_fields_agree_on_clean_maps():
    people = pose_scenes.crowd(4, 40)
    found, scores = _decode(people, 40, dataclasses.replace(SMALL, bilinear=True))
    assert len(found) == 4
    assert _match(found, people).max() < 0.1
    assert (scores > 1).all()
