"""A stream of samples whose rows are chosen one by one, for a teacher without groups."""

from typing import Any

import numpy as np
import tensorflow as tf

from openpose_tf.data.input.batch import Selection
from openpose_tf.data.input.sampler import Sampler
from openpose_tf.data.input.streams import SampleStream

QUEUE_CAPACITY = 1 << 20  # samples that may wait, far more than a window


class ChosenStream(SampleStream):
    """A `SampleStream` that serves the rows of its selections, in their order, with the same augmentation rule.

    Rows wait in a TensorFlow queue; batches are prefetched within what was chosen and never beyond, so no sample of
    an old choice is served. Sample i of the stream is a function of (seed, stream id, i) and its row. Batches have a
    field more, `sample_weight` [batch_size] float32, where the selection has weights.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._chosen: dict[int, np.ndarray] = {}  # this worker's rows by the number of the global batch
        self._queue: Any = None  # while the stream is open
        self._first_missing = 0  # number of the first batch that the queue was not given

    @property
    def num_open_threads(self) -> int:
        """Threads this stream needs while it is open."""
        return self.config.num_threads + 1  # one may wait at the queue

    def prepare(self, selection: Selection) -> tf.Tensor | None:
        """Puts the selection's rows into the queue, those of later batches too; returns the weights of the first.

        Raises:
            ValueError: no rows are chosen.
        """
        if selection.rows is None:
            raise ValueError("no rows are chosen for a stream that draws none")
        first = self.config.worker_index * self.local_size
        share = slice(first, first + self.local_size)
        self._chosen = dict(enumerate(selection.rows[:, share], int(self.counter.numpy())))
        self._enqueue()
        if selection.weights is None:
            return None
        with tf.device("CPU:0"):
            return tf.constant(selection.weights[0, share], tf.float32)

    def dataset(self, start_batch: int) -> tf.data.Dataset:
        """Returns the dataset of local batches from global batch `start_batch` on; it waits for chosen rows."""
        self.release()
        self._queue = queue = tf.queue.FIFOQueue(QUEUE_CAPACITY, [tf.int64, tf.int64], [[], []])
        self._first_missing = start_batch
        with tf.device("CPU:0"):
            sampler = Sampler(self.records, self.rows, self._key, self.config)
        read = tf.autograph.experimental.do_not_convert(sampler.read)
        chosen = tf.data.Dataset.counter().map(lambda _: queue.dequeue_many(self.local_size)).unbatch()
        samples = chosen.map(read, num_parallel_calls=self.config.num_threads, deterministic=True)
        return self._batched(samples, sampler)

    def _make_reader(self) -> None:
        """Chosen rows are opened one by one."""

    def rows_of(self, batch_number: int) -> np.ndarray:
        """Returns the rows of this worker's share of a chosen batch, [local_size] int64."""
        return self._chosen[batch_number]

    def release(self) -> None:
        """Wakes whoever still waits for rows of an older iterator."""
        if self._queue is not None:
            self._queue.close(cancel_pending_enqueues=True)
            self._queue = None

    def _enqueue(self) -> None:
        """Puts the chosen rows that the queue lacks into it, with the numbers of their samples."""
        for number in range(self._first_missing, max(self._chosen) + 1):
            first = number * self.batch_size + self.config.worker_index * self.local_size
            samples = tf.range(first, first + self.local_size, dtype=tf.int64)
            self._queue.enqueue_many([samples, self._chosen[number]])
            self._first_missing = number + 1
