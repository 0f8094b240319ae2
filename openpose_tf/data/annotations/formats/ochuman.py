"""Reads OCHuman's own file, ochuman.json: 19 joints in names of the file, states per joint, people without joints.

* The codes of `keypoint_visible` (missing, vis, self_occluded, others_occluded) are this project's states.
* head is MPII's head top and neck its upper neck; thorax and pelvis are the middles of shoulders and hips.
* A person without joints is out of the loss: the outlines of `segms`, or else the box (x1, y1, x2, y2).
* objpos = centre of the box; scale = height / 200, the height being estimated by `mpii_joints.estimate_height`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from openpose_tf.common import files
from openpose_tf.common.errors import UserError
from openpose_tf.data.annotations import pixels
from openpose_tf.data.annotations.formats import coco_file
from openpose_tf.data.annotations.mpii_joints import estimate_height, to_mpii_joints
from openpose_tf.data.annotations.segmentations import box_polygon
from openpose_tf.data.annotations.types import AnnotatedImage, Person, ReadRequest, ReadResult, with_distances
from openpose_tf.skeleton import JointState

STATES = {
    "missing": JointState.MISSING,
    "vis": JointState.VISIBLE,
    "self_occluded": JointState.SELF_OCCLUDED,
    "others_occluded": JointState.OCCLUDED_BY_OTHER,
}
_WHAT = "ochuman.json (images, keypoint_names, keypoint_visible)"


def read(request: ReadRequest) -> ReadResult:
    """Returns the images that show a person with joints, in the order of the file.

    Raises:
        UserError: not such a file, or pictures are missing.
    """
    content = files.read_json(request.annotations, _WHAT)
    root = files.require_dir(str(request.images), "the pictures of ochuman.json")
    joints, states = _names(content, request.annotations)
    images: list[AnnotatedImage] = []
    empty: list[AnnotatedImage] = []
    for row in content["images"]:
        try:
            image = _image(row, root, joints, states)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            name = row.get("image_id") if isinstance(row, dict) else row
            raise coco_file.not_understood(request.annotations, name, error) from None
        (images if image.people else empty).append(image)
    if not images:
        raise UserError(f"{request.annotations} holds no person with joints: expected {_WHAT}")
    pixels.require_pictures([image.image_path for image in images])
    return ReadResult(
        images,
        left_out={"image without a person with joints": len(empty)} if empty else {},
        left_out_images=frozenset(name for image in empty for name in (image.image_id, image.image_path.name)),
    )


def _names(content: Any, path: str) -> tuple[tuple[str, ...], dict[int, JointState]]:
    """Returns the joints' names and the state of each code."""
    if not isinstance(content, dict) or not isinstance(content.get("images"), list):
        raise UserError(f"{path} has no list of images: expected {_WHAT}")
    names, codes = content.get("keypoint_names"), content.get("keypoint_visible")
    if not isinstance(names, list) or not isinstance(codes, dict) or set(codes) - set(STATES):
        raise UserError(f"{path} does not say the names and states of its joints: expected {_WHAT}")
    return coco_file.joint_names(names), {int(code): STATES[word] for word, code in codes.items()}


def _image(
    row: Mapping[str, Any], root: Path, joints: tuple[str, ...], states: Mapping[int, JointState]
) -> AnnotatedImage:
    width, height = int(row["width"]), int(row["height"])
    people, ignored = [], []
    for annotation in row["annotations"]:
        flat = np.asarray(annotation["keypoints"] or [], np.float64).reshape(-1, 3)
        keypoints = to_mpii_joints({}, width, height)
        if len(flat):
            named = {name: (x, y, states[int(code)]) for name, (x, y, code) in zip(joints, flat, strict=True)}
            keypoints = to_mpii_joints(named, width, height)
        if (keypoints[:, 2] == JointState.MISSING).all():
            ignored.append(_region(annotation))
            continue
        x1, y1, x2, y2 = (float(value) for value in annotation["bbox"])
        size = estimate_height(keypoints, x2 - x1, y2 - y1)
        people.append(Person(keypoints, np.array([x1 + x2, y1 + y2]) / 2, size / 200.0))
    return AnnotatedImage(
        image_id=str(row["image_id"]),
        image_path=root / row["file_name"],
        width=width,
        height=height,
        people=with_distances(people),
        ignore_segmentations=tuple(ignored),
    )


def _region(annotation: Mapping[str, Any]) -> list[list[float]]:
    """Returns the outlines of a person as polygons, else the box."""
    outlines = [list(map(float, outline)) for outline in (annotation.get("segms") or {}).get("outer", [])]
    x1, y1, x2, y2 = (float(value) for value in annotation["bbox"])
    return [outline for outline in outlines if len(outline) >= 6] or [box_polygon((x1, y1, x2 - x1, y2 - y1))]
