"""Reads COCO person keypoints: 17 joints, and the 14 to 19 joint files of its relatives, by the names of their joints.

Choices (COCO has no MPII scale, position, neck or head top):
* limbs map directly; thorax = middle of the shoulders; upper neck = the file's neck, or the
  middle of the shoulders; pelvis = middle of the hips; head top = the file's, or never labelled (no loss there).
* objpos = centre of the person's box.
* scale = height / 200, where the height is the largest of: longer side of the box (lying people), shoulders to hips
  over 0.288, shoulder width over 0.259 (Drillis and Contini's body proportions). The last two are lower bounds by
  foreshortening; they correct boxes that end at the image border or at a table.
* visible flag 2 = visible, 1 = self-occluded (COCO does not say by whom), outside of the image = truncated.
* crowds and people without keypoints are un-annotated: their segmentation, or else their box, is out of the loss.
"""

import collections
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from openpose_tf.common import files
from openpose_tf.common.errors import UserError
from openpose_tf.data.annotations.types import AnnotatedImage, Person, ReadRequest, ReadResult, in_image, with_distances
from openpose_tf.skeleton import MPII_JOINTS, NUM_MPII_JOINTS, JointState

LIMB_JOINTS = tuple(name for name in MPII_JOINTS if name[:2] in ("l_", "r_"))
ALIASES = {"head": "head_top", "neck": "upper_neck", "head_bottom": "upper_neck"}
# MPII joints that are the middle of two others where the file does not name them.
MIDDLES = {
    "thorax": ("l_shoulder", "r_shoulder"),
    "upper_neck": ("l_shoulder", "r_shoulder"),
    "pelvis": ("l_hip", "r_hip"),
}
TORSO_OF_HEIGHT, SHOULDERS_OF_HEIGHT = 0.288, 0.259
STATE_OF_FLAG = {0: JointState.MISSING, 1: JointState.SELF_OCCLUDED, 2: JointState.VISIBLE}


def read(request: ReadRequest) -> ReadResult:
    """Returns the images that show a person with keypoints.

    Raises:
        UserError: as `read_coco`.
    """
    return ReadResult(read_coco(request.annotations, str(request.images)))


def read_coco(annotations_path: str | Path, images_dir: str | Path) -> list[AnnotatedImage]:
    """Returns the images of a COCO keypoint file that show a person with keypoints, in the order of the file.

    Args:
        annotations_path: JSON file with `images`, `annotations`, `categories`.
        images_dir: folder of the pictures; a picture is looked for by its file_name, then by the name's last part.

    Raises:
        UserError: not such a file, or its joints cannot be mapped.
    """
    content = files.read_json(annotations_path, "a COCO person keypoints file")
    _check(content, annotations_path)
    root = files.require_dir(images_dir, "the pictures of the annotation file")
    joints = {
        category["id"]: _joint_numbers(category["keypoints"], annotations_path)
        for category in content["categories"]
        if category.get("keypoints")
    }
    by_image: dict[Any, list[Mapping[str, Any]]] = collections.defaultdict(list)
    for row in content["annotations"]:
        if row.get("category_id") in joints:
            by_image[row.get("image_id")].append(row)
    images = []
    for row in content["images"]:
        try:
            image = _image(row, by_image[row["id"]], joints, root)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise UserError(f"{annotations_path}: image {row.get('id')!r} cannot be understood ({error!r})") from None
        if image.people:
            images.append(image)
    if not images:
        raise UserError(f"{annotations_path} holds no person with keypoints")
    return images


def _check(content: Any, path: str | Path) -> None:
    if not isinstance(content, dict):
        raise UserError(f"{path} is not COCO: expected an object with images, annotations, categories")
    missing = [name for name in ("images", "annotations", "categories") if not isinstance(content.get(name), list)]
    if missing:
        raise UserError(f"{path} is not a COCO annotation file: it has no list named {', '.join(missing)}")
    rows = [row for name in ("images", "annotations", "categories") for row in content[name]]
    if not all(isinstance(row, dict) for row in rows):
        raise UserError(f"{path} is not a COCO annotation file: its lists must hold objects")
    if not any(category.get("keypoints") for category in content["categories"]):
        raise UserError(
            f"{path}: no category lists keypoints; expected a keypoint file such as person_keypoints_train2017.json, "
            "not instances or captions"
        )


def _joint_numbers(names: Sequence[str], path: str | Path) -> dict[str, int]:
    """Number of each MPII joint in the file's list; derived joints are absent."""
    numbers = {}
    for number, name in enumerate(names):
        short = str(name).lower().replace("-", "_").replace(" ", "_")
        short = short.replace("left_", "l_").replace("right_", "r_")
        numbers[ALIASES.get(short, short)] = number
    missing = [name for name in LIMB_JOINTS if name not in numbers]
    if missing:
        raise UserError(f"{path}: the category's keypoints lack {', '.join(missing)} (found: {', '.join(names)})")
    return {name: numbers[name] for name in MPII_JOINTS if name in numbers}


def _image(
    row: Mapping[str, Any], annotations: Sequence[Mapping[str, Any]], joints: Mapping[Any, dict[str, int]], root: Path
) -> AnnotatedImage:
    width, height = int(row["width"]), int(row["height"])
    people, ignored = [], []
    labelled = np.ones(NUM_MPII_JOINTS, bool)
    for annotation in annotations:
        numbers = joints[annotation["category_id"]]
        keypoints = _keypoints(annotation.get("keypoints") or [], numbers, width, height)
        if annotation.get("iscrowd") or not (keypoints[:, 2] != JointState.MISSING).any():
            ignored.append(_region(annotation))
            continue
        people.append(_person(annotation, keypoints))
        labelled[MPII_JOINTS.index("head_top")] &= "head_top" in numbers
    path, flat = root / row["file_name"], root / Path(row["file_name"]).name
    return AnnotatedImage(
        image_id=str(row["id"]),
        image_path=flat if flat.is_file() and not path.is_file() else path,
        width=width,
        height=height,
        people=with_distances(people),
        labelled_joints=tuple(bool(known) for known in labelled),
        ignore_segmentations=tuple(ignored),
    )


def _keypoints(flat: Sequence[float], numbers: Mapping[str, int], width: int, height: int) -> np.ndarray:
    """[16, 3] (x, y, JointState) of COCO's flat list; all missing for an empty list."""
    result = np.zeros((NUM_MPII_JOINTS, 3))
    if not len(flat):
        return result
    points = np.asarray(flat, np.float64).reshape(-1, 3)
    for name, number in numbers.items():
        result[MPII_JOINTS.index(name)] = (*points[number, :2], STATE_OF_FLAG[int(points[number, 2])])
    for name, pair in MIDDLES.items():
        if name not in numbers:
            ends = result[[MPII_JOINTS.index(end) for end in pair]]
            known = (ends[:, 2] != JointState.MISSING).all()
            result[MPII_JOINTS.index(name)] = (*ends[:, :2].mean(0), ends[:, 2].max()) if known else 0
    known = result[:, 2] != JointState.MISSING
    result[known & ~in_image(result, width, height), 2] = JointState.TRUNCATED
    return np.where(known[:, None], result, 0.0)


def _person(annotation: Mapping[str, Any], keypoints: np.ndarray) -> Person:
    x, y, width, height = _box(annotation, keypoints)
    area = annotation.get("area")
    return Person(
        keypoints=keypoints,
        objpos=np.array([x + width / 2, y + height / 2]),
        scale=estimate_height(keypoints, width, height) / 200.0,
        area=None if area is None else float(area),
    )


def _box(annotation: Mapping[str, Any], keypoints: np.ndarray) -> tuple[float, float, float, float]:
    if annotation.get("bbox"):
        x, y, width, height = (float(value) for value in annotation["bbox"])
        return x, y, width, height
    known = keypoints[keypoints[:, 2] != JointState.MISSING, :2]
    low, high = known.min(0), known.max(0)
    return float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1])


def estimate_height(keypoints: np.ndarray, box_width: float, box_height: float) -> float:
    """Returns a person's standing height in pixels, estimated from the box and the torso (module docstring).

    Args:
        keypoints: [16, 3] (x, y, JointState), MPII order.
        box_width, box_height: of the person's box.
    """

    def length(first: str, second: str) -> float:
        ends = keypoints[[MPII_JOINTS.index(first), MPII_JOINTS.index(second)]]
        known = (ends[:, 2] != JointState.MISSING).all()
        return float(np.linalg.norm(ends[0, :2] - ends[1, :2])) if known else 0.0

    torso = max(length("l_shoulder", "l_hip"), length("r_shoulder", "r_hip"))
    shoulders = length("l_shoulder", "r_shoulder")
    return max(box_width, box_height, torso / TORSO_OF_HEIGHT, shoulders / SHOULDERS_OF_HEIGHT)


def _region(annotation: Mapping[str, Any]) -> Any:
    """Segmentation of an un-annotated person, else its box as a polygon."""
    if annotation.get("segmentation"):
        return annotation["segmentation"]
    x, y, width, height = (float(value) for value in annotation["bbox"])
    return [[x, y, x + width, y, x + width, y + height, x, y + height]]
