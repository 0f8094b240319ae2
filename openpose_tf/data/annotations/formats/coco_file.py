"""Parses COCO person keypoint files; the record reader and the OKS evaluation both start from what this returns.

So the same file means the same to both:
* A person is an annotation whose category lists a person's keypoints; other categories are nobody.
* Ids of images and categories mean the same as number and as text (7, 7.0, "7", "007"). An id, or a file name, that is
  given twice is refused: two exports that both count from 1 would exchange their people. Null is no id.
* Annotations whose image or category the file does not list, or that name none, are left out and counted.
* A person without keypoints, or with an empty list of them, is a person without a labelled joint. A list of three
  numbers for each joint is read as the flat list.
* A joint is labelled if its flag is above 0, as in COCO's own evaluation. Flags other than 0, 1 and 2, such as
  confidences, are counted; above 0 they mean visible, as do all others above 0 of that person.
* Of joints with the same name the first counts. Numbers beyond a million pixels are not known.
* Where there is no box, or an empty one, it is that of the labelled joints; an area of 0 is not known.
"""

import collections
import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from openpose_tf.common import files
from openpose_tf.common.errors import UserError
from openpose_tf.skeleton import MPII_JOINTS

WHAT = "a COCO person keypoints file"
LISTS = ("images", "annotations", "categories")
FARTHEST = 10**6  # pixels; places and sizes beyond it are damage
LIMB_JOINTS = tuple(name for name in MPII_JOINTS if name[:2] in ("l_", "r_"))
UNUSABLE_REGION = "region of un-annotated people without as many x as y: left out"
ODD_FLAGS = "person with visibility flags other than 0, 1 and 2: above 0 is labelled"
# Names of MPII's joints in COCO-like data sets.
ALIASES = {"head": "head_top", "top_head": "head_top", "neck": "upper_neck", "head_bottom": "upper_neck"}


@dataclasses.dataclass(frozen=True)
class CocoPerson:
    """One annotated person, or crowd.

    Attributes:
        joints: names of the keypoints, K, in this project's words (l_shoulder, upper_neck, head_top, ...).
        keypoints: [K, 3] float64 (x, y, flag), flag 0 not labelled, 1 occluded, 2 visible; zeros for a person without.
        box: (x, y, width, height) in pixels, of the labelled joints where the file has none; None without either.
        area: square pixels, positive, or None.
        is_crowd: a region with many people.
        segmentation: list of polygons or a run length dict, or None.
    """

    joints: tuple[str, ...]
    keypoints: np.ndarray
    box: tuple[float, float, float, float] | None
    area: float | None
    is_crowd: bool
    segmentation: Any


@dataclasses.dataclass(frozen=True)
class CocoImage:
    """One image.

    Attributes:
        image_id: its id, as text.
        file_name: as in the file.
        width, height: pixels, or None where the file does not say.
        people: people and crowds, in the order of the file.
        ignored: regions of un-annotated people that belong to nobody (PoseTrack18), as segmentations.
    """

    image_id: str
    file_name: str
    width: int | None
    height: int | None
    people: tuple[CocoPerson, ...]
    ignored: tuple[Any, ...] = ()


@dataclasses.dataclass(frozen=True)
class CocoFile:
    """A whole file.

    Attributes:
        images: all images that it lists, in its order.
        categories: joint names of each category with a person's keypoints.
        left_out: numbers of annotations left out, by reason.
        notes: numbers of what was read otherwise than it is written, by reason.
    """

    images: tuple[CocoImage, ...]
    categories: tuple[tuple[str, ...], ...]
    left_out: Mapping[str, int]
    notes: Mapping[str, int]


def recognizes(path: Path) -> bool:
    """Returns whether a file is JSON with a list of annotations."""
    if not path.is_file() or path.suffix.lower() == ".mat":
        return False
    try:
        content = files.read_json(path, WHAT)
    except UserError:
        return False
    return isinstance(content, dict) and "annotations" in content


def parse(path: str | Path) -> CocoFile:
    """Returns the content of a file.

    Raises:
        UserError: it is not such a file, or an entry of it cannot be understood.
    """
    content = files.read_json(path, WHAT)
    _check(content, path)
    for name in LISTS:
        require_unique(content[name], "id", path, name)
    require_unique(content["images"], "file_name", path, "images")
    categories = {key: row for row in content["categories"] if (key := id_key(row.get("id"))) is not None}
    with_keypoints = {key: joint_names(row["keypoints"]) for key, row in categories.items() if _lists_keypoints(row)}
    joints = _of_people(with_keypoints)
    listed = {key for row in content["images"] if (key := id_key(row.get("id"))) is not None}
    left_out: collections.Counter[str] = collections.Counter()
    by_image: dict[str | None, list[Mapping[str, Any]]] = collections.defaultdict(list)
    for row in content["annotations"]:
        image, category = id_key(row.get("image_id")), id_key(row.get("category_id"))
        if image not in listed:
            left_out["annotation of an image that is not listed"] += 1
        elif category not in categories:
            left_out["annotation of a category that is not listed"] += 1
        elif category in joints:
            by_image[image].append(row)
        elif category in with_keypoints:
            left_out["annotation of a category that is not a person"] += 1
    notes: collections.Counter[str] = collections.Counter()
    images = tuple(_image(row, by_image[id_key(row.get("id"))], joints, path, notes) for row in content["images"])
    return CocoFile(images, tuple(joints.values()), dict(left_out), dict(notes))


def _of_people(joints: Mapping[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
    """Returns the categories that have all limbs, which faces or hands have not; all of them if none has."""
    people = {key: names for key, names in joints.items() if set(LIMB_JOINTS) <= set(names)}
    return people or joints


def id_key(identifier: Any) -> str | None:
    """Returns an id as text, so that 7, 7.0, "7" and "007" are one; None stays None, which no image or category is."""
    if identifier is None:
        return None
    text = str(int(identifier) if isinstance(identifier, float) and identifier.is_integer() else identifier).strip()
    return text.lstrip("0") or "0" if text.isascii() and text.isdigit() else text


def require_unique(rows: Sequence[Mapping[str, Any]], field: str, path: str | Path, name: str) -> None:
    """Refuses a list in which two rows have the same id, or file name."""
    found: dict[str, int] = {}
    for number, row in enumerate(rows):
        key = id_key(row.get(field)) if field == "id" else row.get(field)
        if not isinstance(key, str):
            continue
        if key in found:
            shown = " and ".join(str(one) for k in (found[key], number) if (one := rows[k].get("file_name")))
            raise UserError(
                f"{path}: {name}[{found[key]}] and {name}[{number}] have the same {field} {row[field]!r}"
                + (f" ({shown})" if shown and field == "id" else "")
                + f": where files were merged, give every one of the {name} its own {field}"
            )
        found[key] = number


def _check(content: Any, path: str | Path) -> None:
    if not isinstance(content, dict):
        raise UserError(f"{path} is not a COCO keypoint file: expected an object with images, annotations, categories")
    missing = [name for name in LISTS if not isinstance(content.get(name), list)]
    if missing:
        raise UserError(f"{path} is not a COCO keypoint file: it has no list named {', '.join(missing)}")
    if not all(isinstance(row, dict) for name in LISTS for row in content[name]):
        raise UserError(f"{path} is not a COCO keypoint file: its lists must hold objects")
    if not any(_lists_keypoints(category) for category in content["categories"]):
        raise UserError(
            f"{path}: no category lists keypoints; expected a keypoint file such as person_keypoints_train2017.json, "
            "not instances or captions"
        )


def _lists_keypoints(category: Mapping[str, Any]) -> bool:
    return isinstance(category.get("keypoints"), list) and bool(category["keypoints"])


def joint_names(names: Sequence[Any]) -> tuple[str, ...]:
    """Returns names of joints in this project's words."""
    words = (str(name).lower().replace("-", "_").replace(" ", "_") for name in names)
    words = (word.replace("left_", "l_").replace("right_", "r_") for word in words)
    return tuple(ALIASES.get(word, word) for word in words)


def _image(
    row: Mapping[str, Any],
    annotations: Sequence[Mapping[str, Any]],
    joints: Mapping[str, tuple[str, ...]],
    path: str | Path,
    notes: collections.Counter[str],
) -> CocoImage:
    try:
        width, height = (side(row.get(name)) for name in ("width", "height"))
        if row.get("id") is None:
            raise KeyError("id")
        people = tuple(_person(row, joints[str(id_key(row["category_id"]))], notes) for row in annotations)
        name = checked_name(row["file_name"])
        return CocoImage(str(row["id"]), name, width, height, people, _ignored(row, notes))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise not_understood(path, row.get("id"), error) from None


def checked_name(name: Any) -> str:
    """Returns a file_name; ValueError if it is not the name of a file."""
    if not isinstance(name, str) or not name or "\0" in name:
        raise ValueError("file_name is not the name of a file")
    return name


def _ignored(row: Mapping[str, Any], notes: collections.Counter[str]) -> tuple[Any, ...]:
    """Returns PoseTrack18's regions of an image, given as lists of x and of y; counts those that are none."""
    columns, rows = row.get("ignore_regions_x") or [], row.get("ignore_regions_y") or []
    pairs = [(x, y) for x, y in zip(columns, rows) if len(x) == len(y)]
    if unusable := max(len(columns), len(rows)) - len(pairs):
        notes[UNUSABLE_REGION] += unusable
    outlines = (np.column_stack(pair).astype(np.float64) for pair in pairs)
    return tuple([outline.ravel().tolist()] for outline in outlines if len(outline) >= 3)


def side(value: Any) -> int | None:
    """Width or height in pixels; None where it is not given, or is not a size."""
    side = int(value or 0)
    return side if 0 < side <= FARTHEST else None


def not_understood(path: str | Path, image_id: Any, error: Exception) -> UserError:
    """Returns the error of an image whose entry or annotations cannot be understood."""
    reason = f"no {error.args[0]}" if isinstance(error, KeyError) else error
    return UserError(f"{path}: image {image_id} cannot be understood ({reason})")


def _person(row: Mapping[str, Any], joints: tuple[str, ...], notes: collections.Counter[str]) -> CocoPerson:
    flat: Any = row.get("keypoints") or [0] * 3 * len(joints)
    if all(isinstance(point, list) and len(point) == 3 for point in flat):  # (x, y, flag) each, as some tools nest them
        flat = list(itertools.chain.from_iterable(flat))
    if len(flat) != 3 * len(joints):
        raise ValueError(
            f"annotation {row.get('id')!r} has {len(flat)} numbers for {len(joints)} joints, expected {3 * len(joints)}"
        )
    columns = [joints.index(name) for name in dict.fromkeys(joints)]
    keypoints = _with_flags(np.asarray(flat, np.float64).reshape(-1, 3)[columns], notes)
    area = float(row.get("area") or 0)
    return CocoPerson(
        joints=tuple(joints[k] for k in columns),
        keypoints=keypoints,
        box=usable_box(row.get("bbox"), keypoints),
        area=area if 0 < area <= FARTHEST**2 else None,
        is_crowd=float(row.get("iscrowd") or 0) != 0,  # "0" is text, and not a crowd
        segmentation=row.get("segmentation") or None,
    )


def _with_flags(keypoints: np.ndarray, notes: collections.Counter[str]) -> np.ndarray:
    """Returns [K, 3] with flags 0, 1 and 2; joints at null or infinite places are not labelled."""
    flags = keypoints[:, 2]
    if not np.isin(flags, (0, 1, 2)).all():
        notes[ODD_FLAGS] += 1
        keypoints = np.column_stack([keypoints[:, :2], np.where(flags > 0, 2.0, 0.0)])
    return without_unknown(keypoints)


def without_unknown(keypoints: np.ndarray) -> np.ndarray:
    """Returns [K, 3] with zeros where a joint is not labelled, or its place is null, infinite or too far away."""
    known = (keypoints[:, 2] > 0) & (np.abs(keypoints[:, :2]) <= FARTHEST).all(-1)
    return np.where(known[:, None], keypoints, 0.0)


def usable_box(box: Any, keypoints: np.ndarray) -> tuple[float, float, float, float] | None:
    """Returns a box (x, y, width, height), that of the labelled joints where it is empty, None without either."""
    if box:
        x, y, width, height = (float(value) for value in box)
        if width > 0 and height > 0 and max(abs(x), abs(y), width, height) <= FARTHEST:
            return x, y, width, height
    known = keypoints[keypoints[:, 2] > 0, :2]
    if not len(known):
        return None
    low, size = known.min(0), np.ptp(known, 0)
    return float(low[0]), float(low[1]), float(size[0]), float(size[1])
