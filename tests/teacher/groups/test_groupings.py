"""Boundaries and groups of the two groupings of the paper, and what is refused."""

import numpy as np
import pytest

from openpose_tf.common.errors import UserError
from openpose_tf.config import Fidelity
from teacher.groups import groupings
from tests.support.groupings import grouping_from_json


def one_column(name, values):
    return {name: np.asarray(values, np.float32)}


def test_camera_pitch_reproduces_the_released_boundaries():
    columns = {"camera_pitch_deg": np.array([0.0228, 12.0, 36.6109])}
    axis = groupings.make_axis("camera_pitch", columns, 10)
    expected = [3.68161, 6.93389, 10.18616, 13.43844, 16.69071, 19.94299, 23.19526, 26.44754, 29.69981]
    np.testing.assert_allclose(axis.boundaries, expected, atol=2e-5)
    assert axis.assign(np.array([0.0228, 3.6, 3.69, 29.6, 29.7, 36.6])).tolist() == [0, 0, 1, 8, 9, 9]


def test_min_distance_of_the_paper_has_ten_equal_bins_with_the_last_one_open():
    axis = groupings.make_axis("min_distance", one_column("min_distance", [10.0]), 10)
    np.testing.assert_allclose(axis.boundaries, np.arange(64, 640, 64))
    assert axis.assign(np.array([0.0, 63.9, 64.0, 575.9, 576.0, 640.0, 1805.0])).tolist() == [0, 0, 1, 8, 9, 9, 9]


def test_min_distance_as_released_leaves_group_0_empty():
    axis = groupings.make_axis("min_distance", one_column("min_distance", [10.0]), 10, mode=Fidelity.RELEASE)
    expected = [0, 71.11, 142.22, 213.33, 284.44, 355.56, 426.67, 497.78, 568.89]
    np.testing.assert_allclose(axis.boundaries, expected, atol=5e-3)
    assert axis.assign(np.array([0.0, 71.0, 71.2, 900.0])).tolist() == [1, 1, 2, 9]


def test_camera_pitch_is_the_same_in_both_modes():
    columns = one_column("camera_pitch_deg", np.linspace(0, 45, 50))
    assert groupings.make_axis("camera_pitch", columns, 10) == groupings.make_axis(
        "camera_pitch", columns, 10, "release"
    )


def test_product_numbers_cells_with_the_last_axis_fastest():
    columns = one_column("camera_pitch_deg", [0.0, 0.0, 10.0, 10.0]) | one_column("visible_ratio", [0.1, 0.9, 0.1, 0.9])
    grouping = groupings.make_grouping(["camera_pitch", "visible_ratio"], columns, [2, 2])
    assert grouping.num_groups == 4
    assert grouping.assign(columns).tolist() == [0, 1, 2, 3]


def test_rule_survives_json():
    columns = one_column("camera_pitch_deg", np.linspace(0, 45, 9))
    grouping = groupings.make_grouping(["camera_pitch"], columns, [5])
    assert grouping_from_json(grouping.to_json()) == grouping


@pytest.mark.parametrize(
    ("names", "columns", "counts", "message"),
    [
        (["pitch"], {}, [10], "unknown grouping 'pitch'"),
        (["camera_pitch"], {"scale": np.ones(3)}, [10], "no feature camera_pitch_deg .*they have: scale"),
        (["camera_pitch"], {"camera_pitch_deg": np.ones(3)}, [10], "all samples have the same"),
        (["camera_pitch"], {"camera_pitch_deg": np.arange(3)}, [1], "at least 2"),
        (["camera_pitch"], {"camera_pitch_deg": np.arange(3)}, [2, 2], "1 groupings but 2 numbers"),
    ],
)
def test_refusals(names, columns, counts, message):
    with pytest.raises(UserError, match=message):
        groupings.make_grouping(names, columns, counts)
