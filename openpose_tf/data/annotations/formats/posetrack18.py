"""Reads PoseTrack18: COCO keypoint files with 17 joints, one per video, in a folder or alone.

Images are named by nested folders (images/val/012834_mpii_test/000000.jpg), which `coco.find_picture` follows; the
regions of un-annotated people (ignore_regions) are out of the loss; head top and head bottom are in the file.
"""

import collections
import dataclasses
from pathlib import Path

from openpose_tf.common import files
from openpose_tf.common.errors import UserError
from openpose_tf.data.annotations import pixels
from openpose_tf.data.annotations.formats import coco, coco_file
from openpose_tf.data.annotations.formats.coco_file import CocoFile
from openpose_tf.data.annotations.types import ReadRequest, ReadResult


def read(request: ReadRequest) -> ReadResult:
    """Returns the frames of a video, or of a folder of videos, that show a person with keypoints.

    Raises:
        UserError: not such a file, an empty folder, or images are missing.
    """
    path = Path(request.annotations)
    videos = files.list_json(path) if path.is_dir() else [path]
    if not videos:
        raise UserError(f"{path} holds no .json file: expected PoseTrack18's annotations, one file per video")
    found = coco.annotated_images(_join([coco_file.parse(video) for video in videos]), request)
    pixels.require_pictures([image.image_path for image in found.images])
    return dataclasses.replace(found, facts={"videos": len(videos)})


def _join(contents: list[CocoFile]) -> CocoFile:
    left_out, notes = collections.Counter[str](), collections.Counter[str]()
    for content in contents:
        left_out.update(content.left_out)
        notes.update(content.notes)
    return CocoFile(
        images=tuple(image for content in contents for image in content.images),
        categories=tuple(dict.fromkeys(names for content in contents for names in content.categories)),
        left_out=dict(left_out),
        notes=dict(notes),
    )
