"""Batches from record sets: endless exact streams, and the mixture of one real and one synthetic half.

Sample i of a stream is a pure function of (seed, stream id, i): its row, its augmentation and its pixels. So a stream
resumes exactly by its counter alone, any number of workers sees the same global batch, and nothing is kept in a
shuffle buffer. Nothing is prefetched behind the choice of the group: each stream prefetches its own batches.

Example:
    real = SampleStream(load_records("runs/coco_records"), batch_size=16, seed=1, stream_id=0)
    batches = MixedBatches(real, [SampleStream(synthetic, rows, 16, seed=1, stream_id=1 + g) for g, rows in ...])
    batch = batches.next(group=3)
"""

import weakref
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import tensorflow as tf

from openpose_tf.common.errors import UserError
from openpose_tf.data.input.sampler import (
    BAD_JOINTS,
    BAD_RECORD,
    PEOPLE_CUT,
    Batch,
    Sampler,
    StreamConfig,
    check_record,
    stream_key,
)
from openpose_tf.data.records.record_set import RecordSet

__all__ = ["Batch", "MixedBatches", "SampleStream", "StreamConfig", "mix"]

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
        self.feature_names = self.config.feature_names
        self._key = stream_key(seed, stream_id)
        with tf.device("CPU:0"):
            self.counter = tf.Variable(0, dtype=tf.int64, trainable=False, name=f"stream_{stream_id}")
        self._open: list[Any] = []  # the iterator, while the stream is open
        # Threads that are still at work when the interpreter ends would abort the process: close before that.
        self._closer = weakref.finalize(self, self._open.clear)
        self._position = -1
        self.people_cut = self.bad_joints = 0

    @property
    def trackable(self) -> tf.Variable:
        """What a checkpoint has to hold: the counter."""
        return self.counter

    def next(self) -> Batch:
        """Returns the next batch (contract of the package README).

        Raises:
            UserError: a record is damaged; the message names its shard and place.
        """
        position = int(self.counter.numpy())
        if position != self._position or not self._open:
            self.warm()
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

        @tf.autograph.experimental.do_not_convert
        def make(number: tf.Tensor) -> Batch:
            step, place = number // self.local_size, number % self.local_size
            return sampler.make(step * self.batch_size + first + place)

        dataset = tf.data.Dataset.counter(start_batch * self.local_size, dtype=tf.int64)
        dataset = dataset.map(make, num_parallel_calls=self.config.num_threads, deterministic=True)
        dataset = dataset.batch(self.local_size, drop_remainder=True).prefetch(PREFETCH)
        options = tf.data.Options()
        options.deterministic = True
        options.autotune.enabled = False
        options.experimental_optimization.apply_default_optimizations = False  # opens faster; nothing moves behind us
        options.experimental_optimization.inject_prefetch = False
        options.threading.private_threadpool_size = self.config.num_threads
        options.threading.max_intra_op_parallelism = 1
        return dataset.with_options(options)

    def rows_of(self, batch_number: int) -> np.ndarray:
        """Returns the rows of this worker's share of a batch, [local_size] int64."""
        sampler = Sampler(self.records, self.rows, self._key, self.config)
        first = batch_number * self.batch_size + self.config.worker_index * self.local_size
        return np.array([int(sampler.row(tf.constant(first + k, tf.int64))) for k in range(self.local_size)])

    def _explain(self, batch_number: int, error: tf.errors.OpError | None) -> Exception:
        """Finds the damaged record of a batch that could not be made."""
        for row in self.rows_of(batch_number):
            problem = check_record(self.records, int(row))
            if problem:
                return UserError(f"{problem}; copy the shard again or convert the data again")
        return error or UserError(f"{self.records.dir}: batch {batch_number} holds a record without a person")


class MixedBatches:
    """Global batches of a synthetic half (first) and a real half (second); either may be missing.

    Args:
        real: the stream of real samples, or None.
        synthetic: one stream per group (None for an empty group); empty for real data only.

    Attributes:
        trackable: what a checkpoint has to hold: one counter per stream, no payload.
        feature_names: names of the columns of `features`.
    """

    def __init__(self, real: SampleStream | None, synthetic: Sequence[SampleStream | None] = ()) -> None:
        if real is None and not any(synthetic):
            raise UserError("no data: give real records, synthetic records or both")
        self.real, self.synthetic = real, tuple(synthetic)
        some = [stream for stream in (real, *self.synthetic) if stream is not None]
        self.feature_names = some[-1].feature_names
        if len({(s.config.augmentation.input_size, s.config.max_people, s.feature_names) for s in some}) > 1:
            raise ValueError("the streams of a mixture must agree in input size, max_people and feature names")
        self.trackable = tf.train.Checkpoint(**{f"stream_{k}": stream.counter for k, stream in enumerate(some)})

    @property
    def streams(self) -> list[SampleStream]:
        """All streams, the real one first."""
        return [stream for stream in (self.real, *self.synthetic) if stream is not None]

    @property
    def batch_size(self) -> int:
        """Samples in this process's share of a batch."""
        synthetic = next((stream for stream in self.synthetic if stream is not None), None)
        return sum(stream.local_size for stream in (synthetic, self.real) if stream is not None)

    @property
    def people_cut(self) -> int:
        """People left out because a sample had more than max_people, in this process."""
        return sum(stream.people_cut for stream in self.streams)

    def next(self, group: int = 0) -> Batch:
        """Returns the next batch whose synthetic half is of `group`.

        Raises:
            UserError: the group is empty, or a record is damaged.
        """
        halves = []
        if self.synthetic:
            stream = self.synthetic[group]
            if stream is None:
                raise UserError(f"group {group} holds no sample: it cannot be chosen")
            halves.append(stream.next())
        if self.real is not None:
            halves.append(self.real.next())
        if len(halves) == 1:
            return halves[0]
        with tf.device("CPU:0"):
            if any("sample_weight" in half for half in halves):
                halves = [{"sample_weight": tf.ones(half["key"].shape), **half} for half in halves]
            return {name: tf.concat([half[name] for half in halves], 0) for name in halves[0]}

    def warm(self) -> None:
        """Opens all streams now, so that the first visit of a group does not wait."""
        for stream in self.streams:
            stream.warm()

    def close(self) -> None:
        """Stops all streams."""
        for stream in self.streams:
            stream.close()


def mix(
    real: RecordSet | None,
    synthetic: RecordSet | None,
    batch_size: int,
    *,
    groups: Sequence[np.ndarray] | None = None,
    synthetic_fraction: float = 0.5,
    seed: int = 0,
    config: StreamConfig | None = None,
) -> MixedBatches:
    """Returns the batches of a run.

    Args:
        real: real records, or None for synthetic data only.
        synthetic: synthetic records, or None for real data only.
        batch_size: B, samples of the global batch.
        groups: rows of each group of the synthetic records; one group of all if None. Empty groups get no stream.
        synthetic_fraction: share of synthetic samples in a batch of both kinds, rounded to whole samples.
        seed: of the run.
        config: what to make of the records.

    Raises:
        UserError: no records, or a fraction that leaves one half empty.
    """
    if synthetic is None or real is None:
        num_synthetic = 0 if synthetic is None else batch_size
    else:
        num_synthetic = round(batch_size * synthetic_fraction)
        if not 0 < num_synthetic < batch_size:
            raise UserError(
                f"--synthetic_fraction={synthetic_fraction} of {batch_size} samples leaves one half empty: "
                "give one kind of records only, or another fraction"
            )
    streams: list[SampleStream | None] = []
    if synthetic is not None:
        for group, rows in enumerate([np.arange(len(synthetic))] if groups is None else groups):
            stream_id = 1 + group
            streams.append(
                SampleStream(synthetic, rows, num_synthetic, seed=seed, stream_id=stream_id, config=config)
                if len(rows)
                else None
            )
    half = None
    if real is not None:
        half = SampleStream(real, None, batch_size - num_synthetic, seed=seed, stream_id=0, config=config)
    return MixedBatches(half, streams)
