"""Batches from one record set: an endless exact stream.

Sample i of a stream is a pure function of (seed, stream id, i): its row, its augmentation and its pixels. So a stream
resumes exactly by its counter alone, any number of workers sees the same global batch, and nothing is kept in a
shuffle buffer.

Example:
    stream = SampleStream(load_records("runs/coco_records"), batch_size=16, seed=1, stream_id=0)
    batch = stream.next()
"""

import weakref
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import tensorflow as tf

from openpose_tf.common.errors import UserError
from openpose_tf.data.input.batch import ALL_SAMPLES, Batch, Selection
from openpose_tf.data.input.block_reader import BlockReader
from openpose_tf.data.input.sampler import (
    BAD_JOINTS,
    BAD_RECORD,
    PEOPLE_CUT,
    Sampler,
    StreamConfig,
    check_record,
    stream_key,
)
from openpose_tf.data.records.record_set import RecordSet

PREFETCH = 2


class SampleStream:
    """An endless stream of batches of samples of one record set.

    Args:
        records: the record set.
        rows: the rows this stream draws from (a group); all if None.
        batch_size: samples per global batch; a worker makes batch_size / num_workers of them.
        seed: of the run.
        stream_id: number that no other stream of the run has.
        config: what to make of the records.

    Attributes:
        counter: tf.Variable int64, number of batches handed out; the whole state of the stream. Restoring it from a
            checkpoint, or assigning it, moves the stream there.
        people_cut: people beyond max_people left out so far (in this process).
        bad_joints: joints that were not numbers and were taken as missing so far (in this process).
    """

    def __init__(
        self,
        records: RecordSet,
        rows: np.ndarray | None = None,
        batch_size: int = 16,
        *,
        seed: int = 0,
        stream_id: int = 0,
        config: StreamConfig | None = None,
    ) -> None:
        self.records, self.batch_size, self.config = records, batch_size, config or StreamConfig()
        self.rows = np.arange(len(records)) if rows is None else np.asarray(rows, np.int64)
        workers = self.config.num_workers
        if not len(self.rows):
            raise UserError(f"{records.dir}: a stream without samples (an empty group or split)")
        if batch_size < 1 or batch_size % workers:
            raise UserError(f"{batch_size} samples per batch cannot be shared evenly by {workers} workers")
        self.local_size = batch_size // workers
        self._key = stream_key(seed, stream_id)
        self._reader = self._make_reader()
        with tf.device("CPU:0"):
            self.counter = tf.Variable(0, dtype=tf.int64, trainable=False, name=f"stream_{stream_id}")
        self._open: list[Any] = []  # the iterator, while the stream is open
        # Threads that are still at work when the interpreter ends would abort the process: close before that.
        self._closer = weakref.finalize(self, self._open.clear)
        self._position = -1
        self.people_cut = self.bad_joints = 0

    def next(self, selection: Selection = ALL_SAMPLES) -> Batch:
        """Returns the next batch (contract of the package README).

        Raises:
            UserError: a record is damaged; the message names its shard and place.
            ValueError: rows are chosen, which this stream does not serve.
        """
        if selection.rows is not None:
            raise ValueError("rows are chosen for a stream that draws its own")
        position = self._open_at_counter()
        try:
            batch = next(self._open[0])
        except tf.errors.OpError as error:
            self.close()
            raise self._explain(position, error) from None
        if bool(tf.reduce_any(batch.pop(BAD_RECORD))):
            self.close()
            raise self._explain(position, None)
        self.people_cut += int(tf.reduce_sum(batch.pop(PEOPLE_CUT)))
        self.bad_joints += int(tf.reduce_sum(batch.pop(BAD_JOINTS)))
        self._position = position + 1
        self.counter.assign(self._position)
        return batch

    def _open_at_counter(self) -> int:
        """Opens the stream if it is closed or its counter was moved; returns the counter."""
        position = int(self.counter.numpy())
        if position != self._position or not self._open:
            self.warm()
        return position

    def warm(self) -> None:
        """Opens the stream at its counter, so that it fills its prefetch buffer; `next` does it by itself."""
        cv2.setNumThreads(1)  # samples are made in parallel already; OpenCV's own threads only add overhead
        self._position = int(self.counter.numpy())
        self.close()
        self._open.append(iter(self.dataset(self._position)))

    def close(self) -> None:
        """Stops the stream's threads and frees its buffers; `next` would open it again."""
        self._open.clear()

    def dataset(self, start_batch: int) -> tf.data.Dataset:
        """Returns the endless dataset of local batches, from global batch `start_batch` on."""
        with tf.device("CPU:0"):
            sampler = Sampler(self.records, self.rows, self._key, self.config)
        first = self.config.worker_index * self.local_size
        if self._reader is not None:
            samples = self._reader.dataset(start_batch * self.batch_size, self.config.num_threads)
            if self.config.num_workers > 1:
                place = tf.constant(self.batch_size, tf.int64)
                samples = samples.filter(lambda number, *_: (number % place - first) // self.local_size == 0)
            make_of = tf.autograph.experimental.do_not_convert(sampler.make_of)
            return self._batched(samples, make_of, self.config.num_threads)

        @tf.autograph.experimental.do_not_convert
        def make(number: tf.Tensor) -> Batch:
            step, place = number // self.local_size, number % self.local_size
            return sampler.make(step * self.batch_size + first + place)

        numbers = tf.data.Dataset.counter(start_batch * self.local_size, dtype=tf.int64)
        return self._batched(numbers, make, self.config.num_threads)

    def _make_reader(self) -> BlockReader | None:
        """What reads by blocks; None where each record is opened by itself."""
        if self.config.reading == "records" or self.config.with_replacement:
            return None
        return BlockReader(self.records, self.rows, self.batch_size, self._key)

    def _batched(self, dataset: tf.data.Dataset, make: Callable[..., Batch], pool_size: int) -> tf.data.Dataset:
        """Returns the dataset of local batches of samples that `make` makes; `pool_size` threads in all."""
        dataset = dataset.map(make, num_parallel_calls=self.config.num_threads, deterministic=True)
        dataset = dataset.batch(self.local_size, drop_remainder=True).prefetch(PREFETCH)
        options = tf.data.Options()
        options.deterministic = True
        options.autotune.enabled = False
        options.experimental_optimization.apply_default_optimizations = False  # opens faster; nothing moves behind us
        options.experimental_optimization.inject_prefetch = False
        options.threading.private_threadpool_size = pool_size
        options.threading.max_intra_op_parallelism = 1
        return dataset.with_options(options)

    def rows_of(self, batch_number: int) -> np.ndarray:
        """Returns the rows of this worker's share of a batch, [local_size] int64."""
        first = batch_number * self.batch_size + self.config.worker_index * self.local_size
        numbers = range(first, first + self.local_size)
        if self._reader is not None:
            return self._reader.rows(np.array(numbers))
        sampler = Sampler(self.records, self.rows, self._key, self.config)
        return np.array([int(sampler.row(tf.constant(number, tf.int64))) for number in numbers])

    def _suspects(self, batch_number: int) -> np.ndarray:
        """Returns the rows, one of which kept a batch from being made; a block stops where its first row is due."""
        own = self.rows_of(batch_number)
        if self._reader is None:
            return own
        first = max(0, (batch_number - 1) * self.batch_size)  # those of other workers' shares before this one's
        passed = self._reader.rows(np.arange(first, (batch_number + 1) * self.batch_size))
        return np.concatenate([own, self._reader.neighbours(passed)])

    def _explain(self, batch_number: int, error: tf.errors.OpError | None) -> Exception:
        """Finds the damaged record of a batch that could not be made."""
        for row in dict.fromkeys(self._suspects(batch_number).tolist()):
            problem = check_record(self.records, row)
            if problem:
                return UserError(f"{problem}; copy the shard again or convert the data again")
        return error or UserError(f"{self.records.dir}: batch {batch_number} holds a record without a person")
