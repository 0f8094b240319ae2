"""A stream of samples whose rows are chosen window by window, for a teacher without groups."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from openpose_tf.data.input.sampler import Batch, Sampler
from openpose_tf.data.input.streams import PREFETCH, SampleStream

QUEUE_CAPACITY = 1 << 20  # samples that may wait, far more than a window


class Choice(NamedTuple):
    """Samples to train on.

    Attributes:
        rows: [num_batches, batch_size] int64, or [batch_size], rows of the record set.
        weights: float32 of the same shape, factors on the samples' optimised losses.
    """

    rows: np.ndarray
    weights: np.ndarray


class _ChosenSampler(Sampler):
    """A sampler that is told the row."""

    chosen: tf.Tensor

    def row(self, index: tf.Tensor) -> tf.Tensor:
        """Returns the row that was told, whatever the index."""
        del index
        return self.chosen


class ChosenStream(SampleStream):
    """A `SampleStream` that serves the rows it is told, in their order, with the same augmentation rule.

    Rows wait in a TensorFlow queue; batches are prefetched within what was assigned and never beyond, so no sample of
    an old choice is served. Sample i of the stream is a function of (seed, stream id, i) and its row. Batches have a
    field more, `sample_weight` [batch_size] float32: the weights that were told.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._assigned: dict[int, Choice] = {}  # by the number of the global batch
        self._queue: Any = None  # while the stream is open

    def assign(self, first_batch: int, choice: Choice) -> None:
        """Gives the samples of the next batches, behind those assigned before.

        Args:
            first_batch: number of the global batch that `choice` starts with.
            choice: of `num_batches` global batches.
        """
        position = int(self.counter.numpy())
        self._assigned = {number: old for number, old in self._assigned.items() if number >= position}
        self._assigned |= {first_batch + k: Choice(*pair) for k, pair in enumerate(zip(*choice, strict=True))}
        if self._queue is not None:
            self._enqueue(first_batch)

    def next(self) -> Batch:
        """Returns the next batch, as every stream, and its weights in `sample_weight`."""
        number = int(self.counter.numpy())
        batch = super().next()
        with tf.device("CPU:0"):
            return batch | {"sample_weight": tf.constant(self._share(number).weights, tf.float32)}

    def dataset(self, start_batch: int) -> tf.data.Dataset:
        """Returns the dataset of local batches from global batch `start_batch` on; it waits for assigned rows."""
        self._close_queue()
        self._queue = queue = tf.queue.FIFOQueue(QUEUE_CAPACITY, [tf.int64, tf.int64], [[], []])
        self._enqueue(start_batch)
        with tf.device("CPU:0"):
            sampler = _ChosenSampler(self.records, self.rows, self._key, self.config)

        @tf.autograph.experimental.do_not_convert
        def make(pair: tf.Tensor) -> Batch:
            index, sampler.chosen = pair
            return sampler.make(index)

        dataset = tf.data.Dataset.counter().map(lambda _: queue.dequeue_many(self.local_size)).unbatch()
        dataset = dataset.map(lambda i, row: make((i, row)), self.config.num_threads, deterministic=True)
        dataset = dataset.batch(self.local_size, drop_remainder=True).prefetch(PREFETCH)
        options = tf.data.Options()
        options.deterministic = True
        options.autotune.enabled = False
        options.experimental_optimization.apply_default_optimizations = False
        options.experimental_optimization.inject_prefetch = False
        options.threading.private_threadpool_size = self.config.num_threads + 1  # one may wait at the queue
        options.threading.max_intra_op_parallelism = 1
        return dataset.with_options(options)

    def rows_of(self, batch_number: int) -> np.ndarray:
        """Returns the rows of this worker's share of an assigned batch, [local_size] int64."""
        return self._share(batch_number).rows

    def close(self) -> None:
        """Stops the stream's threads and frees its buffers."""
        self._close_queue()
        super().close()

    def _share(self, batch_number: int) -> Choice:
        """Returns this worker's share of an assigned batch."""
        start = self.config.worker_index * self.local_size
        return Choice(*(values[start : start + self.local_size] for values in self._assigned[batch_number]))

    def _close_queue(self) -> None:
        """Wakes whoever still waits for rows of an older iterator."""
        if self._queue is not None:
            self._queue.close(cancel_pending_enqueues=True)
            self._queue = None

    def _enqueue(self, start_batch: int) -> None:
        """Puts this worker's rows of the assigned batches from `start_batch` on into the queue, with sample numbers."""
        for number in sorted(number for number in self._assigned if number >= start_batch):
            first = number * self.batch_size + self.config.worker_index * self.local_size
            self._queue.enqueue_many([tf.range(first, first + self.local_size, dtype=tf.int64), self.rows_of(number)])
