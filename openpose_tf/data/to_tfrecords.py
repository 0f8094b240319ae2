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
from openpose_tf.common.errors import UserError
from openpose_tf.data.annotations import mpii_groups, sources, splits
from openpose_tf.data.annotations.types import AnnotatedImage
from openpose_tf.data.records import crops


@dataclasses.dataclass(frozen=True)
class Options:
    """The flags of this command."""

    format: str
    annotations: str | None
    images: str | None
    masks: str | None
    groups: str | None
    num_validation_groups: int
    validation_list: str | None
    output_dir: str
    name: str
    split: str
    num_shards: int
    input_size: int
    min_joints: int
    min_height: float
    include_list: str | None
    exclude_list: str | None
    holdout: float | None
    seed: int
    num_threads: int
    overwrite: bool


def define_flags() -> None:
    """Defines this command's flags."""
    flags.DEFINE_enum("format", "coco", sources.FORMATS, "Kind of annotation.")
    flags.DEFINE_string("annotations", None, "Annotation file, or folder of the image dataset (or of JSON files).")
    flags.DEFINE_string("images", None, "Folder of the pictures (all formats but image_dataset).")
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
    flags.DEFINE_string("output_dir", None, "Folder of the record set.", required=True)
    flags.DEFINE_string("name", None, "Name of the set in the shards' names; the format by default.")
    flags.DEFINE_string(
        "split", "train", "Split in the shards' names; train or val chooses the images of mpii and openpose_json."
    )
    flags.DEFINE_integer("num_shards", 8, "Number of shard files.", lower_bound=1)
    flags.DEFINE_integer(
        "input_size", 368, "Largest network input, in pixels, that will read the set: crops hold no more detail.", 8
    )
    flags.DEFINE_integer(
        "min_joints", None, "Least number of joints in the image for a sample; 5 for coco (as OpenPose), else 1.", 1
    )
    flags.DEFINE_float("min_height", 32.0, "Least height of a sampled person in pixels.", 0.0)
    flags.DEFINE_string("include_list", None, "Text file: only these images (ids or file names).")
    flags.DEFINE_string("exclude_list", None, "Text file: not these images.")
    flags.DEFINE_float(
        "holdout", None, "Images to keep apart, chosen by --seed: a share if below 1, else a number. "
        "train_images.txt and holdout_images.txt are written to --output_dir.", 0.0
    )  # fmt: skip
    flags.DEFINE_integer("seed", 0, "Seed of the held-out choice and of the order of records.")
    flags.DEFINE_integer("num_threads", 2, "Pictures worked on at the same time.", 1)
    flags.DEFINE_bool("overwrite", False, "Replace a record set that is already in --output_dir.")


def run(options: Options) -> dict[str, Any]:
    """Writes the record set and returns its counts."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before the first import of TensorFlow
    from openpose_tf.data.records import writer as records

    records.require_free(options.output_dir, options.overwrite)
    source = sources.read(source_config(options))
    annotated, lists = choose_images(source.images, options)
    rules = crops.SampleRules(
        sample_synthetic=source.sample_synthetic,
        min_joints=options.min_joints or (5 if options.format == "coco" else 1),
        min_height=options.min_height,
    )
    crop = crops.CropConfig(max_person_height=400.0 * options.input_size / crops.NETWORK_SIZE)
    config = records.RecordSetConfig(
        name=options.name or options.format,
        split=options.split,
        num_shards=options.num_shards,
        seed=options.seed,
        is_synthetic=source.is_synthetic,
        people_are_real=source.people_are_real,
        rules=rules,
        crop=crop,
        num_threads=options.num_threads,
    )
    facts = source.facts | lists | {"input_size": options.input_size}
    counts = records.write_record_set(annotated, options.output_dir, config, facts, options.overwrite)
    counts["ignored_regions"] = sum(len(image.ignore_segmentations) for image in annotated)
    return counts


def source_config(options: Options) -> sources.SourceConfig:
    """Returns the part of the flags that says where the annotation is."""
    names = [field.name for field in dataclasses.fields(sources.SourceConfig)]
    return sources.SourceConfig(**{name: getattr(options, name) for name in names})


def choose_images(annotated: list[AnnotatedImage], options: Options) -> tuple[list[AnnotatedImage], dict[str, Any]]:
    """Applies the lists and the held-out split; returns the images to write and the lists' hashes."""
    facts: dict[str, Any] = {}
    if options.include_list:
        annotated = splits.select(annotated, splits.read_list(options.include_list), options.include_list)
    if options.exclude_list:
        excluded = {image.image_id for image in splits.select(
            annotated, splits.read_list(options.exclude_list), options.exclude_list)}  # fmt: skip
        annotated = [image for image in annotated if image.image_id not in excluded]
        facts["excluded_images"] = len(excluded)
    if options.holdout is not None:
        train, kept = splits.hold_out(annotated, options.holdout, options.seed)
        folder = files.writable_dir(options.output_dir)
        comment = f"{options.annotations}, --holdout={options.holdout:g} --seed={options.seed}"
        facts["train_hash"] = splits.write_list(folder / "train_images.txt", train, f"to train on: {comment}")
        facts["holdout_hash"] = splits.write_list(folder / "holdout_images.txt", kept, f"kept apart: {comment}")
        annotated = splits.select(annotated, train, "train_images.txt")
    if not annotated:
        raise UserError("the lists leave no image")
    return annotated, facts


def main() -> None:
    """Runs the command."""
    values = {field.name: flags.FLAGS[field.name].value for field in dataclasses.fields(Options)}
    logging.set_verbosity(logging.INFO)
    options = Options(**values)
    counts = run(options)
    dropped = ", ".join(f"{count} {reason}" for reason, count in counts["dropped"].items()) or "nobody"
    print(
        f"{Path(options.output_dir)}: {counts['records']} records of {counts['images']} images, "
        f"{counts['people']} labelled people in them; not sampled: {dropped}; "
        f"un-annotated regions masked: {counts['ignored_regions']}"
    )


if __name__ == "__main__":
    cli.run(main, define_flags)
