"""The decoder on real, noisy maps: a weak network on photographs, against the plain published algorithm."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from openpose_tf.common.imaging import images
from openpose_tf.inference import decoder as decode
from tests.support import real_network
from tests.support.real_network import COCO_18
from tests.support.references import decoder as decoder_reference

FEW = 8
AT_STRIDE = dataclasses.replace(decode.RELEASE, smoothing_px=0.65, max_peaks=32, max_people=32)


@pytest.fixture(scope="module")
def photographs(shared_data):
    return sorted((shared_data / "real" / "coco" / "images").glob("*.jpg"))


@pytest.fixture(scope="module")
def network(shared_data):
    return real_network.load(shared_data / "weights" / "openpose_mnv2_small" / "graph_opt.pb")


def _maps(network, paths):
    return [real_network.maps_of(network, images.read_rgb(path, orientation="upright")) for path in paths]


def _enlarged(scenes):
    return [tuple(real_network.enlarge(v) for v in scene) for scene in scenes]


def _reference(scenes, **options):
    """Returns the reference's people [K, 18, 3] and scores [K] of each scene."""
    result = []
    for maps, pafs in scenes:
        people = decoder_reference.decode(maps, pafs, COCO_18.limbs, 18, **options)
        keypoints = [decoder_reference.as_array(person, 18) for person in people]
        result.append((np.reshape(keypoints, (-1, 18, 3)), np.array([score for _, score in people])))
    return result


@pytest.fixture(scope="module")
def few(network, photographs):
    """Maps of some photographs, the same enlarged, and the reference's people of the latter."""
    scenes = _maps(network, photographs[:FEW])
    large = _enlarged(scenes)
    return scenes, large, _reference(large)


def _overlaps(scenes, expected, config, tolerance):
    """Returns the overlap of each person of the reference, and the number of people that we found."""
    decoder = tf.function(decode.Decoder(COCO_18, config).__call__, reduce_retracing=True)
    overlaps, num_found = [], 0
    for (maps, pafs), (people, _) in zip(scenes, expected, strict=True):
        keypoints, scores = (v[0].numpy() for v in decoder(tf.constant(maps[None]), tf.constant(pafs[None])))
        found = keypoints[scores > 0]
        overlaps += list(decoder_reference.overlap(people, found, tolerance))
        num_found += len(found)
    return np.array(overlaps), num_found


def _check_equal(overlaps, num_found, at_least):
    assert len(overlaps) >= at_least
    assert (overlaps == 1).mean() >= 0.98  # every part, and no other, in its place
    assert abs(num_found - len(overlaps)) <= 0.02 * len(overlaps)


def test_at_full_resolution_people_agree(few):
    _, large, expected = few
    _check_equal(*_overlaps(large, expected, decode.RELEASE, 0.5), at_least=10)


@pytest.mark.slow
def test_at_full_resolution_people_agree_on_all_photographs(network, photographs):
    large = _enlarged(_maps(network, photographs))
    _check_equal(*_overlaps(large, _reference(large), decode.RELEASE, 0.5), at_least=150)


def test_on_small_maps_people_agree(network, photographs):
    """The same algorithm on the network's own grid, where any difference is the decoder's."""
    scenes = _maps(network, photographs[:16])
    expected = _reference(scenes, sigma=0.65, radius=2)
    _check_equal(*_overlaps(scenes, expected, AT_STRIDE, 0.01), at_least=20)


def _check_found(overlaps, num_found, at_least):
    """From the network's own maps: the same people, by most of their parts within 4 px."""
    assert len(overlaps) >= at_least
    assert (overlaps >= 0.5).mean() >= 0.98
    assert overlaps.mean() >= 0.95
    assert abs(num_found - len(overlaps)) <= 0.02 * len(overlaps)


def test_sub_cell_decoding_finds_the_people_of_full_resolution(few):
    scenes, _, expected = few
    _check_found(*_overlaps(scenes, expected, decode.PAPER, 4.0), at_least=10)


@pytest.mark.slow
def test_sub_cell_decoding_finds_the_people_of_full_resolution_on_all_photographs(network, photographs):
    scenes = _maps(network, photographs)
    _check_found(*_overlaps(scenes, _reference(_enlarged(scenes)), decode.PAPER, 4.0), at_least=150)
