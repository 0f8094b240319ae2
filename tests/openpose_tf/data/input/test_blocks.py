"""Reading by blocks: each row once, resume, workers, groups, mixing, memory, damage, and records far away."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from openpose_tf.common.errors import UserError
from openpose_tf.data.input import block_order
from openpose_tf.data.input.augmentation import Augmentation
from openpose_tf.data.input.batch import Selection
from openpose_tf.data.input.block_reader import BlockReader
from openpose_tf.data.input.mixed_batches import mix
from openpose_tf.data.input.sampler import StreamConfig
from openpose_tf.data.input.streams import SampleStream
from openpose_tf.data.records.record_set import RecordSet, load_records
from tests.support.small_records import write_records

CONFIG = StreamConfig(augmentation=Augmentation(32))
NUM_ROWS = 301


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    return load_records(write_records(tmp_path_factory.mktemp("many") / "set", NUM_ROWS, True, num_shards=3))


def imagined(num_rows: int, num_shards: int, num_bytes: int = 130_000) -> RecordSet:
    """The index of records that are nowhere, dealt to shards in turn."""
    shard = np.arange(num_rows) % num_shards
    offset = np.arange(num_rows) // num_shards * num_bytes
    length = np.full(num_rows, num_bytes, np.int64)
    paths = tuple(str(number) for number in range(num_shards))
    return RecordSet(Path("nowhere"), paths, shard.astype(np.int32), offset.astype(np.int64), length, {}, {})


def keys_of(stream: SampleStream, num_batches: int) -> np.ndarray:
    return np.concatenate([stream.next()["key"].numpy() for _ in range(num_batches)])


@pytest.mark.parametrize("rows", [np.arange(NUM_ROWS), np.arange(0, NUM_ROWS, 7), np.arange(40, 77), np.array([5])])
def test_each_row_once_per_epoch_and_as_announced(many, rows):
    stream = SampleStream(many, rows, 1 if len(rows) == 1 else 6, seed=2, config=CONFIG)
    num_batches = -(-3 * len(rows) // stream.batch_size)
    keys = keys_of(stream, num_batches)
    for epoch in range(3):
        assert sorted(keys[epoch * len(rows) : (epoch + 1) * len(rows)]) == list(rows)
    np.testing.assert_array_equal(keys, np.concatenate([stream.rows_of(number) for number in range(num_batches)]))


def test_epochs_have_orders_of_their_own(many):
    """Two epochs have about one row in common at the same place, as two random orders do."""
    reader = BlockReader(many, np.arange(NUM_ROWS), 8, key=77)
    orders = reader.rows(np.arange(20 * NUM_ROWS)).reshape(20, NUM_ROWS)
    same = [(one == other).sum() for k, one in enumerate(orders) for other in orders[:k]]
    assert 0.5 < np.mean(same) < 2.0


def test_resume_at_random_places_is_exact(many):
    def make():
        return SampleStream(many, batch_size=5, seed=5, stream_id=2, config=CONFIG)

    whole = make()
    expected = [whole.next() for _ in range(130)]  # two epochs and a bit
    for start in np.random.default_rng(0).choice(127, 8, replace=False):
        stream = make()
        stream.counter.assign(int(start))
        for batch in expected[start : start + 3]:
            got = stream.next()
            assert got.keys() == batch.keys()
            assert all(np.array_equal(got[name], batch[name], equal_nan=name == "features") for name in batch)


@pytest.mark.parametrize("num_workers", [2, 4, 8])
def test_workers_make_the_batches_of_one(many, num_workers):
    def make(count, index):
        config = dataclasses.replace(CONFIG, num_workers=count, worker_index=index)
        return SampleStream(many, batch_size=8, seed=3, config=config)

    whole, workers = make(1, 0), [make(num_workers, index) for index in range(num_workers)]
    for _ in range(45):  # beyond the end of an epoch, which is in the middle of a batch
        expected, shares = whole.next(), [worker.next() for worker in workers]
        for name, value in expected.items():
            np.testing.assert_array_equal(value, np.concatenate([share[name] for share in shares]))


def test_scattered_groups_get_no_sample_of_another(many):
    groups = [np.flatnonzero(np.arange(NUM_ROWS) % 4 == group) for group in range(4)]
    batches = mix(many, many, 8, groups=groups, seed=1, config=CONFIG)
    for group in np.random.default_rng(0).integers(0, 4, 60):
        batch = batches.next(Selection(int(group)))
        assert np.isin(batch["key"].numpy()[:4], groups[group]).all()
        assert len(batch["key"]) == 8
    batches.close()


@pytest.mark.parametrize(
    "num_rows, num_shards, batch_size", [(1600, 8, 8), (3200, 32, 16), (2000, 64, 8), (6400, 4, 32)]
)
def test_rows_of_a_block_are_mixed_as_by_a_full_shuffle(num_rows, num_shards, batch_size):
    """Pairs of one block in a batch, over 200 batches: at most twice those of a permutation of all rows."""
    reader = BlockReader(imagined(num_rows, num_shards), np.arange(num_rows), batch_size, key=9)
    assert reader.blocks.sizes.max() >= 7  # else there is nothing to mix
    block_of = np.empty(num_rows, int)
    for block, rows in enumerate(reader.blocks.rows):
        block_of[rows[rows >= 0]] = block

    def pairs(order):
        batches = block_of[order[: 200 * batch_size]].reshape(-1, batch_size)
        counts = [np.unique(batch, return_counts=True)[1] for batch in batches]
        return sum(int((count * (count - 1) // 2).sum()) for count in counts)

    epochs = range(-(-200 * batch_size // num_rows))
    random = [np.random.default_rng([trial, epoch]).permutation(num_rows) for trial in range(5) for epoch in epochs]
    full = np.mean([pairs(np.concatenate(random[k : k + len(epochs)])) for k in range(0, len(random), len(epochs))])
    assert pairs(reader.rows(np.arange(200 * batch_size))) <= 2 * full


@pytest.mark.parametrize("num_rows, contiguous", [(25_000, False), (25_000, True), (3_000, True), (450, True)])
def test_windows_of_eleven_streams_fit_into_memory(num_rows, contiguous):
    synthetic = imagined(num_rows, 1 if contiguous else 64)
    numbers = np.arange(num_rows)
    groups = np.array_split(numbers, 10) if contiguous else [numbers[numbers % 10 == group] for group in range(10)]
    streams = [block_order.cut_blocks(synthetic, rows, 8) for rows in groups]
    streams.append(block_order.cut_blocks(imagined(25_000, 64), np.arange(25_000), 8))
    assert sum(blocks.window_bytes for blocks in streams) <= 500e6


def test_a_group_reads_only_blocks_that_hold_its_rows():
    """What lies between two of its records is read over only where it is short."""
    records = imagined(5000, 5)
    rows = np.sort(np.random.default_rng(0).choice(5000, 900, replace=False))
    blocks = block_order.cut_blocks(records, rows, 8)
    assert (blocks.sizes >= 1).all() and sorted(blocks.rows[blocks.rows >= 0]) == list(rows)
    spare = blocks.num_bytes - blocks.sizes * 130_000
    assert (spare <= (blocks.sizes - 1) * block_order.MAX_GAP_BYTES).all()
    whole = block_order.cut_blocks(records, np.arange(5000), 8)
    assert (whole.num_bytes == whole.sizes * 130_000).all()
    assert whole.num_rows / len(whole.sizes) > 10  # records per read


def test_damaged_record_inside_a_block_is_named(tmp_path):
    records = load_records(write_records(tmp_path / "set", 120, True, num_shards=1))
    path = Path(records.shard_paths[0])
    data = bytearray(path.read_bytes())
    data[int(records.offset[61]) + 50] ^= 1
    path.write_bytes(data)
    for worker in range(2):
        config = dataclasses.replace(CONFIG, num_workers=2, worker_index=worker)
        stream = SampleStream(records, batch_size=4, config=config)
        with pytest.raises(UserError, match=rf"shard {path}, record 61 at byte {records.offset[61]} is damaged"):
            keys_of(stream, 30)


def test_scattered_rows_are_told_once(caplog):
    records = imagined(4000, 4)
    BlockReader(records, np.arange(0, 4000, 16), 8, key=1)
    assert "teacher.partition" not in caplog.text  # 250 rows: nothing to gain
    BlockReader(imagined(40_000, 4), np.arange(40_000)[(np.arange(40_000) // 4) % 10 == 0], 8, key=1)
    assert "4000 records of a stream lie scattered over the shards, 1.0 of them to a read" in caplog.text


@pytest.fixture
def far(tmp_path):
    """A folder of records, and the same in TensorFlow's memory."""
    local, address = write_records(tmp_path / "set", 40, True), f"ram://{tmp_path}/far"
    tf.io.gfile.makedirs(address)
    for path in local.iterdir():
        with tf.io.gfile.GFile(f"{address}/{path.name}", "wb") as file:
            file.write(path.read_bytes())
    return local, address


@pytest.mark.parametrize("reading", ["blocks", "records"])
def test_records_far_away_are_the_same(far, reading):
    local, address = (load_records(place) for place in far)
    assert local.digest == address.digest and local.read(7) == address.read(7)
    config = dataclasses.replace(CONFIG, reading=reading)
    one, other = (SampleStream(records, batch_size=4, seed=1, config=config) for records in (local, address))
    for _ in range(12):
        expected, got = one.next(), other.next()
        assert all(np.array_equal(got[name], expected[name]) for name in expected)


def test_far_away_damage_is_named(far):
    _, address = far
    with pytest.raises(UserError, match=r"ram://.*/nowhere holds no manifest\.json"):
        load_records(f"{address}/nowhere")
    shard = load_records(address).shard_paths[0]
    with tf.io.gfile.GFile(shard, "wb") as file:
        file.write(b"cut")
    with pytest.raises(UserError, match=rf"shard {shard} has \d+ bytes, its manifest says \d+"):
        load_records(address)
    tf.io.gfile.remove(shard)
    with pytest.raises(UserError, match=f"shard {shard} is missing"):
        load_records(address)


def test_unknown_file_systems_name_the_plug_in():
    with pytest.raises(UserError, match=r"no file system for nosuch://; install the plug-in .*tensorflow-io"):
        load_records("nosuch://bucket/records")
