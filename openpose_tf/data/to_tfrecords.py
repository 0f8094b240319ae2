r"""Makes person-crop TFRecords of annotated photographs, or of a rendered dataset.

Example (train on about 60 of 85 photographs, then records of those held out):
    python -m openpose_tf.data.to_tfrecords --format=coco --annotations=person_keypoints.json --images=images \
        --output_dir=runs/coco_train --name=coco --split=train --holdout=25
    python -m openpose_tf.data.to_tfrecords --format=coco --annotations=person_keypoints.json --images=images \
        --output_dir=runs/coco_val --name=coco --split=val --include_list=runs/coco_train/holdout_images.txt
"""

import dataclasses
import os
from pathlib import Path
from typing import Any

from absl import flags, logging

from openpose_tf.common import cli, config_flags, files
from openpose_tf.common.config_flags import option
from openpose_tf.data.annotations import readers, splits, unannotated
from openpose_tf.data.annotations.types import MIN_HEIGHT, TRAIN, VALIDATION, AnnotatedImage, ReadRequest
from openpose_tf.data.records import crops

WITH_SPLIT = " and ".join(name for name, reader in readers.READERS.items() if reader.has_split)
LEAST_JOINTS = ", ".join(f"{reader.min_joints} for {name}" for name, reader in readers.READERS.items())


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecordOptions:
    """The record set; None = the default of the format. `synth.to_tfrecords` has these flags, too."""

    output_dir: str = option(dataclasses.MISSING, "Folder of the record set.", required=True)
    name: str | None = option(
        None,
        "Name of the set in the shards' names; by default the format, in synth.to_tfrecords the dataset's kind.",
    )
    split: str = option(
        TRAIN, f"Split in the shards' names; {TRAIN} or {VALIDATION} chooses the images of {WITH_SPLIT}."
    )
    num_shards: int = option(8, "Number of shard files.", low=1)
    input_size: int = option(
        crops.NETWORK_SIZE,
        "Largest network input, in pixels, that will read the set: crops hold no more detail.",
        low=8,
    )
    min_joints: int | None = option(
        None, f"Least number of joints in the image for a sample; by default {LEAST_JOINTS}.", low=1
    )
    min_height: float | None = option(
        None,
        f"Least height of a sampled person in pixels; by default {MIN_HEIGHT:g}, but 0 for an image_dataset of "
        "rendered people only (synthetic, real_standin): everybody is kept.",
        low=0.0,
    )
    seed: int = option(0, "Seed of the order of records, of a held-out choice and of validation groups.", low=0)
    num_threads: int = option(2, "Images worked on at the same time.", low=1)
    overwrite: bool = option(False, "Replace a record set that is already in --output_dir.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options(RecordOptions, ReadRequest):
    """The flags of this command: which images to read, and the record set."""

    format: str = option("coco", "Kind of annotation.", choices=readers.FORMATS)
    holdout: float | None = option(
        None,
        "Images to hold out, chosen by --seed: a share if below 1, else a number. train_images.txt and "
        "holdout_images.txt are written to --output_dir.",
        low=0.0,
    )


def run(options: Options) -> dict[str, Any]:
    """Writes the record set and returns its counts."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before the first import of TensorFlow
    from openpose_tf.data.records import writer as records

    records.require_free(options.output_dir, options.overwrite)
    found = readers.read(options.format, options)
    if found.split is not None:
        splits.write_split(options.output_dir, found.split, options.format)
    annotated, lists = hold_out(found.images, options)
    rules = crops.SampleRules(
        sample_synthetic=found.sample_synthetic,
        min_joints=options.min_joints or readers.READERS[options.format].min_joints,
        min_height=found.min_height if options.min_height is None else options.min_height,
    )
    crop = crops.CropConfig(max_person_height=400.0 * options.input_size / crops.NETWORK_SIZE)
    config = records.RecordSetConfig(
        name=options.name or options.format,
        split=options.split,
        num_shards=options.num_shards,
        seed=options.seed,
        is_synthetic=found.is_synthetic,
        people_are_real=found.people_are_real,
        rules=rules,
        crop=crop,
        num_threads=options.num_threads,
    )
    facts = found.facts | lists | {"input_size": options.input_size}
    counts = records.write_record_set(annotated, options.output_dir, config, facts, options.overwrite)
    counts |= {"left_out": dict(found.left_out), "notes": dict(found.notes), "unreadable": found.num_unreadable}
    counts["unannotated"] = found.facts.get("unannotated")
    masked = (image.ignore_mask_path is not None or bool(image.ignore_segmentations) for image in annotated)
    counts["masked_images"] = sum(masked)
    return counts


def hold_out(annotated: list[AnnotatedImage], options: Options) -> tuple[list[AnnotatedImage], dict[str, Any]]:
    """Applies --holdout: writes its lists, and returns the images to train on and the lists' hashes."""
    if options.holdout is None:
        return annotated, {}
    train, kept = splits.hold_out(annotated, options.holdout, options.seed)
    folder = files.writable_dir(options.output_dir)
    comment = f"{options.annotations}, --holdout={options.holdout:g} --seed={options.seed}"
    facts = {
        "train_hash": splits.write_list(folder / "train_images.txt", train, f"to train on: {comment}"),
        "holdout_hash": splits.write_list(folder / "holdout_images.txt", kept, f"held out: {comment}"),
    }
    return splits.select(annotated, train, "train_images.txt"), facts


def define_flags() -> None:
    """Defines this command's flags."""
    config_flags.define(Options)


def main() -> int:
    """Runs the command; the exit code is 1 if an image could not be read."""
    return convert(config_flags.build(Options, flags.FLAGS))


def convert(options: Options) -> int:
    """Writes the record set, prints what is in it and what was left out, and returns the exit code."""
    logging.set_verbosity(logging.INFO)
    counts = run(options)
    dropped, left_out, notes = (
        ", ".join(f"{count} {reason}" for reason, count in counts[key].items())
        for key in ("dropped", "left_out", "notes")
    )
    print(
        f"{Path(options.output_dir)}: {counts['records']} records of {counts['images']} images, "
        f"{counts['people']} labelled people in them; not sampled: {dropped or 'nobody'}; "
        f"images with masked regions: {counts['masked_images']}"
        + (f"; left out: {left_out}" if left_out else "")
        + (f"; note: {notes}" if notes else "")
        + (f"; {unannotated.describe(counts['unannotated'])}" if counts["unannotated"] else "")
    )
    return cli.EXIT_MACHINE if counts["unreadable"] else cli.EXIT_OK


if __name__ == "__main__":
    cli.run(main, define_flags)
