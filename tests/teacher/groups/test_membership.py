"""Which sample is in which group, merging, and what is found before training starts."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from openpose_tf.common.errors import UserError
from openpose_tf.config import Fidelity
from openpose_tf.data.records.record_set import RecordSet
from teacher.groups.group_files import labels_of
from teacher.groups.groupings import Axis, Grouping
from teacher.groups.membership import GroupingConfig, assign_samples, group_records, group_samples
from teacher.groups.merging import merge_small
from tests.support.groupings import grouping_from_json


def group(columns, names, num_groups, **options):
    return group_samples(columns, GroupingConfig(tuple(names), tuple(num_groups), **options))


PITCH = {"camera_pitch_deg": np.linspace(0, 45, 100).astype(np.float32)}


def test_every_sample_is_in_exactly_one_group():
    membership = group(PITCH, ["camera_pitch"], [10])
    assert sorted(np.concatenate(membership.rows).tolist()) == list(range(100))
    assert membership.counts.sum() == 100 and membership.counts.min() > 0


def test_nearly_empty_groups_are_not_available():
    distance = {"min_distance": np.r_[np.full(33, 10.0), np.full(32, 100.0), np.full(40, 700.0)]}
    membership = group(distance, ["min_distance"], [10], allow_empty=True)
    assert membership.available().nonzero()[0].tolist() == [0, 9]
    assert membership.available(31).nonzero()[0].tolist() == [0, 1, 9]
    with pytest.raises(UserError, match=r"no group .* more than 99 samples .*--min_group_size"):
        membership.available(99)


def test_lone_people_are_refused_or_left_out_and_counted():
    columns = {"min_distance": np.array([10.0, np.nan, 200.0])}
    with pytest.raises(UserError, match=r"not a number in 1 of 3 .*row 1.*--skip_nan"):
        group(columns, ["min_distance"], [2])
    membership = group(columns, ["min_distance"], [2], skip_nan=True, allow_empty=True)
    assert membership.num_dropped == 1 and np.concatenate(membership.rows).tolist() == [0, 2]


def test_raw_distances_of_an_older_record_set_are_said_once(caplog):
    empty = np.zeros(40, np.int64)
    old = RecordSet(Path("old"), (), empty, empty, empty, {"min_distance": np.linspace(0, 600, 40)}, {})
    new = dataclasses.replace(old, manifest={"distance_side": 640})
    by_distance, by_pitch = GroupingConfig(("min_distance",), (2,)), GroupingConfig(("camera_pitch",), (2,))
    pitched = dataclasses.replace(old, features={"camera_pitch_deg": np.linspace(0, 45, 40)})
    with caplog.at_level("WARNING"):
        group_records(new, by_distance)
        group_records(pitched, by_pitch)
        assert caplog.messages == []
        group_records(old, by_distance)
        group_records(dataclasses.replace(new, manifest={"joined": [new.manifest, {}]}), by_distance)
    assert len(caplog.messages) == 2 and caplog.messages[0].startswith("old: minimal distances are in raw pixels")


def test_refusals():
    with pytest.raises(UserError, match="3 synthetic samples for 10 groups"):
        group({"min_distance": np.arange(3.0)}, ["min_distance"], [10])
    columns = {"min_distance": np.full(50, 5.0)}
    with pytest.raises(UserError, match=r"group 1, 2 of min_distance has no sample .samples per group: 50 0 0"):
        group(columns, ["min_distance"], [3])
    assert group(columns, ["min_distance"], [3], mode=Fidelity.RELEASE).counts.tolist() == [0, 50, 0]


def test_small_cells_join_their_nearest_neighbour():
    grouping = Grouping((Axis("a", "a", (1.0,)), Axis("b", "b", (1.0, 2.0))))
    merged = merge_small(grouping, np.array([50, 3, 40, 60, 70, 0]), floor=10)
    # the empty cell (1, 2) joins its smaller neighbour (0, 2); cell (0, 1) then joins the nearest smallest, (0, 0)
    assert merged.cell_groups == (0, 0, 1, 2, 3, 1)
    columns = {"a": np.array([0.0, 0.0, 5.0]), "b": np.array([0.5, 1.5, 9.0])}
    assert merged.assign(columns).tolist() == [0, 0, 1]
    assert merged.num_groups == 4
    assert labels_of(merged) == [
        "a < 1 · b < 1 and 1 more",
        "a < 1 · b ≥ 2 and 1 more",
        "a ≥ 1 · b < 1",
        "a ≥ 1 · b 1 to 2",
    ]


def test_no_group_is_below_the_floor_in_a_large_product():
    rng = np.random.default_rng(0)
    columns = {"camera_pitch_deg": rng.uniform(0, 45, 3000), "min_distance": rng.exponential(120, 3000)}
    membership = group(columns, ["camera_pitch", "min_distance"], [10, 10], floor=40)
    assert membership.counts.min() >= 40 and membership.counts.sum() == 3000
    assert 20 < membership.grouping.num_groups < 75
    again = assign_samples(columns, grouping_from_json(membership.grouping.to_json()))
    assert all((a == b).all() for a, b in zip(membership.rows, again.rows))
