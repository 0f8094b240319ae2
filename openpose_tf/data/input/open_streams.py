"""The tf.data pipeline of a run while it is open: halves of a batch, each of one of several streams, meet in it.

The choice of a half's stream is a variable that the pipeline reads when a batch is asked for. Each stream prefetches
its own batches and nothing is prefetched behind the choice, so no sample that was not chosen is served.
"""

import weakref
from collections.abc import Sequence
from typing import Any, Protocol

import cv2
import numpy as np
import tensorflow as tf

from openpose_tf.data.input.batch import Batch, Selection
from openpose_tf.data.input.sampler import BAD_JOINTS, BAD_RECORD, PEOPLE_CUT


class Stream(Protocol):
    """What the pipeline needs of a `SampleStream`."""

    local_size: int
    counter: tf.Variable

    @property
    def num_open_threads(self) -> int:
        """Threads it needs while it is open."""

    def dataset(self, start_batch: int) -> tf.data.Dataset:
        """Returns the endless dataset of local batches, from global batch `start_batch` on."""

    def prepare(self, selection: Selection) -> tf.Tensor | None:
        """Takes note of what is chosen for the batch at the counter; returns its weights, if it has any."""

    def explain(self, batch_number: int) -> Exception | None:
        """Finds the damaged record of a batch that could not be made."""

    def release(self) -> None:
        """Wakes what may wait in the dataset, before it is closed."""

    def count(self, people_cut: int, bad_joints: int) -> None:
        """Counts what was left out of a batch."""


class OpenStreams:
    """Batches of one sample stream per half.

    Args:
        halves: the streams of each half, of which every batch takes one.
    """

    def __init__(self, halves: Sequence[Sequence[Stream]]) -> None:
        self._halves = [list(half) for half in halves]
        self._streams = [stream for half in self._halves for stream in half]
        with tf.device("CPU:0"):
            self._chosen = [tf.Variable(0, dtype=tf.int64, trainable=False) for _ in self._halves]
        self._positions: dict[int, int] = {}  # by the id of a stream: batches it gave since it was opened, and before
        self._open: list[Any] = []  # the iterator, while the pipeline is open
        # Threads that are still at work when the interpreter ends would abort the process: close before that.
        self._closer = weakref.finalize(self, self._open.clear)

    def next(self, choice: Sequence[tuple[int, Selection]]) -> Batch:
        """Returns the next batch.

        Args:
            choice: for each half, the number of its stream, and what is chosen of that.

        Raises:
            UserError: a record is damaged; the message names its shard and place.
        """
        streams = [half[number] for half, (number, _) in zip(self._halves, choice)]
        if not self._open or any(self._positions[id(one)] != int(one.counter.numpy()) for one in streams):
            self.warm()
        weights = [stream.prepare(selection) for stream, (_, selection) in zip(streams, choice)]
        for variable, (number, _) in zip(self._chosen, choice):
            variable.assign(number)
        try:
            batch = dict(next(self._open[0]))
        except tf.errors.OpError as error:
            self.close()
            raise _first_reason(streams) or error from None
        sizes = [stream.local_size for stream in streams]
        people_cut, bad_joints, bad_record = (batch.pop(name).numpy() for name in (PEOPLE_CUT, BAD_JOINTS, BAD_RECORD))
        if bad_record.any():
            self.close()
            raise _first_reason(streams) or ValueError("a batch holds a record without a person")
        ends = np.cumsum(sizes)[:-1]
        for stream, cut, bad in zip(streams, np.split(people_cut, ends), np.split(bad_joints, ends)):
            stream.count(int(cut.sum()), int(bad.sum()))
            stream.counter.assign_add(1)
            self._positions[id(stream)] += 1
        if all(weight is None for weight in weights):
            return batch
        with tf.device("CPU:0"):
            known = [tf.ones(size) if weight is None else weight for weight, size in zip(weights, sizes)]
            return batch | {"sample_weight": tf.concat(known, 0)}

    def warm(self) -> None:
        """Opens all streams at their counters, so that they fill their buffers; `next` does it by itself."""
        cv2.setNumThreads(1)  # samples are made in parallel already; OpenCV's own threads only add overhead
        self.close()
        self._positions = {id(stream): int(stream.counter.numpy()) for stream in self._streams}
        halves = [self._half(half, chosen) for half, chosen in zip(self._halves, self._chosen)]
        dataset = tf.data.Dataset.zip(tuple(halves)).map(_join) if len(halves) > 1 else halves[0]
        num_threads = sum(stream.num_open_threads for stream in self._streams)
        self._open.append(iter(dataset.with_options(pipeline_options(num_threads))))

    def close(self) -> None:
        """Stops the threads and frees the buffers; `next` would open it all again."""
        for stream in self._streams:
            stream.release()
        self._open.clear()

    def _half(self, streams: Sequence[Stream], chosen: tf.Variable) -> tf.data.Dataset:
        datasets = [stream.dataset(self._positions[id(stream)]) for stream in streams]
        if len(datasets) == 1:
            return datasets[0]
        choice = tf.data.Dataset.counter(dtype=tf.int64).map(lambda number: chosen.read_value() + 0 * number)
        return tf.data.Dataset.choose_from_datasets(datasets, choice, stop_on_empty_dataset=False)


@tf.autograph.experimental.do_not_convert
def _join(*halves: Batch) -> Batch:
    return {name: tf.concat([half[name] for half in halves], 0) for name in halves[0]}


def _first_reason(streams: Sequence[Stream]) -> Exception | None:
    reasons = (stream.explain(int(stream.counter.numpy())) for stream in streams)
    return next((reason for reason in reasons if reason is not None), None)


def pipeline_options(pool_size: int) -> tf.data.Options:
    """Returns the options under which order is fixed and nothing is prefetched where it is not asked for."""
    options = tf.data.Options()
    options.deterministic = True
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False  # opens faster; nothing moves behind us
    options.experimental_optimization.inject_prefetch = False  # it would stand behind the choice
    options.threading.private_threadpool_size = pool_size
    options.threading.max_intra_op_parallelism = 1
    return options
