"""COCO's ids of images: from an annotation file by file name, or from the number that a file name ends with."""

import collections
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from openpose_tf.common import files
from openpose_tf.common.errors import UserError
from openpose_tf.common.file_names import id_of_name, last_part
from openpose_tf.common.imaging import images
from openpose_tf.inference.image_files import Picture

WHAT = 'a COCO annotation file ({"images": [{"id", "file_name"}]}) of the images'
ImageId = int | str
SHOWN = 10


def file_of(picture: Picture) -> str:
    """Returns the name by which an image is known; frames of a video are VIDEO/000000.jpg and so on."""
    return f"{picture.name}.jpg" if "#" in picture.file else picture.file


class NumberedIds:
    """Ids by `id_of_name`.

    Args:
        names: of all images, as far as they are known.

    Raises:
        UserError: two of them would have the same id.
    """

    def __init__(self, names: Sequence[str]) -> None:
        by_id: dict[ImageId, str] = {}
        for name in names:
            other = by_id.setdefault(id_of_name(name), name)
            if other != name:
                raise UserError(
                    f"--format=coco: {other} and {name} would both have the image id {id_of_name(name)}, the number "
                    f"their names end with: give --annotations, {WHAT}"
                )

    def find(self, picture: Picture, keypoints: np.ndarray) -> tuple[ImageId, np.ndarray] | None:
        """Returns the id of an image, and its people as they are."""
        return id_of_name(file_of(picture)), keypoints


@dataclasses.dataclass(frozen=True)
class _Entry:
    image_id: ImageId
    name: str
    size: tuple[int, int] | None


class AnnotatedIds:
    """Ids as in an annotation file, by file name; folders decide between images of the same name.

    Args:
        path: the file; its annotations and categories do not matter.
        names: of all images, as far as they are known.

    Raises:
        UserError: it is not such a file, or has none of the images.
    """

    def __init__(self, path: str | Path, names: Sequence[str]) -> None:
        self._path = path
        self._by_key: dict[str, list[_Entry]] = collections.defaultdict(list)
        content = files.read_json(path, WHAT)
        rows = content.get("images") if isinstance(content, dict) else None
        if not isinstance(rows, list) or not rows:
            raise UserError(f"{path} has no list of images: expected {WHAT}")
        for number, row in enumerate(rows):
            entry = _entry(row, f"{path}: images[{number}]")
            self._by_key[_key(entry.name)].append(entry)
        unknown = [name for name in names if _key(name) not in self._by_key]
        if names and len(unknown) == len(names):
            raise UserError(f"{path} lists none of the {len(names)} images, such as {names[0]}: expected {WHAT}")
        self.unlisted = len(unknown)

    def find(self, picture: Picture, keypoints: np.ndarray) -> tuple[ImageId, np.ndarray] | None:
        """Returns the id of an image, and its people in the pixels of the annotation; None if it is not listed.

        Raises:
            UserError: several listed images may be the image.
        """
        file = file_of(picture)
        entries = self._by_key.get(_key(file), [])
        if len(entries) > 1:
            length = [_shared(_parts(file), _parts(entry.name)) for entry in entries]
            entries = [entry for entry, shared in zip(entries, length) if shared == max(length)]
        if len(entries) > 1:
            named = ", ".join(entry.name for entry in entries[:SHOWN])
            raise UserError(f"{self._path}: {file} may be {named}: predict one folder at a time")
        return (entries[0].image_id, as_annotated(picture, keypoints, entries[0].size)) if entries else None


def _entry(row: object, where: str) -> _Entry:
    if not isinstance(row, Mapping) or not isinstance(row.get("file_name"), str) or not row["file_name"]:
        raise UserError(f"{where} has no file_name: expected {WHAT}")
    if isinstance(row.get("id"), bool) or not isinstance(row.get("id"), (int, str)):
        raise UserError(f"{where} has no id that is a number or text: expected {WHAT}")
    sides = row.get("width"), row.get("height")
    known = all(isinstance(side, int) and side > 0 for side in sides)
    return _Entry(row["id"], row["file_name"], sides if known else None)  # type: ignore[arg-type]


def _key(name: str) -> str:
    return Path(last_part(name)).stem


def _parts(name: str) -> list[str]:
    return [last_part(part) for part in name.replace("\\", "/").split("/")]


def _shared(first: Sequence[str], second: Sequence[str]) -> int:
    """How many of the last parts of two paths are equal."""
    equal = [a == b for a, b in zip(reversed(first), reversed(second))]
    return equal.index(False) if False in equal else len(equal)


def as_annotated(picture: Picture, keypoints: np.ndarray, size: tuple[int, int] | None) -> np.ndarray:
    """Returns people [K, 15, 3] of an image that was turned upright in the pixels that its annotation is made for.

    These are the stored ones unless only the turned size is the annotated one, as for training (`pixels.decide`).
    """
    height, width = picture.pixels.shape[:2]
    tag = picture.exif_orientation
    if tag == 1 or (tag in images.EXCHANGED and width != height and size == (width, height)):
        return keypoints
    points = keypoints.copy()
    points[..., :2] = np.where(
        keypoints[..., 2:] > 0, images.stored_points(keypoints[..., :2], (width, height), tag), keypoints[..., :2]
    )
    return points
