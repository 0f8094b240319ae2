import json
from pathlib import Path

import numpy as np
import pytest

from openpose_tf.common.errors import UserError
from openpose_tf.data.annotations import image_dataset_schema
from synth.dataset import shards, writer
from synth.workers import engine
from synth.workers.engine import EngineConfig, Failure

PIXELS = np.zeros((4, 6, 3), np.uint8)


def make_image(folder, index):
    writer.write_sample(
        Path(folder), image_dataset_schema.image_name(index), PIXELS, PIXELS[..., 0], None, {"people": []}, 90
    )
    return index


def test_only_missing_images_are_made(tmp_path):
    made = []
    make_image(str(tmp_path), 2)
    mask = tmp_path / "masks" / "0000" / "000002.png"
    before = mask.stat().st_mtime_ns

    def note(index):
        made.append(index)
        return ""

    failures = shards.make_missing(tmp_path, [0, 2, 4], 5, make_image, str(tmp_path), EngineConfig(), "making", note)
    assert failures == [] and made == [0, 4]
    assert mask.stat().st_mtime_ns == before


def test_a_machine_of_a_cluster_that_does_not_share_the_folder_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "run", lambda task, job, keys, *_: [task(job, key) for key in keys])
    cluster = EngineConfig(num_workers=1, ray_address="first:6379")
    with pytest.raises(UserError, match="must share the output folder"):
        shards.make_missing(tmp_path, [0], 1, make_image, str(tmp_path), cluster, "making")
    assert not (tmp_path / "annotations").exists()
    (tmp_path / image_dataset_schema.HEADER).write_text("{}")
    assert shards.make_missing(tmp_path, [0], 1, make_image, str(tmp_path), cluster, "making") == [0]


def test_each_shard_lists_its_own_failures_until_nothing_fails(tmp_path):
    shards.write_failures(tmp_path, [Failure(7, 3, "it is cursed")], EngineConfig(shard_index=1, num_shards=4))
    shards.write_failures(tmp_path, [Failure(8, 3, "so is it")], EngineConfig(shard_index=2, num_shards=4))
    path = tmp_path / "failed-00001-of-00004.jsonl"
    assert json.loads(path.read_text()) == {"key": 7, "attempts": 3, "error": "it is cursed"}
    shards.write_failures(tmp_path, [], EngineConfig(shard_index=1, num_shards=4))
    assert [one.name for one in tmp_path.iterdir()] == ["failed-00002-of-00004.jsonl"]
