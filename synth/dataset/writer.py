"""Writes image datasets: dataset.json, images/, masks/, depth/, annotations/; each image whole or not at all."""

import dataclasses
import importlib.metadata
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl import logging

from openpose_tf.common import files
from openpose_tf.common.errors import UserError
from openpose_tf.common.folder_claim import FolderClaim
from openpose_tf.common.imaging import images
from openpose_tf.data.annotations import image_dataset_schema as schema
from synth.dataset import index, packing
from synth.dataset.index import Index

CLAIM = FolderClaim(
    schema.HEADER, "the header of an image dataset", "give the same flags to resume, or a different output folder"
)
VERSIONED_PACKAGES = ("numpy", "opencv-python", "scipy")
BACKGROUND_M = 60.0  # depth of 60 m or more is background in a depth image


def flags_of_old(kind: str) -> dict[str, str]:
    """Returns the values of flags that older datasets of a kind do not name."""
    if kind == "stylized":
        return {}
    own = {"photo_match": "all"} if kind == "mixed" else {"ground": "anywhere"}
    return {"look": "painted", "places": "first"} | own


def remembered_flags(folder: Path, kind: str) -> dict[str, Any]:
    """Returns the flags that made the dataset in a folder; none where there is none.

    Raises:
        UserError: the header is something else.
    """
    header = CLAIM.check(folder, {})
    return {} if header is None else flags_of_old(kind) | header.get("flags", {})


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
        flags: everything else that decides the images.
        licences: what the images are made of, see `DATASET_CARD.md`.
        packages: those of the renderer, whose versions decide the pixels too.

    Raises:
        UserError: the folder holds a dataset of other flags (the message says which), or something else.
    """
    settings = {"schema": schema.schema_of(folder), "kind": kind, "seed": seed, "flags": dict(flags)}
    older = {"flags": {name: value for name, value in flags_of_old(kind).items() if name in flags}}
    old = dataclasses.replace(CLAIM, older=older).check(folder, settings)
    if old is None and next((folder / schema.ANNOTATIONS).glob("*"), None) is not None:
        raise UserError(f"{folder} holds annotations but no {schema.HEADER}: choose a different output folder")
    old = old or {}
    now = versions(packages)
    for name, before in old.get("versions", {}).items():
        if before != now.get(name):
            logging.warning("%s: %s was %s, now %s: pixels may differ", folder, name, before, now.get(name))
    header = settings | {"num_images": max(num_images, int(old.get("num_images", 0))), "versions": now}
    files.writable_dir(folder)
    files.write_json(folder / schema.HEADER, header | {"licences": licences, "counts": old.get("counts", {})})


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
    row: dict[str, Any] = {"schema": schema.schema_of(folder), "image_id": name}
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


def close_dataset(folder: Path, dropped_backgrounds: Mapping[str, int], pack: bool = True) -> Index:
    """Counts what is in the dataset into dataset.json and returns the index.

    Args:
        folder: the dataset.
        dropped_backgrounds: numbers of background photographs that were not used, by reason.
        pack: packs the annotations first; False while other jobs still make images.
    """
    if pack:
        packing.pack_all(folder)
    found = index.read(folder)
    counts = found.summary() | {"backgrounds_dropped": dict(dropped_backgrounds)}
    header = files.read_json(folder / schema.HEADER, "the header of an image dataset")
    files.write_json(folder / schema.HEADER, header | {"counts": counts})
    return found
