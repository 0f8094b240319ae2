"""Record sets: round trip, atomicity, counts and the errors of damaged sets."""

import json
import os
import tempfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from openpose_tf.common.errors import MachineError, UserError
from openpose_tf.data.annotations.types import AnnotatedImage, Person
from openpose_tf.data.records import examples, record_set
from openpose_tf.data.records import writer as records
from openpose_tf.data.records.crops import SampleRules
from openpose_tf.data.records.schema import PersonSample


def make_person(x: float, y: float, scale: float = 0.5, **fields) -> Person:
    rng = np.random.default_rng(int(x * 1000 + y))
    keypoints = np.concatenate([[x, y] + rng.uniform(-1, 1, (16, 2)) * 60 * scale, np.ones((16, 1))], 1)
    return Person(keypoints, np.array([x, y]), scale, features={"min_distance": x, "scale": scale}, **fields)


def make_image(folder: Path, name: str, people: tuple[Person, ...], width: int = 200, height: int = 150):
    rng = np.random.default_rng(len(name))
    pixels = cv2.resize(rng.integers(0, 255, (9, 12, 3), dtype=np.uint8), (width, height))
    path = folder / f"{name}.png"
    cv2.imwrite(str(path), pixels)
    return AnnotatedImage(name, path, width, height, people)


@pytest.fixture
def annotated(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    return [make_image(folder, f"{k:03d}", (make_person(60 + k, 70), make_person(130, 80))) for k in range(5)]


def test_round_trip(annotated, tmp_path):
    config = records.RecordSetConfig("toy", "train", num_shards=3, seed=7)
    counts = records.write_record_set(annotated, tmp_path / "out", config, source={"format": "test"})
    assert counts == {"images": 5, "records": 10, "people": 20, "dropped": {}}
    loaded = record_set.load_records(tmp_path / "out")
    assert len(loaded) == 10 and len(loaded.shard_paths) == 3
    assert loaded.manifest["distance_side"] == 640 and loaded.has_scaled_distances
    assert sorted(np.bincount(loaded.shard)) == [3, 3, 4]
    samples = [examples.to_sample(loaded.read(row)) for row in range(10)]
    assert sorted((sample.image_id, sample.person) for sample in samples) == [
        (image.image_id, k) for image in annotated for k in range(2)
    ]
    for row, sample in enumerate(samples):
        person = annotated[int(sample.image_id)].people[sample.person]
        scaled = 640 / 200 * person.objpos[0]  # the longer side is 200 px
        assert loaded.features["min_distance"][row] == pytest.approx(scaled)
        assert sample.features["min_distance"] == pytest.approx(scaled)
        assert (sample.width, sample.height) == (200, 150)  # reach covers the whole picture, nothing is downscaled
        np.testing.assert_allclose(sample.keypoints[0], person.keypoints, atol=1e-4)
        np.testing.assert_allclose(sample.objpos, person.objpos, atol=1e-4)
        pixels = cv2.imdecode(np.frombuffer(sample.image, np.uint8), cv2.IMREAD_COLOR)
        original = cv2.imread(str(annotated[int(sample.image_id)].image_path))
        assert np.abs(pixels.astype(int) - original).mean() < 3


def test_same_seed_same_bytes(annotated, tmp_path):
    config = records.RecordSetConfig("toy", "train", num_shards=2, seed=3)
    for name in "ab":
        records.write_record_set(annotated, tmp_path / name, config)
    first, second = (record_set.load_records(tmp_path / name) for name in "ab")
    assert first.digest == second.digest == first.manifest["index_digest"]
    for one, other in zip(first.shard_paths, second.shard_paths):
        assert Path(one).read_bytes() == Path(other).read_bytes()


def test_dropped_people_are_counted(annotated, tmp_path):
    folder = annotated[0].image_path.parent
    people = (
        make_person(60, 70),
        make_person(60, 70, scale=float("nan")),
        make_person(60, 70, scale=0.0),
        make_person(500, 70),
        Person(np.zeros((16, 3)), np.array([50.0, 50.0]), 0.5),
        Person(np.full((16, 3), [np.nan, 1, 1]), np.array([50.0, 50.0]), 0.5),
        make_person(90, 70, is_synthetic=True),
        make_person(90, 70, scale=0.05),
    )
    config = records.RecordSetConfig("toy", "train", 1, rules=SampleRules(sample_synthetic=False, min_height=20))
    counts = records.write_record_set([make_image(folder, "odd", people)], tmp_path / "out", config)
    assert counts["records"] == 1
    assert counts["dropped"] == {
        "no usable scale": 2,
        "position outside of the image": 1,
        "no joint in the image": 1,
        "keypoints that are not numbers": 1,
        "synthetic person of a mixed image": 1,
        "too small": 1,
    }
    assert record_set.load_records(tmp_path / "out").manifest["dropped"] == counts["dropped"]


def test_nobody_left(annotated, tmp_path):
    folder = annotated[0].image_path.parent
    image = make_image(folder, "empty", (make_person(500, 70),))
    with pytest.raises(UserError, match="1 position outside of the image"):
        records.write_record_set([image], tmp_path / "out", records.RecordSetConfig("toy", "train"))
    assert not list((tmp_path / "out").iterdir())


def test_failure_leaves_nothing(annotated, tmp_path):
    annotated[3].image_path.write_bytes(b"not a picture")
    with pytest.raises(UserError, match=r"003\.png cannot be read"):
        records.write_record_set(annotated, tmp_path / "out", records.RecordSetConfig("toy", "train"))
    assert not list((tmp_path / "out").iterdir())


def test_full_disk(annotated, tmp_path, monkeypatch):
    monkeypatch.setattr(records, "_part", lambda path: Path("/dev/full"))
    monkeypatch.setattr(Path, "unlink", lambda self, missing_ok=False: None)
    with pytest.raises(MachineError, match="the disk is full"):
        records.write_record_set(annotated, tmp_path / "out", records.RecordSetConfig("toy", "train", 1))


def test_no_permission():
    """Also where the tests run as the superuser, who may write anywhere: as nobody for a moment."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o555)
    is_root = os.geteuid() == 0
    try:
        if is_root:
            os.seteuid(65534)
        with pytest.raises(UserError, match="cannot write to"):
            records.RecordWriter(folder / "out", "toy", "train", 1)
    finally:
        if is_root:
            os.seteuid(0)
        folder.rmdir()


def test_missing_pictures_are_listed(annotated, tmp_path):
    for image in annotated[:2]:
        image.image_path.unlink()
    with pytest.raises(UserError, match=r"(?s)2 of 5 images are missing.*000\.png.*001\.png"):
        records.write_record_set(annotated, tmp_path / "out", records.RecordSetConfig("toy", "train"))


def test_wrong_size(annotated, tmp_path):
    cv2.imwrite(str(annotated[0].image_path), np.zeros((10, 20, 3), np.uint8))
    with pytest.raises(UserError, match="is 20x10 pixels, its annotation says 200x150"):
        records.write_record_set(annotated, tmp_path / "out", records.RecordSetConfig("toy", "train"))


def test_overwrite(annotated, tmp_path):
    records.write_record_set(annotated, tmp_path / "out", records.RecordSetConfig("toy", "train", 4))
    with pytest.raises(UserError, match="already holds a record set"):
        records.write_record_set(annotated, tmp_path / "out", records.RecordSetConfig("toy", "train", 2))
    records.write_record_set(annotated, tmp_path / "out", records.RecordSetConfig("toy", "train", 2), overwrite=True)
    assert len(list((tmp_path / "out").iterdir())) == 4
    assert len(record_set.load_records(tmp_path / "out").shard_paths) == 2


def test_leftovers_of_a_killed_run_go(annotated, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "toy-train.tfrecord-00007-of-00009.part").write_bytes(b"half")
    records.write_record_set(annotated, tmp_path / "out", records.RecordSetConfig("toy", "train", 1))
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "toy-train.tfrecord-00000-of-00001", "index.npz", "manifest.json"
    }  # fmt: skip


def test_damaged_sets(annotated, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(UserError, match="is not a folder"):
        record_set.load_records(out)
    records.write_record_set(annotated, out, records.RecordSetConfig("toy", "train", 2))
    shard = Path(record_set.load_records(out).shard_paths[1])
    whole = shard.read_bytes()
    shard.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"00001-of-00002 has \d+ bytes, its manifest says \d+"):
        record_set.load_records(out)
    shard.unlink()
    with pytest.raises(UserError, match="00001-of-00002 is missing"):
        record_set.load_records(out)
    shard.write_bytes(whole)
    manifest = (out / "manifest.json").read_text()
    (out / "manifest.json").write_text(manifest.replace(shard.name, "x" * 300))
    with pytest.raises(UserError, match="xxx is missing"):
        record_set.load_records(out)
    (out / "manifest.json").write_text(manifest)
    (out / "index.npz").write_bytes(b"nonsense")
    with pytest.raises(UserError, match=r"index\.npz cannot be read"):
        record_set.load_records(out)
    manifest = json.loads((out / "manifest.json").read_text())
    (out / "manifest.json").write_text(json.dumps(manifest | {"schema": 99}))
    with pytest.raises(UserError, match="not of record schema 1"):
        record_set.load_records(out)
    (out / "manifest.json").unlink()
    with pytest.raises(UserError, match="did not finish"):
        record_set.load_records(out)


def test_sample_without_features(tmp_path):
    sample = PersonSample(
        b"jpeg", 3, 4, b"", np.ones((1, 16, 3), np.float32), np.array([True]), np.array([1.0, 2.0], np.float32), 0.5,
        np.ones(16, bool), "é", 0, True,
    )  # fmt: skip
    with records.RecordWriter(tmp_path, "a", "b", 1) as writer:
        writer.add(sample)
        writer.drop("why", 3)
    loaded = record_set.load_records(tmp_path)
    back = examples.to_sample(loaded.read(0))
    assert back.image_id == "é" and back.is_synthetic and back.features == {} and loaded.features == {}
    assert loaded.manifest["dropped"] == {"why": 3}


def test_joined_sets(annotated, tmp_path):
    for name, chosen in {"a": annotated[:2], "b": annotated[2:]}.items():
        records.write_record_set(chosen, tmp_path / name, records.RecordSetConfig(name, "train", 2))
    first, second = (record_set.load_records(tmp_path / name) for name in "ab")
    second.features["extra"] = np.arange(len(second), dtype=np.float32)
    joined = record_set.join_records([first, second])
    assert len(joined) == 10 and len(joined.shard_paths) == 4
    assert [joined.read(row) for row in range(10)] == [first.read(row) for row in range(4)] + [
        second.read(row) for row in range(6)
    ]
    np.testing.assert_array_equal(joined.features["extra"], [np.nan] * 4 + list(range(6)))
    assert record_set.join_records([first]) is first
