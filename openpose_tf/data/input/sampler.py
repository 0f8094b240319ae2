"""Makes the samples of a stream inside tf.data: records (CRC checked), warped pixels, people in input pixels."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from openpose_tf.common.imaging import images
from openpose_tf.data.input.augmentation import (
    NUM_RANDOM,
    Affine,
    Augmentation,
    apply_affine,
    sample_affine,
    sample_turn,
)
from openpose_tf.data.input.batch import Batch
from openpose_tf.data.input.block_reader import read_records
from openpose_tf.data.input.warp import warp_images, warp_masks
from openpose_tf.data.records import examples
from openpose_tf.data.records.record_set import RecordSet
from openpose_tf.data.records.schema import FRAME_FOOTER_BYTES, FRAME_HEADER_BYTES
from openpose_tf.skeleton import CENTRE_JOINTS, IN_IMAGE_STATES, MPI, PART_TO_MPII

MAX_PEOPLE = 20
READINGS = ("blocks", "records")
# Fields of a batch that the stream reads itself and does not hand on.
PEOPLE_CUT, BAD_JOINTS, BAD_RECORD = "people_cut", "bad_joints", "bad_record"


Read = tuple[tf.Tensor, tf.Tensor, tf.Tensor]


@dataclasses.dataclass(frozen=True)
class StreamConfig:
    """What a stream makes of its records.

    Attributes:
        augmentation: ranges, size and backend of the warp.
        max_people: P, people in a sample; the sampled one first, then the nearest others.
        feature_names: columns of `features`; NaN where the record set has no such column.
        with_replacement: True draws each sample uniformly (release); False goes through all rows in a new random order
            each epoch.
        num_workers, worker_index: this process makes its contiguous share of every global batch.
        num_threads: threads of this stream.
        reading: "blocks" reads records that lie side by side in one go (block_order.py); "records" opens the shard for
            each. With replacement, or for chosen rows, there is no order to read by: then each record is opened.
    """

    augmentation: Augmentation = dataclasses.field(default_factory=Augmentation)
    max_people: int = MAX_PEOPLE
    feature_names: tuple[str, ...] = ()
    with_replacement: bool = False
    num_workers: int = 1
    worker_index: int = 0
    num_threads: int = 2
    reading: str = "blocks"

    def __post_init__(self) -> None:
        if self.reading not in READINGS:
            raise ValueError(f"reading {self.reading!r} is not one of {', '.join(READINGS)}")


def stream_key(seed: int, stream_id: int) -> int:
    """Returns the 63-bit key of a stream's random numbers."""
    word = np.random.SeedSequence([seed, stream_id]).generate_state(1, np.uint64)[0]
    return int(word >> np.uint64(1))


def check_record(records: RecordSet, row: int) -> str | None:
    """Returns what is wrong with a record (its CRC, its fields), or None."""
    path, offset = records.shard_paths[int(records.shard[row])], int(records.offset[row])
    place = f"shard {path}, record {row} at byte {offset}"
    try:
        payload = read_record(tf.constant(path), tf.constant(offset, tf.int64)).numpy()
        sample = examples.to_sample(payload)
    except tf.errors.OpError as error:
        return f"{place} is damaged ({error.message.splitlines()[0]})"
    except Exception as error:  # protobuf raises its own kinds of error
        return f"{place} is not a person record ({error})"
    if len(payload) + FRAME_HEADER_BYTES + FRAME_FOOTER_BYTES != int(records.length[row]):
        return f"{place} is not as long as the index says"
    if not len(sample.keypoints) or len(sample.keypoints) != len(sample.is_synthetic_person):
        return f"{place} (image {sample.image_id}) has no person"
    if not (np.isfinite(sample.objpos).all() and np.isfinite(sample.scale) and sample.scale > 0):
        return f"{place} (image {sample.image_id}) has no usable position or scale"
    pixels = images.decode_record_bgr(sample.image)
    if pixels is None or pixels.shape[:2] != (sample.height, sample.width):
        return f"{place} (image {sample.image_id}) has an image that cannot be decoded"
    return None


def read_record(path: tf.Tensor, offset: tf.Tensor) -> tf.Tensor:
    """Returns one record's bytes, scalar string, read at its offset by TensorFlow's reader, which checks the CRC."""
    return read_records(path, offset, tf.constant(1, tf.int64), tf.constant(0, tf.int64))[0]


class Sampler:
    """Makes the samples of a stream; holds the stream's index as tensors.

    Sample i is a function of (key, i) and its record alone, whatever else is in its batch. A batch is made at once,
    because a hundred small operations take as long for it as for one sample. Streams with the same configuration share
    one traced function, so that a run of eleven streams traces it once.
    """

    def __init__(self, records: RecordSet, rows: np.ndarray, key: int, config: StreamConfig) -> None:
        unknown = np.full(len(records), np.nan, np.float32)
        columns = [records.features.get(name, unknown) for name in config.feature_names]
        table = np.stack(columns, 1) if columns else np.zeros((len(records), 0), np.float32)
        self._num_features = len(columns)
        self._place = (tf.constant(key, tf.int64), tf.constant(rows, tf.int64), tf.constant(config.with_replacement))
        self._index = (
            tf.constant(records.shard_paths),
            tf.constant(records.shard, tf.int32),
            tf.constant(records.offset, tf.int64),
        )
        self._table = tf.constant(table, tf.float32)
        self._draw = _draw_function(config.augmentation)
        self._make = _batch_function(config.augmentation, config.max_people)

    def row(self, index: tf.Tensor) -> tf.Tensor:
        """Returns the row of sample `index` (scalar int64)."""
        return _row_function()(index, *self._place)

    def read(self, index: tf.Tensor, row: tf.Tensor | None = None) -> Read:
        """Returns (index, row, record) of sample `index`, whose record is opened by itself; of another row if given."""
        row = self.row(index) if row is None else row
        return index, row, _record_function()(row, *self._index)

    def draw(self, index: tf.Tensor, row: tf.Tensor, record: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Returns a sample that has been read as (row, record, its random numbers, its `sample_turn`)."""
        return row, record, *self._draw(index, self._place[0])

    def make(self, rows: tf.Tensor, records: tf.Tensor, uniform: tf.Tensor, turns: tf.Tensor) -> Batch:
        """Returns all fields of B drawn samples, each [B, ...]."""
        batch = self._make(rows, records, uniform, turns, self._table)
        return batch | {"features": tf.ensure_shape(batch["features"], [None, self._num_features])}


@functools.lru_cache(maxsize=1)
def _row_function() -> Callable[..., tf.Tensor]:
    """Traced: which row sample `index` of the stream `key` is."""

    def row(index: tf.Tensor, key: tf.Tensor, rows: tf.Tensor, with_replacement: tf.Tensor) -> tf.Tensor:
        count = tf.size(rows, out_type=tf.int64)
        apart = tf.stack([key, -1 - index])  # not the seed of the augmentation
        drawn = tf.random.stateless_uniform([], apart, 0, count, tf.int64, alg="philox")
        shuffled = tf.random.experimental.index_shuffle(index % count, tf.stack([key, index // count]), count - 1)
        return tf.gather(rows, tf.where(with_replacement, drawn, shuffled))

    scalar = tf.TensorSpec([], tf.int64)
    signature = [scalar, scalar, tf.TensorSpec([None], tf.int64), tf.TensorSpec([], tf.bool)]
    return tf.function(row, input_signature=signature, autograph=False)


@functools.lru_cache(maxsize=1)
def _record_function() -> Callable[..., tf.Tensor]:
    """Traced: the record of a row of the index (paths, shard, offset)."""

    def read(row: tf.Tensor, paths: tf.Tensor, shard: tf.Tensor, offset: tf.Tensor) -> tf.Tensor:
        return read_record(tf.gather(paths, tf.gather(shard, row)), tf.gather(offset, row))

    columns = [tf.TensorSpec([None], kind) for kind in (tf.string, tf.int32, tf.int64)]
    return tf.function(read, input_signature=[tf.TensorSpec([], tf.int64), *columns], autograph=False)


@functools.lru_cache(maxsize=16)
def _draw_function(augmentation: Augmentation) -> Callable[..., tuple[tf.Tensor, tf.Tensor]]:
    """Traced: random numbers and turn of sample `index` of the stream `key`."""

    def draw(index: tf.Tensor, key: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        uniform = tf.random.stateless_uniform([NUM_RANDOM], tf.stack([key, index]), alg="philox")
        return uniform, sample_turn(uniform, augmentation)

    return tf.function(draw, input_signature=[tf.TensorSpec([], tf.int64)] * 2, autograph=False)


@functools.lru_cache(maxsize=16)
def _batch_function(augmentation: Augmentation, max_people: int) -> Callable[..., Batch]:
    """Traced: parses and warps records."""

    def make(*columns: tf.Tensor) -> Batch:
        rows, records, uniform, turns, features = columns
        parsed = examples.parse(records)
        affine, usable = _affine(parsed, uniform, turns, augmentation)
        return {
            **_warped(parsed, affine, augmentation, max_people),
            BAD_RECORD: ~usable | tf.reduce_all(parsed["people/is_synthetic"] == examples.NOBODY, -1),
            "is_synthetic": parsed["is_synthetic"] > 0,
            "features": tf.gather(features, rows),
            "key": rows,
        }

    tables = [tf.TensorSpec([None, columns], tf.float32) for columns in (NUM_RANDOM, 2, None)]
    signature = [tf.TensorSpec([None], tf.int64), tf.TensorSpec([None], tf.string), *tables]
    return tf.function(make, input_signature=signature, autograph=False)


def _affine(
    records: Batch, uniform: tf.Tensor, turns: tf.Tensor, augmentation: Augmentation
) -> tuple[Affine, tf.Tensor]:
    """Maps of parsed records, and which have a position and scale to make them of."""
    objpos, scale = records["person/objpos"], records["person/scale"]
    usable = tf.reduce_all(tf.math.is_finite(objpos), -1) & (scale > 0) & tf.math.is_finite(scale)
    objpos, scale = tf.where(usable[:, None], objpos, 0.0), tf.where(usable, scale, 1.0)
    return sample_affine(objpos, scale, uniform, augmentation, turns), usable


def _warped(records: Batch, affine: Affine, augmentation: Augmentation, max_people: int) -> Batch:
    """Pixels, masks and people of parsed records."""
    shapes = tf.stack([records["image/height"], records["image/width"]], -1)
    labelled_joints = tf.cast(records["labelled_joints"], tf.float32)
    return {
        "images": warp_images(records["image/encoded"], affine, augmentation),
        "loss_mask": warp_masks(records["mask/encoded"], shapes, affine, augmentation),
        **_people(records, affine, augmentation.input_size, max_people),
        "labelled_parts": _joints_to_parts(labelled_joints[..., None], tf.reduce_min)[..., 0],
    }


def _people(records: Batch, affine: Affine, size: int, limit: int) -> Batch:
    """Keypoints of the people who meet the network input, in its pixels, padded to `limit`."""
    joints, domain = records["people/keypoints"], records["people/is_synthetic"]  # [B, P, 16, 3], [B, P]
    there = domain != examples.NOBODY
    number = tf.reduce_all(tf.math.is_finite(joints), -1)
    in_image = tf.reduce_any(joints[..., 2:] == tf.constant(IN_IMAGE_STATES, tf.float32), -1)
    labelled = tf.cast(number & in_image, tf.float32)[..., None]
    points = tf.where(number[..., None], apply_affine(joints[..., :2], affine.forward[:, None, None]), 0.0)
    parts = tf.concat(
        [_joints_to_parts(points, tf.reduce_mean), _joints_to_parts(labelled, tf.reduce_min)], -1
    )  # [B, P, 15, 3]
    parts = tf.where(affine.flip[:, None, None, None], tf.gather(parts, MPI.flip, axis=-2), parts)
    parts *= parts[..., 2:]  # what is not labelled is zero

    meets = _meets_input(parts, float(size - 1)) & there
    first = tf.argsort(tf.cast(~meets, tf.int32), -1, stable=True)[:, :limit]  # those who do, in their order
    kept = tf.gather(meets, first, batch_dims=1)
    parts = tf.where(kept[..., None, None], tf.gather(parts, first, batch_dims=1), 0.0)
    synthetic = kept & (tf.gather(domain, first, batch_dims=1) > 0)
    empty = limit - tf.shape(first)[1]
    parts = tf.pad(parts, [[0, 0], [0, empty], [0, 0], [0, 0]])
    return {
        "keypoints": tf.ensure_shape(parts, [None, limit, MPI.num_parts, 3]),
        "is_synthetic_person": tf.ensure_shape(tf.pad(synthetic, [[0, 0], [0, empty]]), [None, limit]),
        PEOPLE_CUT: tf.maximum(tf.reduce_sum(tf.cast(meets, tf.int32), -1) - limit, 0),
        BAD_JOINTS: tf.reduce_sum(tf.cast(~number & there[..., None], tf.int32), [1, 2]),
    }


def _meets_input(parts: tf.Tensor, last: float) -> tf.Tensor:
    """[B, P] bool: the sampled people, and all whose box of labelled parts is in sight, Gaussians included."""
    # Labels end 21.2 px from a joint at 368 px (docs/reference/method.md section 3.2).
    margin = 24.0 * (last + 1) / 368
    known = parts[..., 2:] > 0
    low = tf.reduce_min(tf.where(known, parts[..., :2], np.inf), -2)
    high = tf.reduce_max(tf.where(known, parts[..., :2], -np.inf), -2)
    seen = tf.reduce_all((low <= last + margin) & (high >= -margin), -1)
    return seen | (tf.range(tf.shape(parts)[1]) == 0)


def _joints_to_parts(joints: tf.Tensor, merge: Any) -> tf.Tensor:
    """[..., 16, c] to [..., 15, c]; the centre is `merge` of thorax and pelvis (skeleton.mpii_to_parts)."""
    centre = merge(tf.gather(joints, CENTRE_JOINTS, axis=-2), -2, keepdims=True)
    return tf.concat([tf.gather(joints, PART_TO_MPII, axis=-2), centre], -2)
