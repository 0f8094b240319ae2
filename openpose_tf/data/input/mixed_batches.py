"""Batches of two halves: one synthetic, whose samples the curriculum chooses, and one real.

Both halves meet in one tf.data pipeline. Nothing is prefetched behind the choice of the group: each stream prefetches
its own batches.

Example:
    real = SampleStream(load_records("runs/coco_records"), batch_size=16, seed=1, stream_id=0)
    batches = MixedBatches(real, [SampleStream(synthetic, rows, 16, seed=1, stream_id=1 + g) for g, rows in ...])
    batch = batches.next(Selection(group=3))
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from openpose_tf.common.errors import UserError
from openpose_tf.data.input.batch import ALL_SAMPLES, Batch, Selection
from openpose_tf.data.input.chosen_stream import ChosenStream
from openpose_tf.data.input.open_streams import OpenStreams
from openpose_tf.data.input.sampler import StreamConfig
from openpose_tf.data.input.streams import SampleStream
from openpose_tf.data.records.record_set import RecordSet


class MixedBatches:
    """Global batches of a synthetic half (first) and a real half (second); either may be missing.

    Args:
        real: the stream of real samples, or None.
        synthetic: one stream per group (None for an empty group); empty for real data only.

    Attributes:
        trackable: what a checkpoint has to hold: one counter per stream, no payload.
    """

    def __init__(self, real: SampleStream | None, synthetic: Sequence[SampleStream | None] = ()) -> None:
        if real is None and not any(synthetic):
            raise UserError("no data: give real records, synthetic records or both")
        self.real, self.synthetic = real, tuple(synthetic)
        self.streams = [stream for stream in (real, *self.synthetic) if stream is not None]
        shapes = {(s.config.augmentation.input_size, s.config.max_people, s.config.feature_names) for s in self.streams}
        if len(shapes) > 1:
            raise ValueError("the streams of a mixture must agree in input size, max_people and feature names")
        synthetic_streams = [stream for stream in self.synthetic if stream is not None]
        self._pipeline = OpenStreams([half for half in (synthetic_streams, [real] if real else []) if half])
        self.trackable = tf.train.Checkpoint(**{f"stream_{k}": s.counter for k, s in enumerate(self.streams)})

    @property
    def num_synthetic(self) -> int:
        """Synthetic samples in a global batch."""
        return next((stream.batch_size for stream in self.synthetic if stream is not None), 0)

    def next(self, selection: Selection = ALL_SAMPLES) -> Batch:
        """Returns the next batch whose synthetic half is as selected.

        Raises:
            UserError: the group is empty, or a record is damaged.
        """
        choice = []
        if self.synthetic:
            if self.synthetic[selection.group] is None:
                raise UserError(f"group {selection.group} holds no sample: it cannot be chosen")
            before = self.synthetic[: selection.group]
            choice.append((sum(stream is not None for stream in before), selection))
        if self.real is not None:
            choice.append((0, ALL_SAMPLES))
        return self._pipeline.next(choice)

    def warm(self) -> None:
        """Opens all streams now, so that the first visit of a group does not wait."""
        self._pipeline.warm()

    def close(self) -> None:
        """Stops all streams."""
        self._pipeline.close()


def mix(
    real: RecordSet | None,
    synthetic: RecordSet | None,
    batch_size: int,
    *,
    groups: Sequence[np.ndarray] | None = None,
    by_row: bool = False,
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
        by_row: the synthetic samples are chosen one by one: every `Selection` has rows.
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
    common: dict[str, Any] = {"seed": seed, "config": config}
    half = None if real is None else SampleStream(real, None, batch_size - num_synthetic, stream_id=0, **common)
    if synthetic is None:
        return MixedBatches(half)
    make_stream = ChosenStream if by_row else SampleStream
    groups = [np.arange(len(synthetic))] if groups is None else groups
    streams = [
        make_stream(synthetic, rows, num_synthetic, stream_id=1 + group, **common) if len(rows) else None
        for group, rows in enumerate(groups)
    ]
    return MixedBatches(half, streams)
