"""The annotated photographs behind a mixed dataset: read by their format's reader, checked, kept as rows.

The rows are written to DIR/photographs.jsonl, one photograph per line, so that a worker reads only the lines it needs
and a dataset tells by itself what it was made of.
"""

import dataclasses
import functools
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from openpose_tf.common import files
from openpose_tf.common.errors import UserError
from openpose_tf.common.fingerprints import canonical_json, fingerprint
from openpose_tf.data.annotations import readers
from openpose_tf.data.annotations.types import AnnotatedImage, Person, ReadRequest, ReadResult

LIST_NAME = "photographs.jsonl"


@dataclasses.dataclass(frozen=True)
class PhotographList:
    """The photographs of one dataset, as workers get them.

    Attributes:
        path: the file with one row per photograph.
        count: number of photographs.
        digest: hash of all that is known of them but for the folders they are in.
    """

    path: str
    count: int
    digest: str


def read_photographs(name: str, request: ReadRequest) -> ReadResult:
    """Returns the annotated training photographs; the people of a rendered stand-in for photographs count as real.

    Args:
        name: format, a key of `readers.READERS`.
        request: which.

    Raises:
        UserError: an annotation that cannot be understood, photographs missing or of another size, or nothing left.
    """
    found = readers.read(name, request)
    if found.is_synthetic:
        raise UserError(
            f"--annotations={request.annotations} is a {found.kind} dataset: --dataset=mixed takes a stand-in for "
            "photographs (python -m synth.render --dataset=real_standin), or annotated photographs"
        )
    real = [_as_real(one) for one in found.images] if found.people_are_real else found.images
    return dataclasses.replace(found, images=real)


def _as_real(image: AnnotatedImage) -> AnnotatedImage:
    return dataclasses.replace(
        image, people=tuple(dataclasses.replace(person, is_synthetic=False) for person in image.people)
    )


def describe_list(photographs: Sequence[AnnotatedImage], folder: Path) -> PhotographList:
    """Returns the description of a dataset's photographs; the list itself is written by `write_list`."""
    digest = fingerprint(*(canonical_json(_without_folders(to_row(one))) for one in photographs))
    return PhotographList(str((folder / LIST_NAME).resolve()), len(photographs), digest)


def write_list(photographs: Sequence[AnnotatedImage], described: PhotographList) -> None:
    """Writes photographs.jsonl into the dataset."""
    rows = [json.dumps(to_row(one), allow_nan=False).encode() + b"\n" for one in photographs]
    files.write_bytes(described.path, b"".join(rows))


def _without_folders(row: dict[str, Any]) -> dict[str, Any]:
    """The row with names instead of paths, and the size in bytes of a mask, so that a moved folder is the same."""
    mask = row["ignore_mask_path"]
    named = None if mask is None else [Path(mask).name, Path(mask).stat().st_size]
    return row | {"path": Path(row["path"]).name, "ignore_mask_path": named}


def load_photograph(photographs: PhotographList, number: int) -> AnnotatedImage:
    """Returns photograph `number`, 0 .. count - 1, reading its line only.

    Raises:
        UserError: the list is gone or was changed.
    """
    try:
        with open(photographs.path, "rb") as file:
            start, end = _line_ends(photographs)[number : number + 2]
            file.seek(start)
            return from_row(json.loads(file.read(end - start)))
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{photographs.path} cannot be read ({error!r}): start synth.render again") from None


@functools.lru_cache(maxsize=2)
def _line_ends(photographs: PhotographList) -> list[int]:
    """Positions of the first byte of every line, and of the end."""
    content = np.fromfile(photographs.path, np.uint8)
    newlines = np.flatnonzero(content == ord("\n"))
    return [0, *(int(place) + 1 for place in newlines)]


def to_row(one: AnnotatedImage) -> dict[str, Any]:
    """Returns an annotated image as JSON-able data; numbers keep all their digits, null = not known."""
    turned = {} if one.orientation == "stored" else {"orientation": one.orientation}
    return turned | {
        "image_id": one.image_id,
        "path": str(one.image_path.resolve()),
        "width": one.width,
        "height": one.height,
        "labelled_joints": [bool(known) for known in one.labelled_joints],
        "ignore_mask_path": None if one.ignore_mask_path is None else str(one.ignore_mask_path.resolve()),
        "ignore_segmentations": [_plain(region) for region in one.ignore_segmentations],
        "people": [person_row(person) for person in one.people],
    }


def person_row(person: Person) -> dict[str, Any]:
    """Returns a person's own ground truth as JSON-able data."""
    return {
        "keypoints": person.keypoints.tolist(),
        "objpos": person.objpos.tolist() if np.isfinite(person.objpos).all() else None,
        "scale": float(person.scale) if math.isfinite(person.scale) else None,
        "head_box": None if person.head_box is None else person.head_box.tolist(),
        "area": person.area,
        "is_synthetic": person.is_synthetic,
    }


def _plain(region: Any) -> Any:
    """A COCO segmentation without bytes."""
    if isinstance(region, dict) and isinstance(region["counts"], bytes):
        return {**region, "counts": region["counts"].decode("ascii")}
    return region


def from_row(row: dict[str, Any]) -> AnnotatedImage:
    """Returns the annotated image of a row."""
    mask = row["ignore_mask_path"]
    return AnnotatedImage(
        image_id=row["image_id"],
        image_path=Path(row["path"]),
        width=row["width"],
        height=row["height"],
        people=tuple(_person(entry) for entry in row["people"]),
        labelled_joints=tuple(row["labelled_joints"]),
        ignore_mask_path=None if mask is None else Path(mask),
        ignore_segmentations=tuple(row["ignore_segmentations"]),
        orientation=row.get("orientation", "stored"),
    )


def _person(entry: dict[str, Any]) -> Person:
    return Person(
        keypoints=np.array(entry["keypoints"], np.float64),
        objpos=np.array(entry["objpos"] or [math.nan, math.nan], np.float64),
        scale=math.nan if entry["scale"] is None else entry["scale"],
        head_box=None if entry["head_box"] is None else np.array(entry["head_box"], np.float64),
        is_synthetic=entry["is_synthetic"],
        area=entry["area"],
    )
