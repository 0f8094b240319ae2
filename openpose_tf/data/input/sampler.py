"""Makes sample i of a stream inside tf.data: its record (CRC checked), its warp, its people in input pixels."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from openpose_tf.common.imaging import images
from openpose_tf.data.input.augmentation import NUM_RANDOM, Affine, Augmentation, apply_affine, sample_affine
from openpose_tf.data.input.batch import Batch
from openpose_tf.data.input.block_reader import read_records
from openpose_tf.data.input.warp import warp_image, warp_mask
from openpose_tf.data.records import examples
from openpose_tf.data.records.record_set import RecordSet
from openpose_tf.data.records.schema import FRAME_FOOTER_BYTES, FRAME_HEADER_BYTES
from openpose_tf.skeleton import CENTRE_JOINTS, IN_IMAGE_STATES, MPI, PART_TO_MPII

MAX_PEOPLE = 20
READINGS = ("blocks", "records")
# Fields of a batch that the stream reads itself and does not hand on.
PEOPLE_CUT, BAD_JOINTS, BAD_RECORD = "people_cut", "bad_joints", "bad_record"


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
    """Makes sample i of a stream; holds the stream's index as tensors.

    Streams with the same configuration share one traced function, so that a run of eleven streams traces it once.
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
        self._make = _sample_function(config.augmentation, config.max_people)

    def row(self, index: tf.Tensor) -> tf.Tensor:
        """Returns the row of sample `index` (scalar int64)."""
        return _row_function()(index, *self._place)

    def make(self, index: tf.Tensor, row: tf.Tensor | None = None) -> Batch:
        """Returns all fields of sample `index`, unbatched; of another `row` than its own, if one is given."""
        row = self.row(index) if row is None else row
        return self.make_of(index, row, _record_function()(row, *self._index))

    def make_of(self, index: tf.Tensor, row: tf.Tensor, record: tf.Tensor) -> Batch:
        """Returns all fields of sample `index` whose record, a scalar string, has been read."""
        sample = self._make(index, row, record, self._place[0], self._table)
        return sample | {"features": tf.ensure_shape(sample["features"], [self._num_features])}


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
def _sample_function(augmentation: Augmentation, max_people: int) -> Callable[..., Batch]:
    """Traced: parses and warps a record."""

    def sample(index: tf.Tensor, row: tf.Tensor, record: tf.Tensor, key: tf.Tensor, features: tf.Tensor) -> Batch:
        parsed = examples.parse(record)
        uniform = tf.random.stateless_uniform([NUM_RANDOM], tf.stack([key, index]), alg="philox")
        return {
            **_warped(parsed, uniform, augmentation, max_people),
            "is_synthetic": parsed["is_synthetic"] > 0,
            "features": tf.gather(features, row),
            "key": row,
        }

    scalar = tf.TensorSpec([], tf.int64)
    signature = [scalar, scalar, tf.TensorSpec([], tf.string), scalar, tf.TensorSpec([None, None], tf.float32)]
    return tf.function(sample, input_signature=signature, autograph=False)


def _warped(record: Batch, uniform: tf.Tensor, augmentation: Augmentation, max_people: int) -> Batch:
    """Pixels, mask and people of a parsed record; a record without position or scale is marked, not warped."""
    objpos, scale = record["person/objpos"], record["person/scale"]
    usable = tf.reduce_all(tf.math.is_finite(objpos)) & (scale > 0) & tf.math.is_finite(scale)
    affine = sample_affine(tf.where(usable, objpos, 0.0), tf.where(usable, scale, 1.0), uniform, augmentation)
    shape = tf.stack([record["image/height"], record["image/width"]])
    labelled_joints = tf.cast(record["labelled_joints"], tf.float32)
    return {
        "images": warp_image(record["image/encoded"], affine, augmentation),
        "loss_mask": warp_mask(record["mask/encoded"], shape, affine, augmentation),
        **_people(record, affine, augmentation.input_size, max_people),
        "labelled_parts": _joints_to_parts(labelled_joints[:, None], tf.reduce_min)[:, 0],
        BAD_RECORD: ~usable | (tf.shape(record["people/keypoints"])[0] == 0),
    }


def _people(record: Batch, affine: Affine, size: int, limit: int) -> Batch:
    """Keypoints of the people who meet the network input, in its pixels, padded to `limit`."""
    joints = record["people/keypoints"]  # [n, 16, 3]
    number = tf.reduce_all(tf.math.is_finite(joints), -1)
    in_image = tf.reduce_any(joints[..., 2:] == tf.constant(IN_IMAGE_STATES, tf.float32), -1)
    labelled = tf.cast(number & in_image, tf.float32)[..., None]
    points = tf.where(number[..., None], apply_affine(joints[..., :2], affine.forward), 0.0)
    parts = tf.concat(
        [_joints_to_parts(points, tf.reduce_mean), _joints_to_parts(labelled, tf.reduce_min)], -1
    )  # [n, 15, 3]
    parts = tf.where(affine.flip, tf.gather(parts, MPI.flip, axis=1), parts)
    parts *= parts[..., 2:]  # what is not labelled is zero

    meets = _meets_input(parts, float(size - 1))
    synthetic = tf.boolean_mask(record["people/is_synthetic"] > 0, meets)
    parts = tf.boolean_mask(parts, meets)
    count = tf.shape(parts)[0]
    empty = tf.maximum(limit - count, 0)
    return {
        "keypoints": tf.ensure_shape(tf.pad(parts[:limit], [[0, empty], [0, 0], [0, 0]]), [limit, MPI.num_parts, 3]),
        "is_synthetic_person": tf.ensure_shape(tf.pad(synthetic[:limit], [[0, empty]]), [limit]),
        PEOPLE_CUT: tf.maximum(count - limit, 0),
        BAD_JOINTS: tf.reduce_sum(tf.cast(~number, tf.int32)),
    }


def _meets_input(parts: tf.Tensor, last: float) -> tf.Tensor:
    """[n] bool: the sampled person, and everybody whose box of labelled parts is in sight, Gaussians included."""
    # Labels end 21.2 px from a joint at 368 px (docs/reference/method.md section 3.2).
    margin = 24.0 * (last + 1) / 368
    known = parts[..., 2:] > 0
    low = tf.reduce_min(tf.where(known, parts[..., :2], np.inf), 1)
    high = tf.reduce_max(tf.where(known, parts[..., :2], -np.inf), 1)
    seen = tf.reduce_all((low <= last + margin) & (high >= -margin), -1)
    return seen | (tf.range(tf.shape(parts)[0]) == 0)


def _joints_to_parts(joints: tf.Tensor, merge: Any) -> tf.Tensor:
    """[..., 16, c] to [..., 15, c]; the centre is `merge` of thorax and pelvis (skeleton.mpii_to_parts)."""
    centre = merge(tf.gather(joints, CENTRE_JOINTS, axis=-2), -2, keepdims=True)
    return tf.concat([tf.gather(joints, PART_TO_MPII, axis=-2), centre], -2)
