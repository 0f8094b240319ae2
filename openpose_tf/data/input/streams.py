"""Batches from one record set: an endless exact stream.

Sample i of a stream is a pure function of (seed, stream id, i): its row, its augmentation and its pixels. So a stream
resumes exactly by its counter alone, any number of workers sees the same global batch, and nothing is kept in a
shuffle buffer.

Example:
    stream = SampleStream(load_records("runs/coco_records"), batch_size=16, seed=1, stream_id=0)
    batch = stream.next()
"""

import numpy as np
import tensorflow as tf

from openpose_tf.common.errors import UserError
from openpose_tf.data.input.batch import ALL_SAMPLES, Batch, Selection
from openpose_tf.data.input.block_reader import BlockReader
from openpose_tf.data.input.open_streams import OpenStreams
from openpose_tf.data.input.sampler import Read, Sampler, StreamConfig, check_record, stream_key
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
        self._alone = OpenStreams([[self]])
        self.people_cut = self.bad_joints = 0

    @property
    def num_open_threads(self) -> int:
        """Threads this stream needs while it is open."""
        return self.config.num_threads

    def next(self, selection: Selection = ALL_SAMPLES) -> Batch:
        """Returns the next batch (docs/reference/records.md) of this stream alone.

        Raises:
            UserError: a record is damaged; the message names its shard and place.
            ValueError: rows are chosen, which this stream does not serve.
        """
        return self._alone.next([(0, selection)])

    def prepare(self, selection: Selection) -> tf.Tensor | None:
        """Takes note of what is chosen; returns the weights of the batch, if it has any."""
        if selection.rows is not None:
            raise ValueError("rows are chosen for a stream that draws its own")
        return None

    def count(self, people_cut: int, bad_joints: int) -> None:
        """Counts what was left out of a batch."""
        self.people_cut += people_cut
        self.bad_joints += bad_joints

    def warm(self) -> None:
        """Opens the stream at its counter, so that it fills its prefetch buffer; `next` does it by itself."""
        self._alone.warm()

    def release(self) -> None:
        """Wakes what may wait in the dataset: nothing."""

    def close(self) -> None:
        """Stops the stream's threads and frees its buffers; `next` would open it again."""
        self._alone.close()

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
            return self._batched(samples, sampler)

        @tf.autograph.experimental.do_not_convert
        def read(number: tf.Tensor) -> Read:
            step, place = number // self.local_size, number % self.local_size
            return sampler.read(step * self.batch_size + first + place)

        numbers = tf.data.Dataset.counter(start_batch * self.local_size, dtype=tf.int64)
        samples = numbers.map(read, num_parallel_calls=self.config.num_threads, deterministic=True)
        return self._batched(samples, sampler)

    def _make_reader(self) -> BlockReader | None:
        """What reads by blocks; None where each record is opened by itself."""
        if self.config.reading == "records" or self.config.with_replacement:
            return None
        return BlockReader(self.records, self.rows, self.batch_size, self._key)

    def _batched(self, samples: tf.data.Dataset, sampler: Sampler) -> tf.data.Dataset:
        """Returns the dataset of local batches of samples that were read: (number, row, record), scalars."""
        draw, make = map(tf.autograph.experimental.do_not_convert, (sampler.draw, sampler.make))
        # Of unknown size: TensorFlow rewrites a graph of known sizes, for one sample into sums in another order, and
        # workers would not make the last bit of what one process makes.
        drawn = samples.map(draw).batch(self.local_size)
        batches = drawn.map(make, num_parallel_calls=self.config.num_threads, deterministic=True)
        return batches.map(self._sized).prefetch(PREFETCH)

    @tf.autograph.experimental.do_not_convert
    def _sized(self, batch: Batch) -> Batch:
        return {name: tf.ensure_shape(value, [self.local_size, *value.shape[1:]]) for name, value in batch.items()}

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

    def explain(self, batch_number: int) -> UserError | None:
        """Finds the damaged record of a batch that could not be made."""
        for row in dict.fromkeys(self._suspects(batch_number).tolist()):
            problem = check_record(self.records, row)
            if problem:
                return UserError(f"{problem}; copy the shard again or convert the data again")
        return None
