"""Writes image datasets: dataset.json, images/, masks/, depth/, annotations/; each image whole or not at all."""

import collections
import dataclasses
import importlib.metadata
import json
import platform
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl import logging

from openpose_tf.common import files
from openpose_tf.common.errors import UserError
from openpose_tf.common.folder_claim import FolderClaim
from openpose_tf.common.imaging import images
from openpose_tf.data.annotations import image_dataset_schema as schema
from openpose_tf.skeleton import JointState

CLAIM = FolderClaim(
    schema.HEADER, "the header of an image dataset", "give the same flags to resume, or a different output folder"
)
VERSIONED_PACKAGES = ("numpy", "opencv-python", "scipy")
BACKGROUND_M = 60.0  # depth of 60 m or more is background in a depth picture


def flags_of_old(kind: str) -> dict[str, str]:
    """Returns the values of flags that older datasets of a kind do not name."""
    if kind == "stylized":
        return {}
    return {"look": "painted"} | ({"photo_match": "all"} if kind == "mixed" else {})


def versions(packages: Sequence[str]) -> dict[str, str]:
    """Returns the versions of what decides the pixels: some packages, and those that every image depends on."""
    found = {"python": platform.python_version()}
    for package in (*packages, *VERSIONED_PACKAGES):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "missing"
    return found


def open_dataset(
    folder: Path,
    kind: str,
    seed: int,
    num_images: int,
    flags: Mapping[str, Any],
    licences: list,
    packages: Sequence[str] = (),
) -> None:
    """Makes the folder of a dataset, or checks that an existing one was made the same way.

    Args:
        folder: the dataset.
        kind: `synthetic`, `real_standin`, `mixed` or `stylized`.
        seed: master seed.
        num_images: images wanted; a finished dataset may be extended by asking for more.
        flags: everything else that decides the pictures.
        licences: what the pictures are made of, see `DATASET_CARD.md`.
        packages: those of the renderer, whose versions decide the pixels too.

    Raises:
        UserError: the folder holds a dataset of other flags (the message says which), or something else.
    """
    settings = {"schema": schema.SCHEMA, "kind": kind, "seed": seed, "flags": dict(flags)}
    older = {"flags": {name: value for name, value in flags_of_old(kind).items() if name in flags}}
    old = dataclasses.replace(CLAIM, older=older).check(folder, settings)
    if old is None and schema.annotation_paths(folder):
        raise UserError(f"{folder} holds annotations but no {schema.HEADER}: choose a different output folder")
    old = old or {}
    now = versions(packages)
    for name, before in old.get("versions", {}).items():
        if before != now.get(name):
            logging.warning("%s: %s was %s, now %s: pixels may differ", folder, name, before, now.get(name))
    header = settings | {"num_images": max(num_images, int(old.get("num_images", 0))), "versions": now}
    files.writable_dir(folder)
    files.write_json(folder / schema.HEADER, header | {"licences": licences, "counts": old.get("counts", {})})


def is_complete(folder: Path, name: str) -> bool:
    """True if the annotation, which is written last, can be read and the pictures it names are there."""
    paths = schema.sample_paths(folder, name)
    try:
        row = json.loads(paths["annotation"].read_text(encoding="utf-8"))
        names = [row["image"], row["mask"], *(row[name] for name in ("depth", "ignore_mask") if row.get(name))]
        return all((folder / picture).stat().st_size > 0 for picture in names)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def missing(folder: Path, indices: Iterable[int]) -> list[int]:
    """Returns the indices whose images are not complete; what an interrupted writer left of them is removed."""
    todo = [index for index in indices if not is_complete(folder, schema.image_name(index))]
    names = {schema.image_name(index) for index in todo}
    for part in folder.glob("*/.*.part.*"):
        if part.name.split(".")[1] in names:
            part.unlink(missing_ok=True)
    return todo


def write_sample(
    folder: Path,
    name: str,
    image: np.ndarray,
    ids: np.ndarray,
    depth: np.ndarray | None,
    annotation: dict,
    quality: int,
    ignore: np.ndarray | None = None,
) -> None:
    """Writes one image; the annotation comes last, so its presence means that the image is complete.

    Args:
        folder: the dataset.
        name: id of the image.
        image: [height, width, 3] uint8 RGB.
        ids: [height, width] instance ids, 0 = background.
        depth: [height, width] metres, or None to write none.
        annotation: JSON-able; the names of the files and the size are added.
        quality: JPEG quality.
        ignore: [height, width] bool, where people without annotation are, or None for nowhere.
    """
    paths = schema.sample_paths(folder, name)
    images.write(paths["image"], image, quality)
    images.write(paths["mask"], ids.astype(np.uint16))
    row: dict[str, Any] = {"schema": schema.SCHEMA, "image_id": name}
    row["image"], row["mask"] = (str(paths[role].relative_to(folder)) for role in ("image", "mask"))
    if depth is not None:
        millimetres = np.where((ids > 0) & (depth < BACKGROUND_M), depth * 1000, 0).round().astype(np.uint16)
        images.write(paths["depth"], millimetres)
        row["depth"] = str(paths["depth"].relative_to(folder))
    row |= {"width": int(image.shape[1]), "height": int(image.shape[0])} | annotation
    if ignore is not None:
        images.write(paths["ignore_mask"], ignore)
        row["ignore_mask"] = str(paths["ignore_mask"].relative_to(folder))
    files.write_json(paths["annotation"], row, indent=None)


def close_dataset(folder: Path, indices: Iterable[int], dropped_backgrounds: Mapping[str, int]) -> dict[str, Any]:
    """Counts what is in the dataset into dataset.json and returns the counts."""
    counts = count_annotations(folder, indices)
    counts["backgrounds_dropped"] = dict(dropped_backgrounds)
    header = files.read_json(folder / schema.HEADER, "the header of an image dataset")
    files.write_json(folder / schema.HEADER, header | {"counts": counts})
    return counts


def count_annotations(folder: Path, indices: Iterable[int]) -> dict[str, Any]:
    """Returns numbers of images, people, keypoints by state, poses, and placement tries of the complete images."""
    totals: collections.Counter[str] = collections.Counter()
    states: collections.Counter[str] = collections.Counter()
    poses: collections.Counter[str] = collections.Counter()
    for index in indices:
        path = schema.sample_paths(folder, schema.image_name(index))["annotation"]
        if not path.exists():
            continue
        row = schema.read_annotation(path)
        totals["images"] += 1
        totals["people"] += len(row["people"])
        for part in ("placement", "carried_over"):
            totals.update(row.get(part, {}))
        for person in row["people"]:
            states.update(JointState(int(point[2])).name.lower() for point in person["keypoints"])
            if "pose_tag" in person:  # not of real people
                poses[person["pose_tag"]] += 1
    return {**totals, "keypoints": dict(sorted(states.items())), "poses": dict(sorted(poses.items()))}
