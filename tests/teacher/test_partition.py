"""Groups become shards, and everything else of a record set stays."""

import json

import numpy as np
import pytest

from openpose_tf.common.errors import UserError
from openpose_tf.config import Fidelity
from openpose_tf.data.records.record_set import load_records
from teacher.groups.group_files import groups_json
from teacher.groups.group_shards import write_group_shards
from teacher.groups.membership import GroupingConfig, group_samples
from tests.support.commands import run_command
from tests.support.groupings import grouping_from_json


def pitch_groups(records, count=3):
    return group_samples(records.features, GroupingConfig(("camera_pitch",), (count,)))


def test_each_group_is_one_shard_with_the_same_records(toy_records, tmp_path):
    records = load_records(toy_records["synthetic"])
    membership = pitch_groups(records, 2)
    result = write_group_shards(records, membership, tmp_path / "out")
    assert len(result) == len(records) and len(result.shard_paths) == 2
    for group, rows in enumerate(membership.rows):
        assert np.flatnonzero(result.shard == group).tolist() == rows.tolist()
    assert [result.read(row) for row in range(len(result))] == [records.read(row) for row in range(len(records))]
    for name, column in records.features.items():
        np.testing.assert_array_equal(result.features[name], column)


def test_damaged_record_is_found_and_no_manifest_is_left(toy_records, tmp_path):
    records = load_records(toy_records["synthetic"])
    copy = tmp_path / "copy"
    write_group_shards(records, pitch_groups(records, 2), copy)
    shard = next(copy.glob("*tfrecord-00001*"))
    data = bytearray(shard.read_bytes())
    data[200] ^= 0xFF
    shard.write_bytes(data)
    damaged = load_records(copy)
    with pytest.raises(UserError, match="damaged"):
        write_group_shards(damaged, pitch_groups(damaged, 2), tmp_path / "out")
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_set_that_is_there_is_not_overwritten_unasked(toy_records, tmp_path):
    records = load_records(toy_records["synthetic"])
    with pytest.raises(UserError, match="the record set itself"):
        write_group_shards(records, pitch_groups(records, 2), records.dir)
    write_group_shards(records, pitch_groups(records, 2), tmp_path)
    with pytest.raises(UserError, match="--overwrite"):
        write_group_shards(records, pitch_groups(records, 2), tmp_path)
    distance = group_samples(records.features, GroupingConfig(("min_distance",), (3,)))
    write_group_shards(records, distance, tmp_path, overwrite=True)
    assert len(list(tmp_path.glob("*.tfrecord-*"))) == 3


def test_groups_json_gives_the_rule_back(toy_records, tmp_path):
    records = load_records(toy_records["synthetic"])
    membership = pitch_groups(records, 2)
    path = tmp_path / "groups.json"
    path.write_text(json.dumps(groups_json(membership, Fidelity.PAPER)))
    assert grouping_from_json(json.loads(path.read_text())["grouping"]) == membership.grouping


@pytest.mark.slow
def test_command_writes_shards_rule_and_pictures(toy_records, tmp_path):
    flags = (f"--records={toy_records['synthetic']}", "--num_groups=2", "--min_group_size=2")
    result = run_command("teacher.partition", *flags, f"--output_dir={tmp_path}")
    assert "24 samples in 2 groups, 0 left out" in result.stdout
    names = {path.name for path in tmp_path.iterdir()}
    assert {"groups.json", "groups.png", "histogram_camera_pitch.png", "index.npz", "manifest.json"} <= names
