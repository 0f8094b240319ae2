"""What is in a person record and in a record set's index: names, shapes, dtypes, units. NumPy only.

docs/reference/records.md tells the same in a table. A change of any name or meaning raises `SCHEMA_VERSION`.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np

SCHEMA_VERSION = 1
MANIFEST_NAME, INDEX_NAME = "manifest.json", "index.npz"
DISTANCE_SIDE = 640  # px; `min_distance` is that of an image whose longer side this is (manifest: distance_side)
FEATURE_PREFIX = "feature/"  # in a record
INDEX_FEATURE_PREFIX = "feature_"  # in index.npz, where a slash would be a folder

# Framing of one TFRecord: uint64 length and uint32 CRC before the payload, uint32 CRC behind it.
FRAME_HEADER_BYTES, FRAME_FOOTER_BYTES = 12, 4


@dataclasses.dataclass(frozen=True)
class PersonSample:
    """One record: the image region around one sampled person, with everybody in it.

    Attributes:
        image: JPEG bytes, RGB, height x width.
        height, width: size of the region in (crop) pixels.
        mask: PNG bytes of one bit per pixel (older records: eight), decoded uint8 [height, width]: 255 where the loss
            counts, 0 at un-annotated people; b"" = all 255.
        keypoints: [P, 16, 3] float32 (x, y, JointState), MPII joint order, crop pixels; the sampled person first.
        is_synthetic_person: [P] bool, True for a rendered person.
        objpos: [2] float32, centre of the sampled person, crop pixels.
        scale: height of the sampled person / 200, in crop pixels.
        labelled_joints: [16] bool, False for a joint that the data set never annotates.
        image_id: id of the image in its data set.
        person: number of the sampled person in that image.
        is_synthetic: domain of the sample, False for real data (D_R).
        features: numbers a teacher may group by, full-image values; NaN where unknown; `min_distance` in px of an
            image whose longer side is `DISTANCE_SIDE`.
    """

    image: bytes
    height: int
    width: int
    mask: bytes
    keypoints: np.ndarray
    is_synthetic_person: np.ndarray
    objpos: np.ndarray
    scale: float
    labelled_joints: np.ndarray
    image_id: str
    person: int
    is_synthetic: bool
    features: Mapping[str, float] = dataclasses.field(default_factory=dict)


def shard_name(name: str, split: str, shard: int, num_shards: int) -> str:
    """Returns the file name of a shard, such as `coco-train.tfrecord-00003-of-00032`."""
    return f"{name}-{split}.tfrecord-{shard:05d}-of-{num_shards:05d}"
