"""Opens the record sets of a run and makes its batches."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from absl import logging

from openpose_tf.config import DataConfig, TrainConfig
from openpose_tf.data.input.augmentation import Augmentation
from openpose_tf.data.input.mixed_batches import MixedBatches, mix
from openpose_tf.data.input.sampler import StreamConfig
from openpose_tf.data.records.record_set import RecordSet, join_records, load_records
from openpose_tf.training.strategies import Replicas
from openpose_tf.weights import checkpoints


@dataclasses.dataclass(frozen=True)
class RecordSets:
    """The record sets of a run; at least one is there."""

    real: RecordSet | None
    synthetic: RecordSet | None
    reading: str = "blocks"

    @property
    def identity(self) -> dict[str, str | None]:
        """Hash of the index of each set, and how they are read: a resumed run must find the same samples."""
        sets = {"real_records_hash": self.real, "synthetic_records_hash": self.synthetic}
        hashes = {name: None if records is None else records.digest for name, records in sets.items()}
        return {**hashes, checkpoints.READING: self.reading}


def open_record_sets(config: DataConfig, model_dir: str | None = None) -> RecordSets:
    """Returns the record sets.

    Args:
        config: where they lie and how they are read.
        model_dir: of the run; one that is there keeps the order it began with.

    Raises:
        UserError: a folder is not a record set, or does not hold what its manifest says.
    """
    real, synthetic = (
        join_records([load_records(folder) for folder in folders]) if folders else None
        for folders in (config.real_records, config.synthetic_records)
    )
    reading = (model_dir and checkpoints.reading_of(model_dir)) or config.reading
    if reading != config.reading:
        logging.info("the run in %s began with --reading=%s and keeps it", model_dir, reading)
    return RecordSets(real, synthetic, reading)


def make_batches(
    run: TrainConfig,
    data: DataConfig,
    sets: RecordSets,
    replicas: Replicas,
    groups: Sequence[np.ndarray] | None = None,
    feature_names: Sequence[str] = (),
    by_row: bool = False,
) -> MixedBatches:
    """Returns the batches of a run: this worker's share of each global batch.

    Args:
        run: sizes, seed and mode.
        data: what to make of the records.
        sets: of `open_record_sets`.
        replicas: the worker's place.
        groups: rows of each group of the synthetic set; one group of all if None.
        feature_names: columns of the batch's `features`.
        by_row: the synthetic samples are chosen one by one.
    """
    stream = StreamConfig(
        augmentation=_augmentation(run, data),
        max_people=data.max_people,
        feature_names=tuple(feature_names),
        with_replacement=run.target.is_release,
        num_workers=replicas.num_workers,
        worker_index=replicas.worker_index,
        num_threads=data.num_threads,
        reading=sets.reading,
    )
    fraction = 1.0 - run.real_fraction
    return mix(
        sets.real,
        sets.synthetic,
        run.batch_size,
        groups=groups,
        by_row=by_row,
        synthetic_fraction=fraction,
        seed=run.seed,
        config=stream,
    )


def _augmentation(run: TrainConfig, data: DataConfig) -> Augmentation:
    return Augmentation(
        run.model.input_size,
        min_zoom=data.min_zoom,
        max_zoom=data.max_zoom,
        max_rotation_deg=data.max_rotation_deg,
        padding_valid=data.padding_valid,
        backend=data.warp,
    )
