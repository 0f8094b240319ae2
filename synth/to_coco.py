"""Writes a rendered dataset as COCO person keypoints with segmentation masks.

Example:
    python -m synth.to_coco runs/d_s --joints=coco17 --output_file=runs/d_s/coco_17.json

`coco17` has COCO's 17 keypoints (nose, eyes, ears and the limbs); `mpii16` keeps the 16 joints of the dataset. The
visibility follows COCO: 2 visible, 1 labelled but hidden, 0 outside of the image or unknown.
"""

import dataclasses
import functools
import json
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from absl import flags

from openpose_tf.common import cli, files
from openpose_tf.common.imaging.images import read_unchanged
from openpose_tf.data.annotations import image_dataset
from openpose_tf.data.annotations import image_dataset_schema as schema
from openpose_tf.data.annotations.segmentations import run_length
from openpose_tf.data.annotations.store import listing
from openpose_tf.data.annotations.store.listing import Part
from openpose_tf.skeleton import COCO_JOINTS, MPII_JOINTS, JointState
from synth.dataset.drawing import MPII_LIMBS
from synth.workers import processes

JOINT_SETS = ("coco17", "mpii16")
NUM_FACE_JOINTS = 5
# COCO's official skeleton, one-based.
COCO_SKELETON = (
    *((16, 14), (14, 12), (17, 15), (15, 13), (12, 13), (6, 12), (7, 13), (6, 7), (6, 8), (7, 9)),
    *((8, 10), (9, 11), (2, 3), (1, 2), (1, 3), (2, 4), (3, 5), (4, 6), (5, 7)),
)
VISIBILITY = {
    JointState.MISSING: 0,
    JointState.VISIBLE: 2,
    JointState.SELF_OCCLUDED: 1,
    JointState.OCCLUDED_BY_OTHER: 1,
    JointState.TRUNCATED: 0,
}
_BODY_OF_COCO = [MPII_JOINTS.index(name) for name in COCO_JOINTS[NUM_FACE_JOINTS:]]


def define_flags() -> None:
    """Defines this command's flags."""
    flags.DEFINE_string("input_dir", None, "folder of the dataset; --input_dir= may be left out")
    flags.DEFINE_string("output_file", None, "JSON file to write; default DIR/coco_JOINTS.json")
    flags.DEFINE_alias("output", "output_file")
    flags.DEFINE_enum("joints", "coco17", JOINT_SETS, "COCO's 17 keypoints, or the 16 joints of MPII")
    flags.DEFINE_bool("drop_invisible", True, "leave out people without a visible pixel (COCO has none)")


def category(joints: str) -> dict[str, Any]:
    """Returns the person category of a joint set."""
    names = COCO_JOINTS if joints == "coco17" else MPII_JOINTS
    skeleton = COCO_SKELETON if joints == "coco17" else [(a + 1, b + 1) for a, b in MPII_LIMBS]
    return {
        "id": 1,
        "name": "person",
        "supercategory": "person",
        "keypoints": [
            name.replace("l_", "left_", 1).replace("r_", "right_", 1) if name[1] == "_" else name for name in names
        ],
        "skeleton": [list(limb) for limb in skeleton],
    }


def coco_keypoints(person: Mapping[str, Any], joints: str) -> np.ndarray:
    """Returns [n, 3] (x, y, COCO visibility) of a person, zero where the visibility is 0."""
    points = np.asarray(person["keypoints"], np.float64)
    if joints == "coco17":
        face = np.asarray(person.get("face_keypoints", np.zeros((NUM_FACE_JOINTS, 3))), np.float64)
        points = np.concatenate([face, points[_BODY_OF_COCO]])
    points = points.copy()
    points[:, 2] = [VISIBILITY[JointState(int(state))] for state in points[:, 2]]
    points[points[:, 2] == 0] = 0
    return points


def annotation(person: Mapping[str, Any], ids: np.ndarray, joints: str) -> dict[str, Any]:
    """Returns a COCO annotation without its ids; box and area are those of the visible mask.

    The real people of a mixed dataset have no mask: their box is that of their joints.
    """
    points = coco_keypoints(person, joints)
    rendered = person.get("is_synthetic", True)
    x1, y1, x2, y2 = person["box"] or ((0.0, 0.0, 0.0, 0.0) if rendered else _joint_box(points))
    area = person["area"] if person["area"] is not None else (x2 - x1) * (y2 - y1)
    mask = {"segmentation": run_length(ids == person["instance_id"])} if rendered else {}
    return {
        "category_id": 1,
        "iscrowd": 0,
        "keypoints": points.ravel().tolist(),
        "num_keypoints": int((points[:, 2] > 0).sum()),
        # COCO's boxes are in corner-based coordinates, where pixel 0 spans 0 to 1.
        "bbox": [x1 + 0.5, y1 + 0.5, x2 - x1, y2 - y1],
        "area": float(area),
        **mask,
    }


def _joint_box(points: np.ndarray) -> tuple[float, float, float, float]:
    """Box (x1, y1, x2, y2), borders at pixel edges, of the labelled joints [n, 3]."""
    known = points[points[:, 2] > 0, :2]
    if not len(known):
        return 0.0, 0.0, 0.0, 0.0
    (x1, y1), (x2, y2) = known.min(0) - 0.5, known.max(0) + 0.5
    return float(x1), float(y1), float(x2), float(y2)


@dataclasses.dataclass(frozen=True)
class CocoPart:
    """COCO text of some images of a dataset.

    Attributes:
        images: JSON of each image without its id.
        annotations: number in `images` and JSON without ids of each person.
        dropped: people left out.
    """

    images: list[str]
    annotations: list[tuple[int, str]]
    dropped: int


def convert_part(joints: str, drop_invisible: bool, part: Part) -> CocoPart:
    """Returns the images of a part of a dataset, see `main`."""
    images: list[str] = []
    annotations: list[tuple[int, str]] = []
    dropped = 0
    for name, row in part.rows():
        ids = read_unchanged(part.folder / row["mask"], f"delete it and render image {name} again")
        file_name = Path(row["image"]).relative_to(schema.ROLES["image"][0]).as_posix()
        for person in row["people"]:
            if drop_invisible and not person["area"] and person.get("is_synthetic", True):
                dropped += 1
            else:
                annotations.append((len(images), json.dumps(annotation(person, ids, joints), allow_nan=False)))
        images.append(json.dumps({"file_name": file_name, "width": row["width"], "height": row["height"]}))
    return CocoPart(images, annotations, dropped)


def write_coco(folder: Path, output: Path, joints: str, drop_invisible: bool) -> dict[str, int]:
    """Writes the COCO file of a dataset, whole or not at all, and returns the numbers of what is in it.

    The parts are converted in all processes that this one may use, and written as they come: memory does not depend on
    the number of images.
    """
    header = image_dataset.read_header(folder)
    info = {"description": f"{header['kind']} people, {folder.name}", "version": "1", "seed": header.get("seed")}
    licences = [
        {"id": i, "name": f"{row['part']}: {row['licence']} ({row['source']})", "url": ""}
        for i, row in enumerate(header.get("licences", []), 1)
    ]
    work = functools.partial(convert_part, joints, drop_invisible)
    parts = processes.map_ordered(work, listing.require_parts(folder), "converting", "thousand")
    with files.atomic_path(output) as temporary, open(temporary, "wb") as file:
        file.write(f'{{"info": {json.dumps(info)}, "licenses": {json.dumps(licences)}, "images": ['.encode())
        with tempfile.TemporaryFile(dir=output.parent) as people:
            counts = _write_parts(parts, file, people)
            file.write(b'], "annotations": [')
            people.seek(0)
            shutil.copyfileobj(people, file)
        file.write(f'], "categories": {json.dumps([category(joints)])}}}\n'.encode())
    return counts


def _write_parts(parts: Iterable[CocoPart], images: IO[bytes], people: IO[bytes]) -> dict[str, int]:
    """Writes the rows of both lists with running ids from 1."""
    counts = {"images": 0, "people": 0, "dropped": 0}
    for part in parts:
        first_image, first_person = counts["images"] + 1, counts["people"] + 1
        rows = (f'{{"id": {k}, {text[1:]}' for k, text in enumerate(part.images, first_image))
        images.write((", " * (first_image > 1) + ", ".join(rows)).encode())
        rows = (
            f'{{"id": {k}, "image_id": {first_image + number}, {text[1:]}'
            for k, (number, text) in enumerate(part.annotations, first_person)
        )
        people.write((", " * (first_person > 1 and bool(part.annotations)) + ", ".join(rows)).encode())
        counts["images"] += len(part.images)
        counts["people"] += len(part.annotations)
        counts["dropped"] += part.dropped
    return counts


def main() -> None:
    """Writes the COCO file."""
    given, folder = flags.FLAGS, Path(flags.FLAGS.input_dir)
    output = Path(given.output_file) if given.output_file else folder / f"coco_{given.joints}.json"
    made = write_coco(folder, output, given.joints, given.drop_invisible)
    print(f"{output}: {made['images']} images, {made['people']} people, {made['dropped']} invisible people left out")


if __name__ == "__main__":
    cli.run(main, define_flags, positional="input_dir")
