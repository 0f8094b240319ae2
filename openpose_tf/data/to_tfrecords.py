"""Makes person-crop TFRecords of annotated pictures: COCO, MPII, OpenPose JSON, or a rendered image dataset.

Example (train on about 60 of 85 photographs, then records of those kept apart):
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

from openpose_tf.common import cli, files
from openpose_tf.common.images import ORIENTATION_HELP, ORIENTATIONS, Orientation
from openpose_tf.data.annotations import mpii_groups, readers, splits
from openpose_tf.data.annotations.types import MIN_HEIGHT, AnnotatedImage, ReadRequest
from openpose_tf.data.records import crops


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of this command; None = the default of the format."""

    format: str
    annotations: str
    output_dir: str
    images: str | None = None
    masks: str | None = None
    groups: str | None = None
    num_validation_groups: int | None = None
    validation_list: str | None = None
    name: str | None = None
    split: str = "train"
    num_shards: int = 8
    input_size: int = crops.NETWORK_SIZE
    min_joints: int | None = None
    min_height: float | None = None
    include_list: str | None = None
    exclude_list: str | None = None
    orientation: Orientation = "stored"
    holdout: float | None = None
    seed: int = 0
    num_threads: int = 2
    overwrite: bool = False


def define_flags() -> None:
    """Defines this command's flags."""
    own_pictures = ", ".join(name for name, reader in readers.READERS.items() if not reader.needs_images)
    flags.DEFINE_enum("format", "coco", readers.FORMATS, "Kind of annotation.")
    flags.DEFINE_string("annotations", None, "Annotation file, or folder of the image dataset (or of JSON files).")
    flags.DEFINE_string("images", None, f"Folder of the pictures (all formats but {own_pictures}).")
    flags.DEFINE_string("masks", None, "Folder of masks of un-annotated people, mask_NAME (mpii, openpose_json).")
    flags.DEFINE_string("groups", None, "groups_v12.mat of the MPII toolkit, for a random split (mpii).")
    flags.DEFINE_integer(
        "num_validation_groups", mpii_groups.NUM_VALIDATION_GROUPS, "Groups kept apart by --seed, with their images "
        "(mpii; 343: paper Sec. 5).", 1
    )  # fmt: skip
    flags.DEFINE_string(
        "validation_list", None, "Names of the MPII validation images instead of a random split: text, or JSON with "
        "im_name.",
    )  # fmt: skip
    flags.DEFINE_string("include_list", None, "Text file: only these images (ids or file names).")
    flags.DEFINE_string("exclude_list", None, "Text file: not these images.")
    flags.DEFINE_enum("orientation", "stored", ORIENTATIONS, ORIENTATION_HELP)
    flags.DEFINE_float(
        "holdout", None, "Images to keep apart, chosen by --seed: a share if below 1, else a number. "
        "train_images.txt and holdout_images.txt are written to --output_dir.", 0.0
    )  # fmt: skip
    define_record_flags()


def define_record_flags() -> None:
    """Defines the flags of the record set, which `synth.to_tfrecords` has too."""
    with_split = " and ".join(name for name, reader in readers.READERS.items() if reader.has_split)
    least = ", ".join(f"{reader.min_joints} for {name}" for name, reader in readers.READERS.items())
    flags.DEFINE_string("output_dir", None, "Folder of the record set.", required=True)
    flags.DEFINE_string(
        "name", None, "Name of the set in the shards' names; by default the format, in synth.to_tfrecords the "
        "dataset's kind.",
    )  # fmt: skip
    flags.DEFINE_string(
        "split", "train", f"Split in the shards' names; train or val chooses the images of {with_split}."
    )
    flags.DEFINE_integer("num_shards", 8, "Number of shard files.", lower_bound=1)
    flags.DEFINE_integer(
        "input_size", 368, "Largest network input, in pixels, that will read the set: crops hold no more detail.", 8
    )
    flags.DEFINE_integer(
        "min_joints", None, f"Least number of joints in the image for a sample; by default {least}.", 1
    )
    flags.DEFINE_float(
        "min_height", None, f"Least height of a sampled person in pixels; by default {MIN_HEIGHT:g}, but 0 for an "
        "image_dataset of rendered people only (synthetic, real_standin): everybody is kept.", 0.0
    )  # fmt: skip
    flags.DEFINE_integer("seed", 0, "Seed of the order of records, and of a held-out choice.", lower_bound=0)
    flags.DEFINE_integer("num_threads", 2, "Pictures worked on at the same time.", 1)
    flags.DEFINE_bool("overwrite", False, "Replace a record set that is already in --output_dir.")


def run(options: Options) -> dict[str, Any]:
    """Writes the record set and returns its counts."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before the first import of TensorFlow
    from openpose_tf.data.records import writer as records

    records.require_free(options.output_dir, options.overwrite)
    names = [field.name for field in dataclasses.fields(ReadRequest)]
    found = readers.read(options.format, ReadRequest(**{name: getattr(options, name) for name in names}))
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
    counts["ignored_regions"] = sum(len(image.ignore_segmentations) for image in annotated)
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
        "holdout_hash": splits.write_list(folder / "holdout_images.txt", kept, f"kept apart: {comment}"),
    }
    return splits.select(annotated, train, "train_images.txt"), facts


def main() -> int:
    """Runs the command; the exit code is 1 if a picture could not be read."""
    values = {field.name: flags.FLAGS[field.name].value for field in dataclasses.fields(Options)}
    return convert(Options(**values))


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
        f"un-annotated regions masked: {counts['ignored_regions']}"
        + (f"; left out: {left_out}" if left_out else "")
        + (f"; note: {notes}" if notes else "")
    )
    return cli.EXIT_MACHINE if counts["unreadable"] else cli.EXIT_OK


if __name__ == "__main__":
    cli.run(main, define_flags)
