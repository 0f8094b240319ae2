"""What a data set of a million images costs besides its images: resume, card, COCO, records, start of a training.

    python tests/benchmarks/bench_million.py                # 20,000 images, 200,000 records: minutes
    python tests/benchmarks/bench_million.py --folder=/tmp/million --num_images=1000000 --num_records=10000000

Annotations of 20 sampled scenes (640 px, 9 people) are repeated under new numbers; the pictures are links to 20 files.
15 kB per image, so 15 GB for a million; the folder is deleted at the end unless --keep. COCO and records, which
read pictures, run on --num_read images. Aims: resume within 5 s, card within 2 minutes, annotations at most a third of
flat JSON.
"""

import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from absl import flags

from openpose_tf.common import cli, files
from openpose_tf.data.annotations import image_dataset_schema as schema
from openpose_tf.data.annotations.image_dataset import read_image_dataset
from openpose_tf.data.annotations.store import listing
from synth.dataset import completeness, writer
from tests.support.commands import run_command
from tests.support.image_sets import many

Result = TypeVar("Result")
LARGEST_RESUME_S, LARGEST_CARD_S = 5.0, 120.0
FEATURES = ("camera_pitch_deg", "min_distance", "visible_ratio", "cropped_ratio", "scale", "num_people")


def define_flags() -> None:
    """Defines this benchmark's flags."""
    flags.DEFINE_string("folder", None, "where to work; must not exist unless --keep made it; default: a temporary one")
    flags.DEFINE_integer("num_images", 20_000, "images, a multiple of 1000", lower_bound=1000)
    flags.DEFINE_integer("num_read", 1000, "images that become COCO and records, a multiple of 1000", lower_bound=1000)
    flags.DEFINE_integer("num_records", 200_000, "records of the index that a training opens", lower_bound=1000)
    flags.DEFINE_bool("keep", False, "leave the folder, and use one that is there")


def timed(title: str, work: Callable[[], Result]) -> tuple[Result, float]:
    """Runs work and prints its wall seconds, those of CPU (children included), and this process's memory at most."""
    start, cpu = time.monotonic(), sum(os.times()[:4])
    result = work()
    seconds, used = time.monotonic() - start, sum(os.times()[:4]) - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{title:42s} {seconds:8.1f} s {used:8.1f} CPU s {peak:8.0f} MB", flush=True)
    return result, seconds


def resume(folder: Path, num_images: int) -> list[int]:
    """Does what `synth.render` does between its flags and its first image."""
    writer.open_dataset(folder, "synthetic", 0, num_images, {}, [])
    return completeness.missing(folder, range(num_images))


def sizes(scenes: Path) -> float:
    """Prints bytes per person of the scenes as flat JSON and packed, and returns their ratio."""
    people = sum(len(row["people"]) for part in listing.parts(scenes) for _, row in part.rows())
    loose = sum(path.stat().st_size for path in scenes.glob("annotations/*/*.json"))
    copied = scenes.with_name("packed_scenes")
    shutil.copytree(scenes, copied)
    writer.close_dataset(copied, {})
    packed = sum(path.stat().st_size for path in copied.glob("annotations/*.npz"))
    print(f"bytes per person: JSON {loose / people:.0f}, packed {packed / people:.0f} ({packed / loose:.3f})")
    return packed / loose


def make_index(folder: Path, num_records: int, num_shards: int = 256) -> None:
    """Writes manifest and index of a record set whose shards are holes, as `records.writer` would."""
    from openpose_tf.data.records import record_set
    from openpose_tf.data.records import schema as records

    random = np.random.default_rng(0)
    length = random.integers(20_000, 90_000, num_records)
    shard = np.arange(num_records) % num_shards
    offset, ends = np.zeros(num_records, np.int64), []
    for number in range(num_shards):
        own = np.flatnonzero(shard == number)
        offset[own[1:]] = np.cumsum(length[own[:-1]])
        ends.append(int(length[own].sum()))
    features = {name: random.uniform(0, 40, num_records).astype(np.float32) for name in FEATURES}
    folder.mkdir()
    shards = [{"name": records.shard_name("ds", "train", k, num_shards), "bytes": end} for k, end in enumerate(ends)]
    for entry in shards:
        with open(folder / entry["name"], "wb") as file:
            file.truncate(entry["bytes"])
    columns = {"shard": shard.astype(np.int32), "offset": offset, "length": length}
    prefix = records.INDEX_FEATURE_PREFIX
    np.savez(folder / records.INDEX_NAME, **columns, **{f"{prefix}{name}": v for name, v in features.items()})
    manifest = {
        "schema": records.SCHEMA_VERSION, "name": "ds", "split": "train", "num_records": num_records,
        "num_people": num_records, "dropped": {}, "features": sorted(features), "seed": 0, "source": {},
        "distance_side": records.DISTANCE_SIDE, "shards": shards,
        "index_digest": record_set.index_digest(columns["shard"], offset, length, features),
    }  # fmt: skip
    files.write_json(folder / records.MANIFEST_NAME, manifest)


def open_training(folder: Path, rows: str) -> int:
    """Does with an index what a training does before its first batch; returns the records of the stream.

    Args:
        folder: the record set.
        rows: "all", or "group" for the stream of one of ten groups by pitch, scattered over the shards.
    """
    from openpose_tf.data.input.block_reader import BlockReader
    from openpose_tf.data.records.record_set import load_records

    records, _ = timed("  index read and checked", lambda: load_records(folder))
    timed("  digest for the resume check", lambda: records.digest)
    pitch = records.features["camera_pitch_deg"]
    chosen = np.flatnonzero(pitch < 4) if rows == "group" else np.arange(len(records))
    reader, _ = timed(f"  blocks of {rows}", lambda: BlockReader(records, chosen, 16, np.int64(1)))
    timed("  stream opened at a sample in the middle", lambda: reader.dataset(len(chosen) // 2, 2))
    return len(chosen)


def main() -> int:
    """Makes the data set and measures; exit code 1 where an aim is missed."""
    given = flags.FLAGS
    root = Path(given.folder or tempfile.mkdtemp(prefix="million_"))
    scenes, folder, small, index = (root / name for name in ("scenes", "million", "few", "index"))
    try:
        if not (root / "whole").exists():
            root.mkdir(parents=True, exist_ok=given.folder is None)
            timed("scenes sampled", lambda: many.make_scenes(scenes))
            timed(f"{given.num_images} images made up", lambda: many.fill(scenes, folder, given.num_images))
            many.fill(scenes, small, given.num_read)
            (root / "whole").touch()
        return measure(given, root, scenes, folder, small, index)
    finally:
        if not given.keep:
            shutil.rmtree(root)


def measure(given: flags.FlagValues, root: Path, scenes: Path, folder: Path, small: Path, index: Path) -> int:
    """Prints the measurements and returns the exit code."""
    ratio = sizes(scenes)
    shutil.rmtree(root / "packed_scenes")
    middle = given.num_images // 2 + 17
    schema.sample_paths(folder, schema.image_name(middle))["mask"].unlink(missing_ok=True)
    todo, resume_s = timed("resume: what is missing", lambda: resume(folder, given.num_images))
    assert todo == [middle]
    _, again_s = timed("resume, a second time", lambda: resume(folder, given.num_images))
    _, card_s = timed("synth.card", lambda: run_command("synth.card", folder, timeout=3600))
    timed("synth.view --image", lambda: run_command("synth.view", folder, "--image=000123"))
    timed("images listed for records", lambda: len(read_image_dataset(folder)))
    coco = ("synth.to_coco", small, "--output_file", root / "coco.json")
    timed(f"synth.to_coco of {given.num_read}", lambda: run_command(*coco, timeout=3600))
    convert: Sequence[object] = ("synth.to_tfrecords", "--input_dir", small, "--output_dir", root / "records")
    timed(f"synth.to_tfrecords of {given.num_read}", lambda: run_command(*convert, "--overwrite", timeout=3600))
    shutil.rmtree(index, ignore_errors=True)
    timed(f"index of {given.num_records} records made up", lambda: make_index(index, given.num_records))
    for rows in ("all", "group"):
        timed(f"training opens {given.num_records} records", lambda rows=rows: open_training(index, rows))
    return int(max(resume_s, again_s) > LARGEST_RESUME_S or card_s > LARGEST_CARD_S or ratio > 1 / 3)


if __name__ == "__main__":
    cli.run(main, define_flags)
