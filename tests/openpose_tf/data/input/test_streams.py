"""Streams and mixtures: exact, resumable, shared by workers, with the labels of the records; damaged records."""

import dataclasses
import itertools
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow as tf

from openpose_tf.common.errors import UserError
from openpose_tf.data.input.augmentation import NUM_RANDOM, Augmentation, sample_affine
from openpose_tf.data.input.batch import Selection
from openpose_tf.data.input.mixed_batches import MixedBatches, mix
from openpose_tf.data.input.sampler import READINGS, StreamConfig, check_record
from openpose_tf.data.input.streams import SampleStream
from openpose_tf.data.records import examples, record_set
from openpose_tf.data.records import writer as records
from openpose_tf.data.records.schema import PersonSample
from openpose_tf.skeleton import MPI, mpii_to_parts
from tests.support.commands import run_command
from tests.support.training_batches import augmentation_without_chance

SIZE = 64
SMALL = StreamConfig(augmentation=Augmentation(SIZE), max_people=3, feature_names=("number", "camera_pitch_deg"))


@pytest.fixture(params=READINGS, autouse=True)
def _reading(request, monkeypatch):
    """Every guarantee holds however the records are read."""
    monkeypatch.setattr(sys.modules[__name__], "SMALL", dataclasses.replace(SMALL, reading=request.param))


def make_sample(number: int, num_people: int = 2, is_synthetic: bool = True, **changes) -> PersonSample:
    rng = np.random.default_rng(number)
    pixels = cv2.resize(rng.integers(0, 255, (6, 8, 3), dtype=np.uint8), (80, 60))
    keypoints = np.concatenate([rng.uniform(5, 55, (num_people, 16, 2)), rng.integers(0, 5, (num_people, 16, 1))], -1)
    mask = np.full((60, 80), 255, np.uint8)
    mask[:, :20] = 0
    sample = PersonSample(
        image=cv2.imencode(".jpg", pixels)[1].tobytes(),
        height=60,
        width=80,
        mask=cv2.imencode(".png", mask)[1].tobytes() if number % 2 else b"",
        keypoints=keypoints.astype(np.float32),
        is_synthetic_person=np.arange(num_people) % 2 == 0,
        objpos=np.array([40, 30], np.float32),
        scale=0.2,
        labelled_joints=np.arange(16) != 9,
        image_id=str(number),
        person=0,
        is_synthetic=is_synthetic,
        features={"number": float(number)},
    )
    return dataclasses.replace(sample, **changes)


def write(folder: Path, samples, num_shards: int = 2) -> record_set.RecordSet:
    with records.RecordWriter(folder, "toy", "train", num_shards) as writer:
        for sample in samples:
            writer.add(sample)
    return record_set.load_records(folder)


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return write(tmp_path_factory.mktemp("records"), [make_sample(k) for k in range(11)])


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name].numpy(), other[name].numpy(), err_msg=name)


def test_shapes_and_dtypes(toy):
    batch = SampleStream(toy, batch_size=4, config=SMALL).next()
    assert {name: (tuple(value.shape), value.dtype.name) for name, value in batch.items()} == {
        "images": ((4, SIZE, SIZE, 3), "uint8"),
        "loss_mask": ((4, SIZE // 8, SIZE // 8), "uint8"),
        "keypoints": ((4, 3, 15, 3), "float32"),
        "is_synthetic_person": ((4, 3), "bool"),
        "labelled_parts": ((4, 15), "float32"),
        "is_synthetic": ((4,), "bool"),
        "features": ((4, 2), "float32"),
        "key": ((4,), "int64"),
    }
    np.testing.assert_array_equal(batch["labelled_parts"][0], [0] + [1] * 14)  # no head top in this data set
    np.testing.assert_array_equal(batch["features"][:, 0], toy.features["number"][batch["key"].numpy()])
    assert np.isnan(batch["features"][:, 1]).all()


def test_every_row_once_per_epoch_in_changing_order(toy):
    stream = SampleStream(toy, batch_size=11, config=SMALL)
    epochs = [tuple(stream.next()["key"].numpy()) for _ in range(4)]
    assert all(sorted(epoch) == list(range(11)) for epoch in epochs)
    assert len(set(epochs)) == 4


def test_order_is_uniform(toy):
    """Over 400 epochs of 5 rows each row is first about 80 times: chi-square with 4 degrees of freedom below 18.5."""
    stream = SampleStream(toy, np.arange(5), batch_size=5, config=SMALL)
    first = np.array([stream.rows_of(epoch)[0] for epoch in range(400)])
    counts = np.bincount(first, minlength=5)
    assert ((counts - 80) ** 2 / 80).sum() < 18.5  # p = 0.001


def test_with_replacement(toy):
    config = dataclasses.replace(SMALL, with_replacement=True)
    rows = np.array([2, 5, 7])
    stream = SampleStream(toy, rows, batch_size=30, config=config)
    drawn = stream.next()["key"].numpy()
    assert set(drawn) <= set(rows)
    assert any(len(set(drawn[k : k + 3])) < 3 for k in range(0, 30, 3))
    np.testing.assert_array_equal(drawn, stream.rows_of(0))


def test_resume_equals_uninterrupted(toy):
    whole = SampleStream(toy, batch_size=3, seed=5, stream_id=2, config=SMALL)
    expected = [whole.next() for _ in range(9)]
    for start in (1, 4, 8):
        stream = SampleStream(toy, batch_size=3, seed=5, stream_id=2, config=SMALL)
        stream.counter.assign(start)
        for k in range(start, 9):
            assert_same(stream.next(), expected[k])
    whole.counter.assign(2)  # moves an open stream as well
    assert_same(whole.next(), expected[2])


def test_threads_do_not_change_anything(toy):
    one, many = (
        SampleStream(toy, batch_size=4, config=dataclasses.replace(SMALL, num_threads=count)) for count in (1, 4)
    )
    for _ in range(3):
        assert_same(one.next(), many.next())


def test_seed_and_stream_id_matter(toy):
    def pixels(seed, stream_id):
        stream = SampleStream(toy, [3], batch_size=1, seed=seed, stream_id=stream_id, config=SMALL)
        return stream.next()["images"].numpy().tobytes()

    assert len({pixels(seed, stream) for seed, stream in itertools.product((0, 1), (0, 1, 2))}) == 6


def test_workers_share_the_global_batch(toy):
    def batches(num_workers, worker):
        config = dataclasses.replace(SMALL, num_workers=num_workers, worker_index=worker)
        return mix(toy, toy, 8, synthetic_fraction=0.5, seed=3, config=config)

    whole, workers = batches(1, 0), [batches(2, 0), batches(2, 1)]
    for _ in range(3):
        expected, shares = whole.next(), [worker.next() for worker in workers]
        assert [len(share["key"]) for share in shares] == [4, 4]
        for name, value in expected.items():
            halves = [[share[name].numpy()[2 * half : 2 * half + 2] for share in shares] for half in (0, 1)]
            np.testing.assert_array_equal(value.numpy(), np.concatenate(halves[0] + halves[1]), err_msg=name)


def test_uneven_workers(toy):
    with pytest.raises(UserError, match="cannot be shared evenly by 3 workers"):
        SampleStream(toy, batch_size=8, config=dataclasses.replace(SMALL, num_workers=3))


def test_labels_follow_the_affine(toy):
    """Keypoints of a batch against NumPy: the sample's affine, the parts of skeleton.py, left and right swapped."""
    stream = SampleStream(toy, batch_size=8, seed=9, config=SMALL)
    batch, flips = stream.next(), 0
    for k, row in enumerate(batch["key"].numpy()):
        sample = examples.to_sample(toy.read(row))
        seed = tf.constant([stream._key, k], tf.int64)
        uniform = tf.random.stateless_uniform([NUM_RANDOM], seed, alg="philox")
        affine = sample_affine(tf.constant(sample.objpos), tf.constant(sample.scale), uniform, SMALL.augmentation)
        joints = sample.keypoints.astype(np.float64)
        joints[..., :2] = joints[..., :2] @ affine.forward.numpy()[:, :2].T + affine.forward.numpy()[:, 2]
        parts = mpii_to_parts(joints)
        if affine.flip.numpy():
            parts, flips = parts[:, list(MPI.flip)], flips + 1
        labelled = np.isin(parts[..., 2], (1, 2, 3))
        expected = np.where(labelled[..., None], np.concatenate([parts[..., :2], labelled[..., None]], -1), 0)
        np.testing.assert_allclose(batch["keypoints"][k, :2], expected, atol=2e-3)
        assert not batch["keypoints"][k, 2].numpy().any()
        np.testing.assert_array_equal(batch["is_synthetic_person"][k], [True, False, False])
    assert 0 < flips < 8


def test_people_are_cut_and_counted(tmp_path):
    far = make_sample(1, num_people=6)
    far.keypoints[3, :, :2] += 5000  # out of sight: not kept, not counted as cut
    loaded = write(tmp_path, [far], 1)
    config = dataclasses.replace(SMALL, augmentation=augmentation_without_chance(SIZE))
    stream = SampleStream(loaded, batch_size=2, config=config)
    batch = stream.next()
    assert stream.people_cut == 4  # 6 people, 1 out of sight, 3 slots, 2 samples
    np.testing.assert_array_equal(batch["is_synthetic_person"][0], [True, False, True])


def test_mixture_has_synthetic_first_and_only_the_chosen_group(toy, tmp_path):
    real = write(tmp_path / "real", [make_sample(50 + k, is_synthetic=False) for k in range(5)])
    groups = [np.arange(0, 4), np.array([], int), np.arange(4, 11)]
    batches = mix(real, toy, 6, groups=groups, synthetic_fraction=1 / 3, seed=1, config=SMALL)
    wrong = 0
    for group in (0, 2, 2, 0, 2, 0, 0, 2):
        batch = batches.next(Selection(group))
        np.testing.assert_array_equal(batch["is_synthetic"], [True, True, False, False, False, False])
        wrong += (~np.isin(batch["key"].numpy()[:2], groups[group])).sum()
    assert wrong == 0
    with pytest.raises(UserError, match="group 1 holds no sample"):
        batches.next(Selection(1))
    batches.close()


def test_mixture_resumes_from_a_checkpoint(toy, tmp_path):
    def make():
        return mix(toy, toy, 4, groups=[np.arange(5), np.arange(5, 11)], seed=1, config=SMALL)

    choice = [0, 1, 1, 0, 0, 1, 0]
    whole = make()
    expected = [whole.next(Selection(group)) for group in choice]
    before = make()
    before.warm()
    for group in choice[:4]:
        before.next(Selection(group))
    path = tf.train.Checkpoint(batches=before.trackable).save(str(tmp_path / "ckpt"))
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 10_000  # counters, no payload
    after = make()
    after.next()
    tf.train.Checkpoint(batches=after.trackable).restore(path).assert_consumed()
    for group, batch in zip(choice[4:], expected[4:]):
        assert_same(after.next(Selection(group)), batch)


def test_one_kind_only(toy):
    assert mix(toy, None, 4, config=SMALL).next()["images"].shape[0] == 4
    assert mix(None, toy, 4, config=SMALL).next()["images"].shape[0] == 4
    with pytest.raises(UserError, match="no data"):
        MixedBatches(None, [])
    with pytest.raises(UserError, match=r"synthetic_fraction=0\.01 of 4 samples leaves one half empty"):
        mix(toy, toy, 4, synthetic_fraction=0.01, config=SMALL)


def damage(loaded: record_set.RecordSet, row: int, change) -> Path:
    path = Path(loaded.shard_paths[int(loaded.shard[row])])
    data = bytearray(path.read_bytes())
    path.write_bytes(change(data, int(loaded.offset[row])))
    return path


@pytest.mark.parametrize("kind", ["flipped", "cut", "gone"])
def test_damaged_shards(tmp_path, kind):
    loaded = write(tmp_path, [make_sample(k) for k in range(4)], 2)
    row = 2

    def change(data, offset):
        if kind == "flipped":
            data[offset + 40] ^= 1
            return data
        return data[: offset + 30] if kind == "cut" else data[:offset]

    path = damage(loaded, row, change)
    stream = SampleStream(loaded, [row], batch_size=2, config=SMALL)
    with pytest.raises(UserError, match=rf"shard {path}, record 2 at byte \d+ is damaged"):
        stream.next()


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"keypoints": np.zeros((0, 16, 3), np.float32), "is_synthetic_person": np.zeros(0, bool)}, "has no person"),
        ({"objpos": np.array([np.nan, 1], np.float32)}, "no usable position or scale"),
        ({"scale": 0.0}, "no usable position or scale"),
        ({"image": b"\xff\xd8 not a picture"}, "image that cannot be decoded"),
    ],
)
@pytest.mark.parametrize("backend", ["cv2", "tf"])
def test_bad_records_stop_with_their_name(tmp_path, changes, message, backend):
    loaded = write(tmp_path, [make_sample(4, **changes)], 1)
    config = dataclasses.replace(SMALL, augmentation=Augmentation(SIZE, backend=backend))
    stream = SampleStream(loaded, batch_size=1, config=config)
    with pytest.raises(UserError, match=rf"record 0 at byte 0 \(image 4\) .*{message}"):
        stream.next()


@pytest.mark.parametrize("backend", ["cv2", "tf"])
@pytest.mark.parametrize("width, height", [(1, 1), (2600, 3)])
def test_extreme_pictures(tmp_path, backend, width, height):
    picture = cv2.imencode(".jpg", np.full((height, width, 3), 200, np.uint8))[1].tobytes()
    shape = {"image": picture, "mask": b"", "width": width, "height": height}
    place = {"objpos": np.array([width / 2, height / 2], np.float32), "scale": 2.0}
    loaded = write(tmp_path, [make_sample(0, **shape, **place)], 1)
    config = dataclasses.replace(SMALL, augmentation=Augmentation(SIZE, backend=backend))
    batch = SampleStream(loaded, batch_size=3, config=config).next()
    assert not batch["loss_mask"].numpy().any()  # no cell of 8x8 pixels is filled by so thin a picture
    assert np.isin(batch["images"].numpy()[:, 0, 0], 128).all()


def test_a_process_ends_well_while_streams_are_at_work(tmp_path):
    """Sample-making threads that outlive the interpreter would abort the process (exit code 134)."""
    large = cv2.resize(np.random.default_rng(0).integers(0, 255, (90, 90, 3), dtype=np.uint8), (900, 900))
    shape = {"image": cv2.imencode(".jpg", large)[1].tobytes(), "mask": b"", "width": 900, "height": 900}
    write(tmp_path, [make_sample(k, **shape, objpos=np.array([450, 450], np.float32), scale=1.0) for k in range(4)], 1)
    program = (
        "import sys\n"
        "from openpose_tf.data.input.sampler import StreamConfig\n"
        "from openpose_tf.data.input.streams import SampleStream\n"
        "from openpose_tf.data.records.record_set import load_records\n"
        "records = load_records(sys.argv[1])\n"
        "config = StreamConfig(num_threads=4)\n"
        "streams = [SampleStream(records, None, 16, stream_id=k, config=config) for k in range(3)]\n"
        "[stream.next() for stream in streams]\n"
    )
    run_command("-c", program, tmp_path)


def test_nan_joints_are_missing_and_counted(tmp_path):
    sample = make_sample(0)
    sample.keypoints[:, :, 2] = 1
    sample.keypoints[0, 12, 0] = np.nan
    loaded = write(tmp_path, [sample], 1)
    assert check_record(loaded, 0) is None
    config = dataclasses.replace(SMALL, augmentation=augmentation_without_chance(SIZE))
    stream = SampleStream(loaded, batch_size=2, config=config)
    batch = stream.next()
    assert stream.bad_joints == 2
    assert np.isfinite(batch["keypoints"]).all()
    np.testing.assert_array_equal(batch["keypoints"][0, 0, :, 2], np.arange(15) != 2)  # joint 12 = part 2


def test_empty_group_and_disagreeing_streams(toy):
    with pytest.raises(UserError, match="without samples"):
        SampleStream(toy, [], config=SMALL)
    other = SampleStream(toy, config=dataclasses.replace(SMALL, max_people=4))
    with pytest.raises(ValueError, match="must agree"):
        MixedBatches(SampleStream(toy, config=SMALL), [other])
