"""Opens a record set: its manifest and index, checked against the files that are there."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from openpose_tf.common import files
from openpose_tf.common.errors import UserError
from openpose_tf.common.fingerprints import fingerprint
from openpose_tf.data.records import npz_files, remote_files
from openpose_tf.data.records.schema import (
    DISTANCE_SIDE,
    FRAME_FOOTER_BYTES,
    FRAME_HEADER_BYTES,
    INDEX_FEATURE_PREFIX,
    INDEX_NAME,
    MANIFEST_NAME,
    SCHEMA_VERSION,
)

INDEX = ("shard", "offset", "length")


@dataclasses.dataclass(frozen=True)
class RecordSet:
    """Where every record of a set lies, and the numbers a teacher groups by; N records, row = number of the record.

    Attributes:
        dir: folder, or its address where it is not on this machine.
        shard_paths: the shard files.
        shard: [N] int32, number of the shard.
        offset: [N] int64, first byte of the TFRecord frame in its shard.
        length: [N] int64, bytes of the frame (payload and 16 bytes of length and CRCs).
        features: per feature a [N] float32 column, full-image values, NaN where unknown.
        manifest: manifest.json.
    """

    dir: Path | str
    shard_paths: tuple[str, ...]
    shard: np.ndarray
    offset: np.ndarray
    length: np.ndarray
    features: Mapping[str, np.ndarray]
    manifest: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.offset)

    @functools.cached_property
    def digest(self) -> str:
        """Hash of the index: equal for equal sets, for versions.json and for the check at resume."""
        return index_digest(self.shard, self.offset, self.length, self.features)

    @property
    def has_scaled_distances(self) -> bool:
        """Whether `min_distance` is in px of an image whose longer side is 640; else raw pixels, as older sets have."""
        return all(part.get("distance_side") == DISTANCE_SIDE for part in self.manifest.get("joined", [self.manifest]))

    def read(self, row: int) -> bytes:
        """Returns the payload of one record, without a check of its CRC (for tools and tests)."""
        with remote_files.open_bytes(self.shard_paths[int(self.shard[row])]) as file:
            file.seek(int(self.offset[row]) + FRAME_HEADER_BYTES)
            return file.read(int(self.length[row]) - FRAME_HEADER_BYTES - FRAME_FOOTER_BYTES)


def index_digest(shard: np.ndarray, offset: np.ndarray, length: np.ndarray, features: Mapping[str, np.ndarray]) -> str:
    """Returns a hash (hex, 16 digits) of an index."""
    columns = (shard.astype("<i4"), offset.astype("<i8"), length.astype("<i8"))
    named = (part for name in sorted(features) for part in (name, features[name].astype("<f4").tobytes()))
    return fingerprint(*(column.tobytes() for column in columns), *named)


def load_records(folder: str | Path) -> RecordSet:
    """Returns the record set in a folder, or at an address such as gs://bucket/records that TensorFlow can read.

    Raises:
        UserError: no folder, no manifest (an unfinished conversion), another schema, a shard that is missing or not of
            the size it was written with, an index that does not belong to it, or a kind of address that this
            TensorFlow lacks.
    """
    if remote_files.is_remote(folder):
        with remote_files.copies(str(folder), (MANIFEST_NAME, INDEX_NAME)) as copies:
            return _load(copies, str(folder).rstrip("/"))
    return _load(files.require_dir(folder, "a record set (manifest.json, index.npz, shards)"), None)


def _load(root: Path, address: str | None) -> RecordSet:
    """The record set whose manifest and index lie in `root`, its shards there too or at an address."""
    home = address or root
    if not (root / MANIFEST_NAME).is_file():
        raise UserError(
            f"{home} holds no {MANIFEST_NAME}: it is not a record set, or its conversion did not finish; "
            "write it with python -m openpose_tf.data.to_tfrecords"
        )
    manifest = files.read_json(root / MANIFEST_NAME, "the manifest of a record set")
    if not isinstance(manifest, dict) or manifest.get("schema") != SCHEMA_VERSION:
        raise UserError(f"{home}/{MANIFEST_NAME} is not of record schema {SCHEMA_VERSION}: convert the data again")
    shards = manifest.get("shards")
    if not isinstance(shards, list) or not all(_is_shard(shard) for shard in shards):
        raise UserError(f"{home}/{MANIFEST_NAME} has no list of shards with name and bytes: convert the data again")
    paths = tuple(_checked_shard(str(home), shard) for shard in shards)
    index = _read_index(root / INDEX_NAME)
    if len(index["offset"]) != manifest.get("num_records"):
        raise UserError(
            f"{home}/{INDEX_NAME} lists {len(index['offset'])} records, the manifest {manifest.get('num_records')}: "
            "convert the data again"
        )
    _check_places(root / INDEX_NAME, index, [shard["bytes"] for shard in shards])
    features = {
        name.removeprefix(INDEX_FEATURE_PREFIX): column
        for name, column in index.items()
        if name.startswith(INDEX_FEATURE_PREFIX)
    }
    return RecordSet(home, paths, index["shard"], index["offset"], index["length"], features, manifest)


def join_records(sets: Sequence[RecordSet]) -> RecordSet:
    """Returns several record sets as one: the rows of the first, then of the second, and so on.

    A feature that a set does not have is NaN for its rows.
    """
    if len(sets) == 1:
        return sets[0]
    names = sorted({name for records in sets for name in records.features})
    shards = np.cumsum([0, *(len(records.shard_paths) for records in sets[:-1])])

    def column(name: str) -> np.ndarray:
        unknown = [np.full(len(records), np.nan, np.float32) for records in sets]
        return np.concatenate([records.features.get(name, empty) for records, empty in zip(sets, unknown)])

    return RecordSet(
        dir=sets[0].dir,
        shard_paths=tuple(path for records in sets for path in records.shard_paths),
        shard=np.concatenate([records.shard + first for records, first in zip(sets, shards)]).astype(np.int32),
        offset=np.concatenate([records.offset for records in sets]),
        length=np.concatenate([records.length for records in sets]),
        features={name: column(name) for name in names},
        manifest={"joined": [dict(records.manifest) for records in sets]},
    )


def _checked_shard(home: str, shard: Mapping[str, Any]) -> str:
    path = f"{home}/{shard['name']}"
    size = remote_files.size(path)
    if size is None:
        raise UserError(f"shard {path} is missing: copy it here or convert the data again")
    if size != shard["bytes"]:
        raise UserError(
            f"shard {path} has {size} bytes, its manifest says {shard['bytes']}: it was cut or changed; "
            "copy it again or convert the data again"
        )
    return path


def _read_index(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise UserError(f"{path} is missing: copy it here or convert the data again")
    try:
        index = npz_files.read_arrays(path)
    except (OSError, npz_files.UnreadableNpz) as error:
        raise UserError(f"{path} cannot be read ({error}): copy it again or convert the data again") from None
    missing = set(INDEX) - index.keys()
    if missing:
        raise UserError(f"{path} lacks {', '.join(sorted(missing))}: convert the data again")
    columns = {name: column for name, column in index.items() if name in INDEX or name.startswith(INDEX_FEATURE_PREFIX)}
    for name, column in columns.items():
        kinds = "iu" if name in INDEX else "iuf"
        if column.ndim != 1 or column.dtype.kind not in kinds or len(column) != np.size(index["offset"]):
            raise UserError(f"{path}: {name} is not a column of numbers, one per record: convert the data again")
    return columns


def _check_places(path: Path, index: Mapping[str, np.ndarray], sizes: Sequence[int]) -> None:
    """Refuses an index with a record that does not lie within its shard."""
    shard, offset, length = (index[name].astype(np.float64) for name in INDEX)
    if len(shard) and not (shard.min() >= 0 and shard.max() < len(sizes)):
        raise UserError(f"{path} names shards that the manifest does not list: convert the data again")
    ends = np.array([*sizes, 0], np.float64)[index["shard"].astype(np.int64)]
    frame = FRAME_HEADER_BYTES + FRAME_FOOTER_BYTES
    if not ((offset >= 0) & (length >= frame) & (offset + length <= ends)).all():
        raise UserError(f"{path} has records outside of their shards: convert the data again")


def _is_shard(shard: Any) -> bool:
    name, size = (shard.get("name"), shard.get("bytes")) if isinstance(shard, dict) else (None, None)
    return isinstance(name, str) and "\0" not in name and isinstance(size, int) and not isinstance(size, bool)
