"""What the benchmark run works through: one entry per group of people, with its image, truth and place.

An image with two groups gives two entries: each is shown to the network at its own scale and keeps its own people.
"""

import collections
import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from absl import logging

from eval.formats import mpii_toolkit
from eval.formats.mpii_from_images import truth_of_people
from eval.formats.prediction_json import image_key
from eval.formats.regions import Region, truth_region
from eval.metrics.groups import GroupTruth
from openpose_tf.common import files
from openpose_tf.common.config_flags import option
from openpose_tf.common.errors import UserError
from openpose_tf.common.file_names import find_file
from openpose_tf.common.imaging import images
from openpose_tf.common.imaging.orientation import ORIENTATION_HELP, ORIENTATIONS, Orientation
from openpose_tf.data.annotations import mat_files, mpii_groups, pixels, readers, splits
from openpose_tf.data.annotations.mpii import WHAT, MpiiImage, MpiiPerson, read_release
from openpose_tf.data.annotations.types import NUM_VALIDATION_GROUPS, AnnotatedImage
from openpose_tf.skeleton import JointState

SPLITS = ("val", "train", "test", "all")


@dataclasses.dataclass(frozen=True)
class Entry:
    """One group of people.

    Attributes:
        image_path: the image.
        truth: its people; without joints where they are not published (MPII's test set).
        region: place and mean scale.
        whole_image: the group is the whole image: nobody predicted is dropped.
        orientation: of the image's pixels that the annotation was made for.
    """

    image_path: Path
    truth: GroupTruth
    region: Region
    whole_image: bool = False
    orientation: Orientation = "stored"


@dataclasses.dataclass(frozen=True)
class EntrySource:
    """Where the groups come from."""

    annotations: str = option(
        dataclasses.MISSING,
        "MPII's annotation .mat (RELEASE), toolkit ground truth (.mat or .json), or an image dataset folder (each "
        "image with people is one group, nobody is dropped).",
        required=True,
    )
    images: str | None = option(None, "Folder of the images; not for an image dataset.")
    split: str = option("val", "Groups of the annotation .mat; other sources are run whole.", choices=SPLITS)
    groups: str | None = option(None, "groups_v12.mat of the MPII toolkit, for the annotation .mat.")
    validation: str | None = option(
        None,
        "Validation split: validation_groups.json or validation_images.txt of openpose_tf.data.to_tfrecords, or JSON "
        "with im_name. Default: random training groups by --seed.",
    )
    num_validation_groups: int = option(NUM_VALIDATION_GROUPS, "Random validation groups (paper: 343).", low=1)
    seed: int = option(0, "Seed of the random validation groups, as given to to_tfrecords.", low=0)
    image_names: str | None = option(None, "Image names for a toolkit .mat without: text, or JSON with im_name.")
    # MPII's files say no sizes that would decide it.
    orientation: str = option(ORIENTATIONS[0], ORIENTATION_HELP, choices=ORIENTATIONS)


def read_entries(source: EntrySource) -> list[Entry]:
    """Returns the entries in the benchmark's order.

    Raises:
        UserError: a file, a flag or an image is missing, or a file is of another form.
    """
    whole_images = readers.read_recognized(source.annotations)
    if whole_images is not None:
        return _image_entries(whole_images, source.annotations)
    if not source.images:
        raise UserError("--images is needed: the folder of the images that the annotations belong to")
    root = files.require_dir(source.images, "the images that the annotations belong to")
    truth = _release_truth(source) if _is_release(source.annotations) else _toolkit_truth(source)
    if not truth:
        raise UserError(f"{source.annotations} holds no group of --split={source.split}: nothing to evaluate")
    paths = {name: find_file(root, name) for name in dict.fromkeys(group.image for group in truth)}
    _require_readable(list(paths.values()))
    notes: collections.Counter[str] = collections.Counter()
    entries, turns, sizes = [], {}, {}
    for name, path in paths.items():
        header = images.read_header(path)
        turns[name] = pixels.decide(header, None, cast(Orientation, source.orientation), notes)
        sizes[name] = header.size(turns[name])
    for index, group in enumerate(truth):
        region = truth_region(group, *sizes[group.image], f"group {index + 1} ({group.image})")
        entries.append(Entry(paths[group.image], group, region, orientation=turns[group.image]))
    for reason, count in notes.items():
        logging.info("%s: %d: %s", source.annotations, count, reason)
    return entries


def _require_readable(paths: list[Path]) -> None:
    """Raises UserError where images are missing or damaged: a score counts all groups."""
    pixels.require_pictures(paths)
    problems = images.find_unreadable(paths)
    if problems:
        listed = "\n  ".join(f"{path} ({problem})" for path, problem in list(problems.items())[: pixels.SHOWN])
        raise UserError(f"{len(problems)} of {len(paths)} images cannot be read:\n  {listed}\ncopy them again")


def _image_entries(annotated: Sequence[AnnotatedImage], path: str) -> list[Entry]:
    entries = []
    for image in annotated:
        if image.people:
            truth = truth_of_people(image.people, image.width, image.height, image.image_path.name)
            region = truth_region(truth, image.width, image.height, f"image {image.image_id}")
            entries.append(Entry(image.image_path, truth, region, whole_image=True))
    if not entries:
        raise UserError(f"{path} holds no image with people: nothing to evaluate")
    _require_readable([entry.image_path for entry in entries])
    return entries


def _is_release(path: str) -> bool:
    """Returns whether a file is MPII's annotation file, by its variables; unreadable files are left to their reader."""
    if Path(path).suffix.lower() != ".mat" or not os.path.isfile(path):
        return False
    try:
        return "RELEASE" in mat_files.variables(path, WHAT)
    except (UserError, PermissionError):  # the reader says what is wrong with it
        return False


def _toolkit_truth(source: EntrySource) -> list[GroupTruth]:
    truth = mpii_toolkit.read_truth(source.annotations)
    if source.image_names:
        names = splits.read_names(source.image_names)
        if len(names) != len(truth):
            raise UserError(f"{source.image_names} names {len(names)} images for {len(truth)} groups: one per group")
        truth = [dataclasses.replace(group, image=name) for group, name in zip(truth, names)]
    unnamed = [index for index, group in enumerate(truth) if not group.image]
    if unnamed:
        raise UserError(
            f"{source.annotations}: group {unnamed[0] + 1} has no image name: give --image_names, a text file with one "
            "name per group or a JSON list with im_name"
        )
    return truth


def _release_truth(source: EntrySource) -> list[GroupTruth]:
    if source.split == "all":
        raise UserError("--split=all: choose val, train or test of the MPII annotation file")
    if not source.groups:
        raise UserError("--groups is needed: groups_v12.mat of the MPII toolkit, which lists the groups of people")
    release = read_release(source.annotations)
    groups = mpii_groups.read_groups(source.groups)
    if source.split == "val":
        chosen = _validation_groups(source, release, groups)
    else:
        chosen = mpii_groups.select_release_groups(groups, release, train=source.split == "train")
    return [_truth_of_group(release[group.image], group.people) for group in chosen]


def _validation_groups(
    source: EntrySource, release: Sequence[MpiiImage], groups: Sequence[Sequence[Sequence[int]]]
) -> Sequence[mpii_groups.Group]:
    if not source.validation:
        return mpii_groups.random_split(groups, release, source.seed, source.num_validation_groups).groups
    content = files.read_json(source.validation, "a list of groups") if source.validation.endswith(".json") else None
    if isinstance(content, dict) and "groups" in content:
        return _listed_groups(content["groups"], release, source.validation)
    names = set(splits.read_names(source.validation))
    known = {image_key(image.name) for image in release if image.is_train}
    missing = sorted(name for name in names if image_key(name) not in known)
    if missing:
        raise UserError(f"{source.validation}: {len(missing)} names are not MPII training images, such as {missing[0]}")
    keys = {image_key(name) for name in names}
    selected = mpii_groups.select_release_groups(groups, release, train=True)
    return [group for group in selected if image_key(release[group.image].name) in keys]


def _listed_groups(rows: Any, release: Sequence[MpiiImage], path: str) -> list[mpii_groups.Group]:
    """Returns the groups of validation_groups.json ({"image", "people" from 1}), in its order."""
    numbers = {image.name: index for index, image in enumerate(release)}
    chosen = []
    for row in rows if isinstance(rows, list) else [rows]:
        try:
            image, people = numbers[row["image"]], tuple(int(person) for person in row["people"])
        except (KeyError, TypeError, ValueError):
            raise UserError(f"{path}: {row!r} is not a group of an image of the annotation file") from None
        if not people or not all(1 <= person <= len(release[image].people) for person in people):
            raise UserError(f"{path}: {row['image']} has no people {list(people)}: another version of the annotations?")
        chosen.append(mpii_groups.Group(image, 0, people))
    return chosen


def _truth_of_group(image: MpiiImage, people: Sequence[int]) -> GroupTruth:
    members = [image.people[number - 1] for number in people if number <= len(image.people)]
    if len(members) != len(people):
        raise UserError(f"{image.name} has {len(image.people)} people, not {max(people)}: groups of another version?")
    return GroupTruth(
        xy=np.array([_known_xy(person) for person in members]),
        visible=np.array([person.is_visible for person in members]),
        head_boxes=np.array([_head_box(person, image.name) for person in members]),
        objpos=np.array([person.objpos for person in members]),
        scales=np.array([person.scale for person in members]),
        image=image.name,
    )


def _known_xy(person: MpiiPerson) -> np.ndarray:
    known = person.keypoints[:, 2:] != JointState.MISSING
    return np.where(known, person.keypoints[:, :2], np.nan)


def _head_box(person: MpiiPerson, name: str) -> np.ndarray:
    if person.head_box is not None:
        return person.head_box
    if person.has_joints:
        raise UserError(f"{name}: a person has joints but no head box: the metric measures in head sizes")
    return np.full(4, np.nan)
