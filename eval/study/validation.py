"""The validation sets: opened, checked, and copied into a folder of the study with only the images that count.

A folder is one of: an image dataset of synth.render; `images/` and `annotations.json` (COCO keypoints); a record set,
whose crops become images, one each, and whose masked regions become crowds, which OKS ignores.
"""

import dataclasses
import filecmp
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from absl import logging

from eval.formats import oks_truth
from eval.formats.oks_truth import Truth
from eval.formats.prediction_json import image_key
from eval.study.sources import Photographs
from openpose_tf.common import files
from openpose_tf.common.errors import UserError
from openpose_tf.common.file_names import find_file
from openpose_tf.common.fingerprints import canonical_json, fingerprint
from openpose_tf.common.imaging import images
from openpose_tf.data.annotations import image_dataset
from openpose_tf.data.annotations.formats import coco_file
from openpose_tf.data.annotations.types import AnnotatedImage, in_image
from openpose_tf.data.records import schema
from openpose_tf.skeleton import MPII_JOINTS, JointState

ANNOTATIONS = "annotations.json"
WHAT = (
    "an image dataset of synth.render, a folder with images/ and annotations.json (COCO keypoints), or a record set of "
    "openpose_tf.data.to_tfrecords"
)


@dataclasses.dataclass(frozen=True)
class ValidationSet:
    """A set to score on.

    Attributes:
        name: of the set.
        files: image key -> image file.
        truth: its people, for OKS.
        annotated: the images of an image dataset, whose people have head boxes; else none.
        sources: ids and names by which its images may be known elsewhere.
    """

    name: str
    files: dict[str, Path]
    truth: Truth
    annotated: list[AnnotatedImage]
    sources: frozenset[str] = frozenset()

    @property
    def has_head_boxes(self) -> bool:
        """Whether MPII's metric applies: every person with joints has a head box."""
        people = [person for image in self.annotated for person in image.people]
        return bool(people) and all(
            person.head_box is not None or not (person.keypoints[:, 2] != JointState.MISSING).any() for person in people
        )

    @property
    def digest(self) -> str:
        """A hash of its people, so that results on different sets are not compared."""
        rows = {key: [image.keypoints.tolist(), image.ignored.tolist()] for key, image in self.truth.images.items()}
        return fingerprint(canonical_json(rows))

    def copy_images(self, folder: Path) -> None:
        """Copies the images into `folder`, where they are missing or other ones."""
        files.writable_dir(folder)
        for key, path in self.files.items():
            target = folder / f"{key}{path.suffix}"
            if not target.exists() or not filecmp.cmp(path, target, shallow=False):
                with files.atomic_path(target) as temporary:
                    shutil.copyfile(path, temporary)


def open_set(path: str | Path, name: str, work_dir: Path) -> ValidationSet:
    """Returns a validation set.

    Args:
        path: its folder.
        name: what it is called.
        work_dir: a record set is unpacked to a folder in it.

    Raises:
        UserError: none of the three kinds, damaged, images missing, or nobody annotated.
    """
    root = files.require_dir(path, f"--validation: {WHAT}")
    if (root / schema.MANIFEST_NAME).is_file():
        root = unpack_records(root, work_dir / name)
    if (root / ANNOTATIONS).is_file():
        return _of_coco(root / "images", root / ANNOTATIONS, name)
    if not (root / "dataset.json").is_file():
        raise UserError(f"--validation={path}: expected {WHAT}")
    annotated = image_dataset.read_image_dataset(root)
    found = {image_key(image.image_path.name): image.image_path for image in annotated}
    return _checked(ValidationSet(name, found, oks_truth.truth_from_images(annotated), annotated), root)


def open_photographs(photographs: Photographs, name: str) -> ValidationSet:
    """Returns photographs with COCO keypoints as a validation set; errors as `open_set`."""
    return _of_coco(Path(photographs.images), Path(photographs.annotations), name)


def _of_coco(folder: Path, annotations: Path, name: str) -> ValidationSet:
    content = coco_file.parse(annotations)
    root = files.require_dir(folder, f"the images of {annotations}")
    paths = {image_key(image.file_name): find_file(root, image.file_name) for image in content.images}
    written = files.read_json(annotations, "COCO keypoints").get("images", [])
    sources = {str(row.get("source")) for row in written if "source" in row}  # of unpacked records
    sources = sources or {*paths, *(str(coco_file.id_key(image.image_id)) for image in content.images)}
    truth = oks_truth.truth_from_coco(content, annotations)
    return _checked(ValidationSet(name, paths, truth, [], frozenset(sources)), annotations)


def _checked(opened: ValidationSet, path: Path) -> ValidationSet:
    missing = sorted(str(file) for file in opened.files.values() if not file.is_file())
    if missing:
        raise UserError(f"{path}: {len(missing)} of {len(opened.files)} images are missing, such as {missing[0]}")
    people = [image for image in opened.truth.images.values() if (image.keypoints[~image.ignored][..., 2] > 0).any()]
    if not people:
        raise UserError(f"{path}: nobody in it has an annotated joint, so there is nothing to score")
    return opened


def unpack_records(folder: Path, output: Path) -> Path:
    """Writes the crops of a record set as images with COCO keypoints, one per image, and returns the folder.

    Raises:
        UserError: not a record set.
    """
    from openpose_tf.data.records import examples, record_set

    records = record_set.load_records(folder)
    target = output / ANNOTATIONS
    if target.exists() and files.read_json(target, "unpacked records").get("info") == {"records": records.digest}:
        return output
    pictures = files.writable_dir(output / "images")
    samples = (examples.to_sample(records.read(row)) for row in range(len(records)))
    chosen: dict[str, schema.PersonSample] = {}
    for sample in samples:
        if sample.image_id not in chosen or sample.person < chosen[sample.image_id].person:
            chosen[sample.image_id] = sample
    logging.info("%s: %d records, one of each of %d images", folder, len(records), len(chosen))
    rows: dict[str, Any] = {"info": {"records": records.digest}, "images": [], "annotations": []}
    for number, (_, sample) in enumerate(sorted(chosen.items())):
        file_name = f"{number:06d}.jpg"
        files.write_bytes(pictures / file_name, sample.image)
        size = {"width": sample.width, "height": sample.height}
        rows["images"].append({"id": number, "file_name": file_name, "source": sample.image_id, **size})
        rows["annotations"] += _annotations(sample, number)
    rows["annotations"] = [{"id": k + 1, "category_id": 1, **row} for k, row in enumerate(rows["annotations"])]
    rows["categories"] = [{"id": 1, "name": "person", "keypoints": list(MPII_JOINTS), "skeleton": []}]
    files.write_bytes(target, json.dumps(rows).encode())
    return output


def _annotations(sample: schema.PersonSample, image: int) -> list[dict[str, Any]]:
    """Returns the people of a crop, and a crowd for each masked region."""
    found = []
    for keypoints in np.asarray(sample.keypoints, np.float64):
        inside = in_image(keypoints, sample.width, sample.height) & (keypoints[:, 2] != JointState.TRUNCATED)
        if not inside.any():
            continue
        flags = np.where(keypoints[:, 2] == JointState.VISIBLE, 2.0, 1.0)
        rows = np.where(inside[:, None], np.column_stack([keypoints[:, :2], flags]), 0.0)
        low, high = keypoints[inside, :2].min(0), keypoints[inside, :2].max(0)
        box = [*low, *(high - low)]
        area = oks_truth.BOX_TO_AREA * float(np.prod(high - low))
        found.append({"image_id": image, "iscrowd": 0, "bbox": box, "area": area, "keypoints": rows.ravel().tolist()})
        found[-1]["num_keypoints"] = int(inside.sum())
    return found + [_crowd(image, *box) for box in _masked_boxes(sample)]


def _crowd(image: int, x: int, y: int, width: int, height: int) -> dict[str, Any]:
    box = {"bbox": [x, y, width, height], "area": width * height, "num_keypoints": 0}
    return {"image_id": image, "iscrowd": 1, "keypoints": [0] * 3 * len(MPII_JOINTS), **box}


def _masked_boxes(sample: schema.PersonSample) -> list[tuple[int, int, int, int]]:
    """Returns the boxes (x, y, width, height) of the regions that the loss leaves out."""
    if not sample.mask:
        return []
    kept = images.decode_record_mask(sample.mask)
    if kept is None:
        raise UserError(f"--validation: a mask of image {sample.image_id} is damaged: convert the data again")
    stats = cv2.connectedComponentsWithStats((kept <= 127).astype(np.uint8))[2]
    return [(int(x), int(y), int(w), int(h)) for x, y, w, h, _ in stats[1:]]  # the first is everything else


def set_names(paths: Sequence[str], taken: Sequence[str]) -> list[str]:
    """Returns a name for each folder, its own where that is free."""
    names: list[str] = []
    for path in paths:
        name, number = Path(path).resolve().name, 2
        while name in (*names, *taken):
            name, number = f"{Path(path).resolve().name}_{number}", number + 1
        names.append(name)
    return names
