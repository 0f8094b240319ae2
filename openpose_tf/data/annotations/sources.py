"""The kinds of annotation that can be made records: which images of them, and how their domain is marked."""

import dataclasses
from pathlib import Path
from typing import Any

from absl import logging

from openpose_tf.common import files
from openpose_tf.common.errors import UserError
from openpose_tf.data.annotations import coco, image_dataset, mpii, mpii_groups, openpose_json, splits
from openpose_tf.data.annotations.types import AnnotatedImage

FORMATS = ("coco", "mpii", "openpose_json", "image_dataset")
TRAIN, VALIDATION = "train", "val"


@dataclasses.dataclass(frozen=True)
class SourceConfig:
    """Where the annotation is and which part of it is wanted.

    Attributes:
        format: one of FORMATS.
        annotations: annotation file, folder of JSON files (openpose_json) or image dataset.
        images: folder of the pictures; None for an image dataset.
        masks: folder of masks of un-annotated people, mask_NAME (mpii, openpose_json), or None.
        split: "train" or "val" chooses the images for mpii and openpose_json; a name only for the others.
        groups: groups_v12.mat (mpii), for a random split.
        num_validation_groups: groups of the random split (mpii).
        validation_list: list of validation images (mpii) instead of the random split: text, or JSON with im_name.
        seed: of the random split.
        output_dir: where the lists of the split are written.
    """

    format: str
    annotations: str | None
    images: str | None
    masks: str | None
    split: str
    groups: str | None
    num_validation_groups: int
    validation_list: str | None
    seed: int
    output_dir: str


@dataclasses.dataclass(frozen=True)
class Source:
    """Annotated images and what they are.

    Attributes:
        images: the images.
        facts: what to write of them in the manifest.
        is_synthetic: domain of the samples.
        people_are_real: rendered people stand in for real ones.
        sample_synthetic: rendered people are samples.
    """

    images: list[AnnotatedImage]
    facts: dict[str, Any]
    is_synthetic: bool = False
    people_are_real: bool = False
    sample_synthetic: bool = False


def read(config: SourceConfig) -> Source:
    """Returns the images of the annotation.

    Raises:
        UserError: a flag is missing, or the annotation is not what it should be.
    """
    if not config.annotations:
        raise UserError(f"--annotations is needed for --format={config.format}")
    facts = {"format": config.format, "annotations": str(config.annotations)}
    if config.format == "image_dataset":
        return _image_dataset(config.annotations, facts)
    if not config.images:
        raise UserError(f"--images is needed for --format={config.format}: the folder of the pictures")
    if config.format == "coco":
        return Source(coco.read_coco(config.annotations, config.images), facts)
    if config.split not in (TRAIN, VALIDATION):
        raise UserError(f"--split={config.split}: --format={config.format} knows {TRAIN} and {VALIDATION}")
    if config.format == "openpose_json":
        validation = config.split == VALIDATION
        images = openpose_json.read_openpose_json(config.annotations, config.images, validation, config.masks)
        return Source(images, facts, sample_synthetic=False)
    return _mpii(config, config.annotations, config.images, facts)


def _image_dataset(folder: str, facts: dict[str, Any]) -> Source:
    header = image_dataset.read_header(folder)
    kind = header["kind"]
    return Source(
        images=image_dataset.read_image_dataset(folder),
        facts=facts | {"kind": kind, "licences": header.get("licences", [])},
        is_synthetic=kind != "real_standin",
        people_are_real=kind == "real_standin",
        sample_synthetic=kind in ("synthetic", "real_standin"),
    )


def _mpii(config: SourceConfig, annotations: str, images_dir: str, facts: dict[str, Any]) -> Source:
    release = mpii.read_release(annotations)
    split = _mpii_split(config, release)
    train = [release[k].name for k in split.train]
    validation = [release[k].name for k in split.validation]
    folder = files.writable_dir(config.output_dir)
    facts = facts | {
        "train_hash": splits.write_list(folder / "train_images.txt", train, "MPII images to train on"),
        "validation_hash": splits.write_list(folder / "validation_images.txt", validation, "MPII images kept apart"),
    }
    if split.groups:
        path = folder / "validation_groups.json"
        facts["validation_groups_hash"] = mpii_groups.write_groups(path, split, release, config.seed)
    logging.info(
        "MPII: %d images to train on, %d kept apart (%d groups); lists in %s",
        len(train), len(validation), len(split.groups), folder,
    )  # fmt: skip
    wanted = split.validation if config.split == VALIDATION else split.train
    return Source(mpii.annotated_images([release[k] for k in wanted], images_dir, config.masks), facts)


def _mpii_split(config: SourceConfig, release: tuple[mpii.MpiiImage, ...]) -> mpii_groups.Split:
    if config.validation_list:
        names = read_names(config.validation_list)
        return mpii_groups.listed_split(names, release, config.validation_list)
    if not config.groups:
        raise UserError(
            "--format=mpii needs --groups=groups_v12.mat for a random split of validation groups, or "
            "--validation_list=FILE with the names of the validation images"
        )
    groups = mpii_groups.read_groups(config.groups)
    return mpii_groups.random_split(groups, release, config.seed, config.num_validation_groups)


def read_names(path: str | Path) -> list[str]:
    """Returns image names of a text list, or of a JSON list whose rows (or rows of `root`) have im_name.

    Raises:
        UserError: missing file, or no such rows.
    """
    if Path(path).suffix != ".json":
        return splits.read_list(path)
    what = "a JSON list of validation images with im_name"
    content = files.read_json(path, what)
    rows = content.get("root") if isinstance(content, dict) else content
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) and "im_name" in row for row in rows):
        raise UserError(f"{path}: expected {what}")
    return list(dict.fromkeys(str(row["im_name"]) for row in rows))
