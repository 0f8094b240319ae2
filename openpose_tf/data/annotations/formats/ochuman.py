"""Reads OCHuman's own file, ochuman.json: 19 joints in names of the file, states per joint, people without joints.

The rest is as in a COCO file (`coco.annotated_images`): places of the images, boxes, people out of the loss.

* The codes of `keypoint_visible` (missing, vis, self_occluded, others_occluded) are this project's states.
* head is MPII's head top and neck its upper neck; thorax and pelvis are the middles of shoulders and hips.
* A person without joints is out of the loss: the outlines of `segms`, or else the box (x1, y1, x2, y2).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from openpose_tf.common import files
from openpose_tf.common.errors import UserError
from openpose_tf.data.annotations import pixels
from openpose_tf.data.annotations.formats import coco, coco_file
from openpose_tf.data.annotations.formats.coco_file import CocoFile, CocoImage, CocoPerson
from openpose_tf.data.annotations.types import ReadRequest, ReadResult

FLAGS = {"missing": 0, "vis": 2, "self_occluded": 1, "others_occluded": coco.OCCLUDED_BY_OTHER}
_WHAT = "ochuman.json (images, keypoint_names, keypoint_visible)"


def read(request: ReadRequest) -> ReadResult:
    """Returns the images that show a person with joints, in the order of the file.

    Raises:
        UserError: not such a file, or images are missing.
    """
    content = files.read_json(request.annotations, _WHAT)
    joints, flags = _names(content, request.annotations)
    images = []
    for row in content["images"]:
        try:
            images.append(_image(row, joints, flags))
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            name = row.get("image_id") if isinstance(row, dict) else row
            raise coco_file.not_understood(request.annotations, name, error) from None
    found = coco.annotated_images(CocoFile(tuple(images), (), {}, {}), request)
    pixels.require_pictures([image.image_path for image in found.images])
    return found


def _names(content: Any, path: str) -> tuple[tuple[str, ...], dict[int, int]]:
    """Returns the joints' names and the flag (`coco.STATE_OF_FLAG`) of each code."""
    if not isinstance(content, dict) or not isinstance(content.get("images"), list):
        raise UserError(f"{path} has no list of images: expected {_WHAT}")
    names, codes = content.get("keypoint_names"), content.get("keypoint_visible")
    if not isinstance(names, list) or not isinstance(codes, dict) or set(codes) - set(FLAGS):
        raise UserError(f"{path} does not say the names and states of its joints: expected {_WHAT}")
    return coco_file.joint_names(names), {int(code): FLAGS[word] for word, code in codes.items()}


def _image(row: Mapping[str, Any], joints: tuple[str, ...], flags: Mapping[int, int]) -> CocoImage:
    people = tuple(_person(annotation, joints, flags) for annotation in row["annotations"] or [])
    width, height = (coco_file.side(row.get(name)) for name in ("width", "height"))
    return CocoImage(str(row["image_id"]), coco_file.checked_name(row["file_name"]), width, height, people)


def _person(annotation: Mapping[str, Any], joints: tuple[str, ...], flags: Mapping[int, int]) -> CocoPerson:
    keypoints = np.asarray(annotation.get("keypoints") or [0] * 3 * len(joints), np.float64).reshape(-1, 3)
    if len(keypoints) != len(joints):
        raise ValueError(f"a person has {len(keypoints)} joints, expected {len(joints)}")
    unknown = set(keypoints[:, 2]) - flags.keys() - {0}
    if unknown:
        raise ValueError(f"the code of a joint is {unknown.pop():g}, expected {', '.join(map(str, flags))}")
    keypoints[:, 2] = [flags.get(int(code), 0) for code in keypoints[:, 2]]
    x1, y1, x2, y2 = (float(value) for value in annotation.get("bbox") or [0] * 4)
    outlines = annotation.get("segms")
    return CocoPerson(
        joints=joints,
        keypoints=coco_file.without_unknown(keypoints),
        box=coco_file.usable_box((x1, y1, x2 - x1, y2 - y1), keypoints),
        area=None,
        is_crowd=False,
        segmentation=outlines.get("outer") if isinstance(outlines, dict) else outlines,
    )
