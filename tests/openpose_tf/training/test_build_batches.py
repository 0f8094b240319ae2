"""A run may draw its real half from several record sets, such as COCO and MPII, as from one."""

import dataclasses

import cv2
import numpy as np
import pytest
import tensorflow as tf

from openpose_tf.common import files
from openpose_tf.common.errors import UserError
from openpose_tf.config import DataConfig, ModelConfig, TrainConfig
from openpose_tf.data.annotations.types import AnnotatedImage, Person
from openpose_tf.data.records.writer import RecordSetConfig, write_record_set
from openpose_tf.skeleton import JointState
from openpose_tf.training import build_batches
from openpose_tf.training.strategies import Replicas


def write_set(folder, num_images: int, grey: int):
    """Writes one record per picture of one colour."""
    annotated = []
    folder.mkdir(parents=True)
    for number in range(num_images):
        path = folder / f"{number}.png"
        cv2.imwrite(str(path), np.full((64, 64, 3), grey, np.uint8))
        keypoints = np.concatenate([np.random.default_rng(number).uniform(20, 44, (16, 2)), np.ones((16, 1))], 1)
        keypoints[:, 2] = JointState.VISIBLE
        person = Person(keypoints, np.array([32.0, 32.0]), 0.3, features={"scale": 0.3})
        annotated.append(AnnotatedImage(str(number), path, 64, 64, (person,)))
    write_record_set(annotated, folder / "records", RecordSetConfig(folder.name, "train", num_shards=2))
    return str(folder / "records")


def test_batches_hold_samples_of_all_sets_in_proportion(tmp_path):
    dark, light = write_set(tmp_path / "dark", 2, 40), write_set(tmp_path / "light", 6, 220)
    data = DataConfig(real_records=(dark, light))
    sets = build_batches.open_record_sets(data)
    assert sets.real is not None and len(sets.real) == 8
    run = TrainConfig(str(tmp_path / "model"), model=ModelConfig(0.1, 1, 64), batch_size=8, real_fraction=1.0)
    batches = build_batches.make_batches(run, data, sets, Replicas(tf.distribute.get_strategy()))
    centres = batches.next()["images"][:, 32, 32, 0].numpy().astype(int)
    batches.close()
    assert sorted(np.round(centres / 20) * 20) == [40] * 2 + [220] * 6  # one epoch: every sample once


def augmented_joints(tmp_path, **ranges) -> np.ndarray:
    """Returns the 15 joints [16, 15, 2] of one person of scale 0.3 in 16 augmented samples, px."""
    data = DataConfig(real_records=(write_set(tmp_path / "one", 1, 90),), **ranges)
    run = TrainConfig(str(tmp_path / "model"), model=ModelConfig(0.1, 1, 64), batch_size=16, real_fraction=1.0)
    batches = build_batches.make_batches(
        run, data, build_batches.open_record_sets(data), Replicas(tf.distribute.get_strategy())
    )
    joints = batches.next()["keypoints"][:, 0, :, :2].numpy()
    batches.close()
    return joints


def lengths_and_slopes(joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns length (px) and slope |dy/dx| of the line between joints 0 and 1 of each sample."""
    dx, dy = (joints[:, 1] - joints[:, 0]).T
    return np.hypot(dx, dy), np.abs(dy / dx)


def test_without_rotation_and_zoom_every_sample_has_the_mean_size_and_stands_upright(tmp_path):
    joints = augmented_joints(tmp_path, max_rotation_deg=0.0, min_zoom=1.0, max_zoom=1.0)
    length, slope = lengths_and_slopes(joints)
    keypoints = np.random.default_rng(0).uniform(20, 44, (16, 2))
    head, neck = keypoints[9], keypoints[8]  # MPII's head top and upper neck
    expected = np.hypot(*(neck - head)) * 250 * 64 / 368 / (0.3 * 200)
    np.testing.assert_allclose(length, expected, rtol=1e-3)
    np.testing.assert_allclose(slope, abs((neck - head)[1] / (neck - head)[0]), rtol=1e-3)


def test_rotation_and_zoom_of_the_paper_are_the_default(tmp_path):
    length, slope = lengths_and_slopes(augmented_joints(tmp_path))
    assert length.max() / length.min() > 1.5
    assert len(set(np.round(slope, 3))) > 8


def test_another_order_of_sets_is_another_data_set(tmp_path):
    dark, light = write_set(tmp_path / "dark", 2, 40), write_set(tmp_path / "light", 3, 220)
    one, other = (build_batches.open_record_sets(DataConfig(real_records=r)) for r in ((dark, light), (light, dark)))
    assert one.identity != other.identity


def test_every_folder_is_checked(tmp_path):
    dark = write_set(tmp_path / "dark", 2, 40)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="empty"):
        build_batches.open_record_sets(DataConfig(real_records=(dark, str(tmp_path / "empty"))))


def test_a_run_goes_on_in_the_order_it_began_with(tmp_path):
    """Folders of before blocks say nothing of it: their records were read one by one."""
    data, model_dir = DataConfig(real_records=(write_set(tmp_path / "one", 2, 90),)), tmp_path / "model"
    assert build_batches.open_record_sets(data, str(model_dir)).identity["reading"] == "blocks"
    for content, reading in (({"seed": 0}, "records"), ({"seed": 0, "reading": "blocks"}, "blocks")):
        files.write_json(model_dir / "config.json", content)
        for wanted in ("blocks", "records"):
            sets = build_batches.open_record_sets(dataclasses.replace(data, reading=wanted), str(model_dir))
            assert sets.reading == reading
