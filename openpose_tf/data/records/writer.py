"""Writes record sets: shards, index and manifest that appear whole or not at all. Reading: `load_records`.

Example:
    counts = write_record_set(read_image_dataset("runs/ds"), "runs/ds_records", RecordSetConfig("ds", "train", 16))
    records = load_records("runs/ds_records")
"""

import array
import collections
import concurrent.futures
import contextlib
import dataclasses
import io
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from openpose_tf.common import files
from openpose_tf.common.errors import MachineError, UserError
from openpose_tf.common.progress import Progress
from openpose_tf.data.annotations import pixels as images
from openpose_tf.data.annotations.types import AnnotatedImage
from openpose_tf.data.records import crops, examples, schema
from openpose_tf.data.records.record_set import index_digest


class RecordWriter:
    """Writes one record set; use it as a context manager.

    Shards are written as `*.part`; when the block ends without an error they get their names, then index.npz and at
    last manifest.json are written. After an error nothing of it is left. Records are dealt to the shards in seeded
    random order, so that every shard is a mixture of the whole and holds as many as the others (within one).

    Args:
        output_dir: folder of the set.
        name, split: as in `schema.shard_name`.
        num_shards: number of shard files.
        seed: of the dealing.
        source: what the records were made of, for the manifest.
        overwrite: replaces a set that is already there.
    """

    def __init__(
        self,
        output_dir: str | Path,
        name: str,
        split: str,
        num_shards: int,
        seed: int = 0,
        source: Mapping[str, Any] | None = None,
        overwrite: bool = False,
    ) -> None:
        self.dir = files.writable_dir(output_dir)
        require_free(self.dir, overwrite)
        if num_shards < 1:
            raise UserError(f"--num_shards={num_shards}: at least 1")
        self._name, self._split, self._seed = name, split, seed
        self._source = dict(source or {})
        self._paths = [self.dir / schema.shard_name(name, split, k, num_shards) for k in range(num_shards)]
        self._dropped: collections.Counter[str] = collections.Counter()
        self._people = 0
        self._shards, self._lengths = array.array("i"), array.array("q")  # of ten million records: no objects
        self._features: dict[str, array.array] = {}
        self._ends = [0] * num_shards
        self._writers: list[tf.io.TFRecordWriter] = []

    def __enter__(self) -> "RecordWriter":
        for stale in self.dir.glob("*.tfrecord-*.part"):
            stale.unlink()  # of a run that was killed
        with _disk_errors(self.dir):
            self._writers = [tf.io.TFRecordWriter(str(_part(path))) for path in self._paths]
        return self

    def add(self, sample: schema.PersonSample) -> None:
        """Writes one record."""
        shard = self._next_shard()
        payload = examples.serialize(sample)
        with _disk_errors(self._paths[shard]):
            self._writers[shard].write(payload)
        length = len(payload) + schema.FRAME_HEADER_BYTES + schema.FRAME_FOOTER_BYTES
        for name in sample.features.keys() - self._features.keys():
            self._features[name] = array.array("f", [math.nan]) * len(self._shards)
        for name, column in self._features.items():
            column.append(sample.features.get(name, math.nan))
        self._shards.append(shard)
        self._lengths.append(length)
        self._ends[shard] += length
        self._people += len(sample.keypoints)

    def drop(self, reason: str, count: int = 1) -> None:
        """Counts people who did not become samples."""
        self._dropped[reason] += count

    def _next_shard(self) -> int:
        done, count = len(self._shards), len(self._paths)
        if done % count == 0:
            self._deal = np.random.default_rng([self._seed, done // count]).permutation(count)
        return int(self._deal[done % count])

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            with _disk_errors(self.dir) if kind is None else contextlib.suppress(tf.errors.OpError):
                for writer in self._writers:
                    writer.close()
            if kind is None:
                self._finish()
        finally:
            for path in self._paths:
                _part(path).unlink(missing_ok=True)

    def _finish(self) -> None:
        if not self._shards:
            raise UserError(f"no person could be made a record; dropped: {_listing(self._dropped)}")
        for path, end in zip(self._paths, self._ends):
            if _part(path).stat().st_size != end:
                raise MachineError(f"{path}: {_part(path).stat().st_size} bytes were stored instead of {end}")
        self._remove_old()
        for path in self._paths:
            os.replace(_part(path), path)
        columns = self._columns()
        prefix = schema.INDEX_FEATURE_PREFIX
        features = {name.removeprefix(prefix): columns[name] for name in columns if name.startswith(prefix)}
        index = io.BytesIO()
        np.savez(index, **columns)
        files.write_bytes(self.dir / schema.INDEX_NAME, index.getvalue())
        manifest = {
            "schema": schema.SCHEMA_VERSION,
            "name": self._name,
            "split": self._split,
            "num_records": len(self._shards),
            "num_people": self._people,
            "dropped": dict(sorted(self._dropped.items())),
            "features": sorted(features),
            "distance_side": schema.DISTANCE_SIDE,
            "index_digest": index_digest(columns["shard"], columns["offset"], columns["length"], features),
            "shards": [{"name": path.name, "bytes": end} for path, end in zip(self._paths, self._ends)],
            "seed": self._seed,
            "source": self._source,
        }
        files.write_json(self.dir / schema.MANIFEST_NAME, manifest)

    def _columns(self) -> dict[str, Any]:
        shard, length = np.array(self._shards, np.int32), np.array(self._lengths, np.int64)
        offset = np.zeros_like(length)
        for number in range(len(self._paths)):  # a record begins where the one before it in its shard ends
            own = np.flatnonzero(shard == number)
            offset[own[1:]] = np.cumsum(length[own[:-1]])
        features = {f"{schema.INDEX_FEATURE_PREFIX}{name}": self._features[name] for name in sorted(self._features)}
        return {"shard": shard, "offset": offset, "length": length} | {
            name: np.array(column, np.float32) for name, column in features.items()
        }

    def _remove_old(self) -> None:
        """Takes the manifest of an older set away first, so that no mixture of two sets ever looks complete."""
        old = self.dir / schema.MANIFEST_NAME
        if old.exists():
            shards = files.read_json(old, "the manifest of the record set to replace").get("shards", [])
            old.unlink()
            for shard in shards:
                (self.dir / Path(shard["name"]).name).unlink(missing_ok=True)

    @property
    def counts(self) -> dict[str, Any]:
        """Numbers so far: records, people in them, and the dropped with reasons."""
        return {"records": len(self._shards), "people": self._people, "dropped": dict(sorted(self._dropped.items()))}


def require_free(folder: str | Path, overwrite: bool) -> None:
    """Raises UserError if the folder holds a record set that may not be replaced."""
    if not overwrite and (Path(folder) / schema.MANIFEST_NAME).exists():
        raise UserError(f"{folder} already holds a record set: choose another folder, or pass --overwrite")


@dataclasses.dataclass(frozen=True)
class RecordSetConfig:
    """What to write and how.

    Attributes:
        name, split, num_shards, seed: as in `RecordWriter`.
        is_synthetic: domain of the samples; False for real data and its stand-in.
        people_are_real: True writes every person as real, for a rendered stand-in of real data.
        rules: who becomes a sample.
        crop: how crops are cut.
        num_threads: images decoded and cut at the same time.
    """

    name: str
    split: str
    num_shards: int = 8
    seed: int = 0
    is_synthetic: bool = False
    people_are_real: bool = False
    rules: crops.SampleRules = dataclasses.field(default_factory=crops.SampleRules)
    crop: crops.CropConfig = dataclasses.field(default_factory=crops.CropConfig)
    num_threads: int = 2


def write_record_set(
    annotated: Sequence[AnnotatedImage],
    output_dir: str | Path,
    config: RecordSetConfig,
    source: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Writes a record for every person of `annotated` who can be a sample, in seeded random order of the images.

    Returns:
        Numbers: images, records, people (labelled in them), dropped (reason to number).

    Raises:
        UserError: an image is missing or does not fit its annotation, no person can be a sample, or the folder
            already holds a set.
    """
    images.require_pictures([image.image_path for image in annotated])
    order = np.random.default_rng([config.seed, len(annotated)]).permutation(len(annotated))
    writer = RecordWriter(output_dir, config.name, config.split, config.num_shards, config.seed, source, overwrite)
    with writer, Progress(len(annotated), f"records {config.name}-{config.split}", "images") as progress:
        for samples, dropped in _in_threads([annotated[k] for k in order], config):
            for sample in samples:
                writer.add(sample)
            for reason in dropped:
                writer.drop(reason)
            progress.update()
    return {"images": len(annotated), **writer.counts}


def _in_threads(
    annotated: Sequence[AnnotatedImage], config: RecordSetConfig
) -> Iterator[tuple[list[schema.PersonSample], list[str]]]:
    """Yields the samples of each image in order, at most a few images ahead of the caller."""
    with concurrent.futures.ThreadPoolExecutor(config.num_threads) as pool:
        waiting: collections.deque[concurrent.futures.Future] = collections.deque()
        try:
            for image in annotated:
                waiting.append(pool.submit(_samples_of, image, config))
                if len(waiting) > 2 * config.num_threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _samples_of(image: AnnotatedImage, config: RecordSetConfig) -> tuple[list[schema.PersonSample], list[str]]:
    people = tuple(image.people)  # read once
    if config.people_are_real:
        people = tuple(dataclasses.replace(person, is_synthetic=False) for person in people)
    image = dataclasses.replace(image, people=people)
    reasons = [crops.why_not_sampled(person, image, config.rules) for person in image.people]
    chosen = [number for number, reason in enumerate(reasons) if reason is None]
    if not chosen:
        return [], [reason for reason in reasons if reason]
    pixels, ignore = images.read_image(image), images.read_ignore_mask(image)
    samples = [crops.crop_person(image, number, pixels, ignore, config.is_synthetic, config.crop) for number in chosen]
    return samples, [reason for reason in reasons if reason]


def _part(path: Path) -> Path:
    return path.with_name(path.name + ".part")


def _listing(dropped: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in sorted(dropped.items())) or "nobody"


@contextlib.contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    """Turns TensorFlow's file errors into this project's."""
    try:
        yield
    except (tf.errors.ResourceExhaustedError, tf.errors.UnknownError, tf.errors.UnavailableError) as error:
        if "No space left" in error.message:
            raise MachineError(f"the disk is full while writing {path}: free some space and run it again") from None
        raise MachineError(f"writing {path} failed ({error.message}): run it again, or choose another disk") from None
    except (tf.errors.PermissionDeniedError, tf.errors.NotFoundError, tf.errors.FailedPreconditionError) as error:
        raise UserError(f"cannot write {path} ({error.message}): choose another output folder") from None
