"""Reads the image dataset format that `synth` writes: dataset.json, images/, masks/, annotations/."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from openpose_tf.common import files
from openpose_tf.common.errors import UserError
from openpose_tf.data.annotations.types import ALL_JOINTS_LABELLED, AnnotatedImage, Person
from openpose_tf.skeleton import NUM_MPII_JOINTS

IMAGE_DATASET_SCHEMA = 1
KINDS = ("synthetic", "real_standin", "mixed", "stylized")


def read_header(folder: str | Path) -> dict[str, Any]:
    """Returns dataset.json of an image dataset.

    Raises:
        UserError: the folder or the file is missing, or of another schema.
    """
    root = files.require_dir(folder, "an image dataset (dataset.json, images/, annotations/)")
    header = files.read_json(root / "dataset.json", "the header of an image dataset, written by synth.render")
    if not isinstance(header, dict) or header.get("schema") != IMAGE_DATASET_SCHEMA:
        raise UserError(f"{root}/dataset.json is not of image dataset schema {IMAGE_DATASET_SCHEMA}: render it again")
    if header.get("kind") not in KINDS:
        raise UserError(f"{root}/dataset.json: kind {header.get('kind')!r} is not one of {', '.join(KINDS)}")
    return header


def read_image_dataset(folder: str | Path) -> list[AnnotatedImage]:
    """Returns the complete images of an image dataset, in the order of their ids.

    An image is complete when its annotation file exists (it is written last).

    Raises:
        UserError: not an image dataset, no image in it, or an annotation that cannot be understood.
    """
    root = Path(folder)
    read_header(root)
    paths = sorted(path for path in (root / "annotations").glob("*.json") if not path.name.startswith("."))
    if not paths:
        raise UserError(f"{root}/annotations holds no complete image: render it first (python -m synth.render)")
    return [_read_annotation(root, path) for path in paths]


def _read_annotation(root: Path, path: Path) -> AnnotatedImage:
    row = files.read_json(path, "the annotation of one rendered image")
    try:
        pitch = (row.get("camera") or {}).get("pitch_deg")
        people = tuple(_person(person, pitch, len(row["people"])) for person in row["people"])
        ignore = row.get("ignore_mask")
        return AnnotatedImage(
            image_id=str(row["image_id"]),
            image_path=root / row["image"],
            width=int(row["width"]),
            height=int(row["height"]),
            people=people,
            labelled_joints=tuple(bool(known) for known in row.get("labelled_joints", ALL_JOINTS_LABELLED)),
            ignore_mask_path=root / ignore if ignore else None,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path} is not an annotation of schema {IMAGE_DATASET_SCHEMA} ({error!r})") from None


def _person(row: Mapping[str, Any], pitch_deg: float | None, num_people: int) -> Person:
    keypoints = np.asarray(row["keypoints"], np.float64)
    if keypoints.shape != (NUM_MPII_JOINTS, 3):
        raise ValueError(f"keypoints of shape {keypoints.shape}, expected ({NUM_MPII_JOINTS}, 3)")
    known = {
        "camera_pitch_deg": pitch_deg,
        "min_distance": row.get("min_distance"),
        "visible_ratio": row.get("visible_ratio"),
        "cropped_ratio": row.get("cropped_ratio"),
        "scale": row["scale"],  # null for a real person of a mixed dataset whose annotation has none
        "num_people": num_people,
    }
    head_box, area = row.get("head_box"), row.get("area")
    return Person(
        keypoints=keypoints,
        objpos=np.asarray(row["objpos"], np.float64),
        scale=float("nan") if row["scale"] is None else float(row["scale"]),
        head_box=None if head_box is None else np.asarray(head_box, np.float64),
        is_synthetic=bool(row.get("is_synthetic", True)),
        area=None if area is None else float(area),
        features={name: float("nan") if value is None else float(value) for name, value in known.items()},
    )
