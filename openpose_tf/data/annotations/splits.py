"""Lists of image ids: which images train and which are held out, written to files with a hash."""

import dataclasses
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from absl import logging

from openpose_tf.common import files
from openpose_tf.common.errors import UserError
from openpose_tf.common.fingerprints import fingerprint
from openpose_tf.data.annotations.types import AnnotatedImage, NamedSplit, ReadRequest, ReadResult


def list_hash(ids: Iterable[str]) -> str:
    """Returns a hash (hex, 16 digits) of a set of ids, whatever their order."""
    return fingerprint("\n".join(sorted(ids)))


def write_list(path: str | Path, ids: Sequence[str], comment: str) -> str:
    """Writes one id per line under a comment line, and returns the hash that stands in it."""
    digest = list_hash(ids)
    lines = [f"# {comment}; {len(ids)} ids, hash {digest}", *ids]
    files.write_bytes(path, ("\n".join(lines) + "\n").encode())
    return digest


def read_list(path: str | Path) -> list[str]:
    """Returns the ids of a list file: one per line, empty lines and lines that start with # left out.

    Raises:
        UserError: the file is missing or holds no id.
    """
    what = "a text file with one image id or file name per line"
    ids = files.read_lines(path, what)
    if not ids:
        raise UserError(f"list {path} is empty: expected {what}")
    return ids


def read_names(path: str | Path) -> list[str]:
    """Returns image names of a text list, or of a JSON list whose rows (or rows of `root`) have im_name, in order.

    Raises:
        UserError: missing file, or no such rows.
    """
    if Path(path).suffix != ".json":
        return read_list(path)
    content = files.read_json(path, "a list of images with im_name")
    rows = content.get("root") if isinstance(content, dict) else content
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) and "im_name" in row for row in rows):
        raise UserError(f"{path} is not a list of images with im_name")
    return [str(row["im_name"]) for row in rows]


def write_split(folder: str | Path, split: NamedSplit, title: str) -> None:
    """Writes train_images.txt, validation_images.txt and, where the split has groups, validation_groups.json."""
    root = files.writable_dir(folder)
    write_list(root / "train_images.txt", split.train, f"{title} images to train on")
    write_list(root / "validation_images.txt", split.validation, f"{title} images held out")
    if split.groups is not None:
        files.write_json(root / "validation_groups.json", split.groups)
    logging.info(
        "%s: %d images to train on, %d held out; lists in %s", title, len(split.train), len(split.validation), root
    )


def choose(found: ReadResult, request: ReadRequest) -> ReadResult:
    """Returns the images that the request's lists choose.

    Raises:
        UserError: a list names an image that the annotation does not have, or no image is left.
    """
    images, facts = found.images, found.facts
    for path, wanted in ((request.include_list, True), (request.exclude_list, False)):
        if path:
            ids = {image.image_id for image in select(images, read_list(path), path, found.left_out_images)}
            facts = facts if wanted else facts | {"excluded_images": len(ids)}
            images = [image for image in images if (image.image_id in ids) == wanted]
    if not images and not (request.include_list or request.exclude_list):
        why = ", ".join(f"{count} left out: {reason}" for reason, count in found.left_out.items())
        raise UserError(f"{request.annotations}: no image is left ({why or 'it has none'})")
    if not images:
        raise UserError(f"{request.annotations}: the lists leave no image")
    return dataclasses.replace(found, images=images, facts=facts)


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name.replace("\\", "/"))


def _ends(path: Path, longest: int) -> list[str]:
    """Returns a file's name alone and behind 1 to `longest` of its folders."""
    parts = _composed(path.as_posix()).split("/")
    return ["/".join(parts[-length:]) for length in range(1, min(longest + 1, len(parts)) + 1)]


def select(
    images: Sequence[AnnotatedImage], ids: Sequence[str], path: str | Path, left_out: frozenset[str] = frozenset()
) -> list[AnnotatedImage]:
    """Returns the images named in a list: by image id, file name, or path, of which the end is enough.

    Args:
        images: the data set.
        ids: the names.
        path: the list, for the message.
        left_out: names of images that their reader left out, which a list may still name.

    Raises:
        UserError: the list names images that are not in the data set.
    """
    wanted = {_composed(name) for name in ids}
    longest = max((name.count("/") for name in wanted), default=0)
    names = [{_composed(image.image_id), *_ends(image.image_path, longest)} for image in images]
    chosen = [image for image, known in zip(images, names) if known & wanted]
    unknown = wanted.difference(*names, map(_composed, left_out))
    if unknown:
        shown = ", ".join(sorted(unknown)[:10])
        raise UserError(f"{path}: {len(unknown)} of {len(wanted)} names are not in this data set, such as {shown}")
    return chosen


def hold_out(images: Sequence[AnnotatedImage], amount: float, seed: int) -> tuple[list[str], list[str]]:
    """Splits a data set by images.

    Args:
        images: the data set.
        amount: below 1 the share of images to hold out, else their number.
        seed: of the choice; it depends on the ids and the seed only, not on the order of the images.

    Returns:
        Image ids to train on and image ids held out, both sorted.

    Raises:
        UserError: nothing would be left on one side.
    """
    ids = sorted(image.image_id for image in images)
    number = round(len(ids) * amount) if amount < 1 else round(amount)
    if not 0 < number < len(ids):
        raise UserError(f"--holdout={amount:g} holds out {number} of {len(ids)} images: choose at least 1 and fewer")
    order = np.random.default_rng(seed).permutation(len(ids))
    return sorted(ids[k] for k in order[number:]), sorted(ids[k] for k in order[:number])
