"""Rewrites a record set so that each group is one shard."""

import contextlib
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from openpose_tf.common import files
from openpose_tf.common.errors import UserError
from openpose_tf.data.records import remote_files, schema
from openpose_tf.data.records.record_set import RecordSet, index_digest, load_records
from teacher.groups.membership import Membership


def write_group_shards(
    records: RecordSet, membership: Membership, output_dir: str | Path, overwrite: bool = False
) -> RecordSet:
    """Writes the records of group g into shard g and returns the new set.

    Rows keep their order, so row i of the result is the i-th row of `records` that has a group. Frames are copied as
    they are; every CRC is checked before the manifest, which makes the set complete, is written.

    Args:
        records: the set to read.
        membership: the groups of its rows.
        output_dir: folder of the new set; not that of `records`.
        overwrite: replaces a set that is there.

    Raises:
        UserError: the folder holds a set already or is the input's, or a record is damaged.
    """
    folder = files.writable_dir(output_dir)
    _require_free(folder, records, overwrite)
    groups = membership.sample_groups
    kept = np.flatnonzero(groups >= 0)
    paths = _shard_paths(folder, records.manifest, len(membership.rows))
    parts = [path.with_name(path.name + ".part") for path in paths]
    try:
        offsets = _copy_frames(records, groups, kept, parts)
        for part, path in zip(parts, paths):
            os.replace(part, path)
    finally:
        for part in parts:
            part.unlink(missing_ok=True)
    _check_records(paths, membership.counts)
    _write_index(folder, records, groups, kept, offsets, paths)
    return load_records(folder)


def _require_free(folder: Path, records: RecordSet, overwrite: bool) -> None:
    manifest = folder / schema.MANIFEST_NAME
    if folder.resolve() == Path(records.dir).resolve():
        raise UserError(f"{folder} is the record set itself: choose another --output_dir")
    if manifest.exists():
        if not overwrite:
            raise UserError(f"{folder} already holds a record set: choose another folder, or pass --overwrite")
        old = files.read_json(manifest, "the manifest of the record set to replace").get("shards", [])
        manifest.unlink()
        for shard in old:
            (folder / Path(shard["name"]).name).unlink(missing_ok=True)


def _shard_paths(folder: Path, manifest: Mapping[str, Any], num_groups: int) -> list[Path]:
    name, split = manifest["name"], manifest["split"]
    return [folder / schema.shard_name(name, split, group, num_groups) for group in range(num_groups)]


def _copy_frames(records: RecordSet, groups: np.ndarray, kept: np.ndarray, parts: list[Path]) -> np.ndarray:
    """Copies the frames of the kept rows, row by row; returns their offsets [len(kept)] in the new shards."""
    ends = np.zeros(len(parts), np.int64)
    offsets = np.zeros(len(kept), np.int64)
    with contextlib.ExitStack() as stack:
        sources = [stack.enter_context(remote_files.open_bytes(path)) for path in records.shard_paths]
        targets = [stack.enter_context(open(part, "wb")) for part in parts]
        for number, row in enumerate(kept):
            source, group, length = sources[records.shard[row]], groups[row], int(records.length[row])
            source.seek(int(records.offset[row]))
            targets[group].write(source.read(length))
            offsets[number] = ends[group]
            ends[group] += length
    return offsets


def _check_records(paths: list[Path], counts: np.ndarray) -> None:
    for path, count in zip(paths, counts):
        try:
            found = sum(1 for _ in tf.data.TFRecordDataset(str(path)))
        except tf.errors.DataLossError as error:
            message = (
                f"a record is damaged ({error.message.splitlines()[0]}): convert the data again, then partition it"
            )
            raise UserError(message) from None
        if found != count:
            raise UserError(f"{path} holds {found} records instead of {count}: the source changed while it was read")


def _write_index(
    folder: Path, records: RecordSet, groups: np.ndarray, kept: np.ndarray, offsets: np.ndarray, paths: list[Path]
) -> None:
    shard, length = groups[kept].astype(np.int32), records.length[kept]
    features = {name: column[kept] for name, column in records.features.items()}
    columns = {schema.INDEX_FEATURE_PREFIX + name: column for name, column in features.items()}
    stream = io.BytesIO()
    np.savez(stream, shard=shard, offset=offsets, length=length, **columns)
    files.write_bytes(folder / schema.INDEX_NAME, stream.getvalue())
    manifest = dict(records.manifest) | {
        "num_records": len(kept),
        "index_digest": index_digest(shard, offsets, length, features),
        "shards": [{"name": path.name, "bytes": path.stat().st_size} for path in paths],
        "partition_of": str(records.manifest.get("index_digest", records.digest)),
    }
    files.write_json(folder / schema.MANIFEST_NAME, manifest)
