"""The stream that serves chosen rows: exactly those, resumable, shared by workers, with their weights."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from openpose_tf.data.input.augmentation import Augmentation
from openpose_tf.data.input.batch import Selection
from openpose_tf.data.input.chosen_stream import ChosenStream
from openpose_tf.data.input.mixed_batches import MixedBatches
from openpose_tf.data.input.sampler import StreamConfig
from openpose_tf.data.input.streams import SampleStream
from openpose_tf.data.records.record_set import load_records
from openpose_tf.data.records.writer import RecordWriter
from tests.support.small_records import person_sample

CONFIG = StreamConfig(augmentation=Augmentation(input_size=32), num_threads=1)


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    folder = tmp_path_factory.mktemp("records")
    with RecordWriter(folder, "toy", "train", 2) as writer:
        for number in range(24):
            writer.add(person_sample(number, is_synthetic=True))
    return load_records(folder)


def selection_of(rows):
    """Rows [K, 4], each with the weight 0.25 + row."""
    return Selection(0, rows, (0.25 + rows).astype(np.float32))


def stream_of(records, worker_index=0, num_workers=1):
    config = dataclasses.replace(CONFIG, worker_index=worker_index, num_workers=num_workers)
    return ChosenStream(records, None, 4, seed=3, stream_id=1, config=config)


def windows(plan, number, ahead=1):
    """What is chosen of `plan` at a batch: the rest of its window of three, and one batch more at its last two."""
    end = 3 * (number // 3) + 3
    return selection_of(plan[number : end + (ahead if number % 3 else 0)])


def test_exactly_the_chosen_rows_are_served_and_a_resumed_stream_serves_the_same(records):
    plan = np.random.default_rng(0).integers(0, len(records), (9, 4))
    stream, images = stream_of(records), []
    stream.warm()  # before anything is chosen
    for number in range(9):
        batch = stream.next(windows(plan, number))
        np.testing.assert_array_equal(batch["key"], plan[number])
        np.testing.assert_array_equal(batch["sample_weight"], 0.25 + plan[number])
        np.testing.assert_array_equal(stream.rows_of(number), plan[number])
        images.append(batch["images"].numpy())
    resumed = stream_of(records)
    for again in (resumed, stream):  # a new stream, and an open one that is moved
        again.counter.assign(4)
        for number in (4, 5, 6):
            batch = again.next(windows(plan, number))
            np.testing.assert_array_equal(batch["key"], plan[number])
            np.testing.assert_array_equal(batch["images"], images[number])
        again.close()


def test_nothing_is_read_beyond_what_is_chosen(records):
    """The second batch is chosen after the first was served: none of it can have been prepared before."""
    stream = stream_of(records)
    for number, rows in enumerate(([[1, 2, 3, 4]], [[9, 8, 7, 6]], [[1, 1, 1, 1]])):
        batch = stream.next(selection_of(np.array(rows)))
        np.testing.assert_array_equal(batch["key"], rows[0], err_msg=str(number))
    stream.close()


def test_two_workers_share_a_chosen_batch(records):
    plan = np.array([[5, 1, 9, 2]])
    shares = []
    for worker in range(2):
        stream = stream_of(records, worker, num_workers=2)
        shares.append(stream.next(selection_of(plan)))
        stream.close()
    np.testing.assert_array_equal(np.concatenate([share["key"] for share in shares]), plan[0])
    np.testing.assert_array_equal(np.concatenate([share["sample_weight"] for share in shares]), 0.25 + plan[0])


def test_real_samples_of_a_weighted_batch_count_once_and_other_batches_have_no_weights(records):
    half = {"batch_size": 2, "seed": 3, "config": CONFIG}
    mixed = MixedBatches(SampleStream(records, **half), [stream_of(records)])
    rows = np.array([[5, 1, 9, 2]])
    weights = mixed.next(selection_of(rows))["sample_weight"]
    assert weights.dtype == tf.float32 and weights.numpy().tolist() == [5.25, 1.25, 9.25, 2.25, 1, 1]
    assert "sample_weight" not in mixed.next(Selection(rows=rows))
    plain = MixedBatches(SampleStream(records, **half), [SampleStream(records, stream_id=1, **half)])
    assert "sample_weight" not in plain.next()
    mixed.close()
    plain.close()


def test_a_choice_of_the_wrong_kind_is_an_error(records):
    with pytest.raises(ValueError, match="no rows are chosen"):
        stream_of(records).next()
    with pytest.raises(ValueError, match="draws its own"):
        SampleStream(records, batch_size=4, config=CONFIG).next(selection_of(np.array([[1, 2, 3, 4]])))
