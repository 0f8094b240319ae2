"""Person records as tf.train.Example: NumPy in, bytes out, and the way back inside a tf.data pipeline."""

import numpy as np
import tensorflow as tf

from openpose_tf.data.records.schema import FEATURE_PREFIX, PersonSample
from openpose_tf.skeleton import NUM_MPII_JOINTS

NOBODY = -1


def serialize(sample: PersonSample) -> bytes:
    """Returns a record as the bytes of a tf.train.Example."""
    feature = {
        "image/encoded": _bytes(sample.image),
        "image/height": _ints([sample.height]),
        "image/width": _ints([sample.width]),
        "mask/encoded": _bytes(sample.mask),
        "people/keypoints": _floats(sample.keypoints.reshape(-1)),
        "people/is_synthetic": _ints(sample.is_synthetic_person),
        "person/objpos": _floats(sample.objpos),
        "person/scale": _floats([sample.scale]),
        "labelled_joints": _ints(sample.labelled_joints),
        "source/image_id": _bytes(sample.image_id.encode()),
        "source/person": _ints([sample.person]),
        "is_synthetic": _ints([sample.is_synthetic]),
    }
    feature |= {FEATURE_PREFIX + name: _floats([value]) for name, value in sample.features.items()}
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString(deterministic=True)


def parse(records: tf.Tensor) -> dict[str, tf.Tensor]:
    """Returns the fields of serialized records, without the teacher's features (those stand in the index).

    Args:
        records: [B] string.

    Returns:
        The names of schema's table, each [B, ...]; people/keypoints is [B, P, 16, 3] float32, people/is_synthetic
        [B, P] int64, P that of the record with most people; where another has fewer, people/is_synthetic is `NOBODY`.
    """
    one_int, one_float, one_bytes = (tf.io.FixedLenFeature([], kind) for kind in (tf.int64, tf.float32, tf.string))
    spec = {
        "image/encoded": one_bytes,
        "image/height": one_int,
        "image/width": one_int,
        "mask/encoded": one_bytes,
        "people/keypoints": tf.io.FixedLenSequenceFeature([NUM_MPII_JOINTS, 3], tf.float32, allow_missing=True),
        "people/is_synthetic": tf.io.FixedLenSequenceFeature([], tf.int64, allow_missing=True, default_value=NOBODY),
        "person/objpos": tf.io.FixedLenFeature([2], tf.float32),
        "person/scale": one_float,
        "labelled_joints": tf.io.FixedLenFeature([NUM_MPII_JOINTS], tf.int64),
        "source/image_id": one_bytes,
        "source/person": one_int,
        "is_synthetic": one_int,
    }
    return tf.io.parse_example(records, spec)


def to_sample(record: bytes) -> PersonSample:
    """Returns one serialized record as a PersonSample, features included (slow: for tools and tests)."""
    feature = tf.train.Example.FromString(record).features.feature
    fields = {name: value.numpy()[0] for name, value in parse(tf.constant([record])).items()}
    return PersonSample(
        image=fields["image/encoded"],
        height=int(fields["image/height"]),
        width=int(fields["image/width"]),
        mask=fields["mask/encoded"],
        keypoints=fields["people/keypoints"],
        is_synthetic_person=fields["people/is_synthetic"].astype(bool),
        objpos=fields["person/objpos"],
        scale=float(fields["person/scale"]),
        labelled_joints=fields["labelled_joints"].astype(bool),
        image_id=fields["source/image_id"].decode(),
        person=int(fields["source/person"]),
        is_synthetic=bool(fields["is_synthetic"]),
        features={
            name.removeprefix(FEATURE_PREFIX): value.float_list.value[0]
            for name, value in feature.items()
            if name.startswith(FEATURE_PREFIX)
        },
    )


def _bytes(value: bytes) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))


def _ints(values: object) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=np.asarray(values, np.int64)))


def _floats(values: object) -> tf.train.Feature:
    return tf.train.Feature(float_list=tf.train.FloatList(value=np.asarray(values, np.float32)))
