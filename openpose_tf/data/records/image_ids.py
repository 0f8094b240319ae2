"""Which image every record of a set is of, and a record as the writer takes it."""

import dataclasses
import math

import tensorflow as tf

from openpose_tf.data.records import examples
from openpose_tf.data.records.record_set import RecordSet
from openpose_tf.data.records.schema import PersonSample


def image_ids(records: RecordSet) -> list[str]:
    """Returns the image id of each record, in the order of the index; reads the whole set once."""
    return [_image_id(records.read(row)) for row in range(len(records))]


def _image_id(record: bytes) -> str:
    feature = tf.train.Example.FromString(record).features.feature["source/image_id"]
    return str(feature.bytes_list.value[0].decode())


def read_sample(records: RecordSet, row: int) -> PersonSample:
    """Returns a record to be written into another set.

    A distance in raw pixels, as older sets have them, becomes unknown: the new set's are in px of 640.
    """
    sample = examples.to_sample(records.read(row))
    if records.has_scaled_distances or "min_distance" not in sample.features:
        return sample
    return dataclasses.replace(sample, features={**sample.features, "min_distance": math.nan})
