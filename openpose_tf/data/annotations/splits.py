"""Lists of image ids: which images train and which are kept apart, written to files with a hash."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from openpose_tf.common import files
from openpose_tf.common.errors import UserError
from openpose_tf.common.fingerprints import fingerprint
from openpose_tf.data.annotations.types import AnnotatedImage


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
    if not Path(path).is_file():
        raise UserError(f"list {path} does not exist: expected a text file with one image id or file name per line")
    lines = (line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines())
    ids = [line for line in lines if line and not line.startswith("#")]
    if not ids:
        raise UserError(f"list {path} is empty: expected one image id or file name per line")
    return ids


def select(images: Sequence[AnnotatedImage], ids: Sequence[str], path: str | Path) -> list[AnnotatedImage]:
    """Returns the images named in a list, by image id or file name.

    Raises:
        UserError: the list names images that are not in the data set.
    """
    wanted = set(ids)
    chosen = [image for image in images if {image.image_id, image.image_path.name} & wanted]
    unknown = wanted - {name for image in chosen for name in (image.image_id, image.image_path.name)}
    if unknown:
        shown = ", ".join(sorted(unknown)[:10])
        raise UserError(f"{path}: {len(unknown)} of {len(wanted)} names are not in this data set, such as {shown}")
    return chosen


def hold_out(images: Sequence[AnnotatedImage], amount: float, seed: int) -> tuple[list[str], list[str]]:
    """Splits a data set by images.

    Args:
        images: the data set.
        amount: below 1 the share of images to keep apart, else their number.
        seed: of the choice; it depends on the ids and the seed only, not on the order of the images.

    Returns:
        Image ids to train on and image ids kept apart, both sorted.

    Raises:
        UserError: nothing would be left on one side.
    """
    ids = sorted(image.image_id for image in images)
    number = round(len(ids) * amount) if amount < 1 else round(amount)
    if not 0 < number < len(ids):
        raise UserError(f"--holdout={amount:g} keeps {number} of {len(ids)} images apart: choose at least 1 and fewer")
    order = np.random.default_rng(seed).permutation(len(ids))
    return sorted(ids[k] for k in order[number:]), sorted(ids[k] for k in order[:number])
