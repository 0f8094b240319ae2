"""Formats in JSON: COCO keypoints, OpenPose's lists, predictions and COCO results."""

import dataclasses
import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import numpy as np

from eval.formats import coco_results, oks_truth
from eval.formats.prediction_json import read_predictions
from openpose_tf.common.errors import UserError
from openpose_tf.common.imaging import images
from openpose_tf.data.annotations import readers
from openpose_tf.data.annotations.formats import coco, coco_file
from openpose_tf.data.annotations.formats.coco_file import CocoFile
from openpose_tf.data.annotations.types import ReadRequest
from openpose_tf.inference.coco_ids import AnnotatedIds
from openpose_tf.skeleton import COCO_JOINTS, MPI, JointState
from tests.support.fuzzing.campaign import Target
from tests.support.fuzzing.mutations import mutate_json

WIDTH, HEIGHT = 96, 72


def write_pictures(folder: Path) -> None:
    """Writes images/1.jpg to 3.jpg once."""
    (folder / "images").mkdir(exist_ok=True)
    for number in (1, 2, 3):
        path = folder / "images" / f"{number}.jpg"
        if not path.is_file():
            cv2.imwrite(str(path), np.full((HEIGHT, WIDTH, 3), 90, np.uint8))


def is_json(path: Path) -> bool:
    """Whether a file is JSON that is an object or a list."""
    try:
        return isinstance(json.loads(path.read_bytes()), (dict, list))
    except (ValueError, RecursionError):
        return False


@functools.cache
def coco_content() -> dict[str, Any]:
    """A COCO file with people, a crowd, somebody without joints, run lengths and a second category."""
    flat = [value for k in range(17) for value in (20 + 2 * k, 10 + 3 * k, 1 + k % 2)]
    person = {"category_id": 1, "keypoints": flat, "bbox": [18, 8, 40, 55], "area": 900.0, "iscrowd": 0,
              "segmentation": [[18, 8, 58, 8, 58, 63, 18, 63]], "num_keypoints": 17}  # fmt: skip
    crowd = person | {"iscrowd": 1, "segmentation": {"size": [HEIGHT, WIDTH], "counts": [0, 100, HEIGHT * WIDTH - 100]}}
    people = [
        person | {"image_id": 1},
        person | {"image_id": 1, "keypoints": [v + (k % 3 < 2) for k, v in enumerate(flat)]},
    ]
    people += [crowd | {"image_id": 2}, person | {"image_id": 2}, person | {"image_id": 3, "keypoints": []}]
    people += [person | {"image_id": 3}, person | {"image_id": 3, "category_id": 2}]
    names = list(COCO_JOINTS)
    return {
        "images": [{"id": k, "file_name": f"{k}.jpg", "width": WIDTH, "height": HEIGHT} for k in (1, 2, 3)],
        "annotations": [one | {"id": 10 + k} for k, one in enumerate(people)],
        "categories": [{"id": 1, "name": "person", "keypoints": names}, {"id": 2, "name": "dog"}],
    }


def _write_coco(rng: np.random.Generator, folder: Path) -> None:
    write_pictures(folder)
    (folder / "people.json").write_bytes(mutate_json(rng, coco_content()))


def _read_coco(folder: Path) -> None:
    """Records, OKS and the image ids of results; people and places must be the same."""
    path = str(folder / "people.json")
    request = ReadRequest(path, str(folder / "images"))
    parsed = _or_refusal(lambda: coco_file.parse(path))
    found = _or_refusal(lambda: coco.annotated_images(parsed, request)) if isinstance(parsed, CocoFile) else parsed
    once = dataclasses.replace(
        readers.READERS["coco"], read=lambda _: _or_raise(found), parse=lambda _: _or_raise(parsed)
    )  # the same function of the same file, not called again
    with mock.patch.dict(readers.READERS, coco=once):
        truth = _or_refusal(lambda: oks_truth.read_truth(path))
        records = _or_refusal(lambda: _read("coco", request))
    _or_refusal(lambda: AnnotatedIds(path, ()))
    if isinstance(parsed, UserError):
        assert isinstance(records, UserError) and not isinstance(truth, oks_truth.Truth), (
            "one reader refuses, one does not"
        )
        raise parsed
    if isinstance(truth, oks_truth.Truth) and not isinstance(records, UserError):
        assert _people_of_records(found.images) == _people_of_truth(truth)
    for outcome in (truth, records):
        if isinstance(outcome, UserError):
            raise outcome


def _or_refusal(read: Any) -> Any:
    try:
        return read()
    except UserError as error:
        return error


def _or_raise(outcome: Any) -> Any:
    if isinstance(outcome, UserError):
        raise outcome
    return outcome


def _read(name: str, request: ReadRequest) -> Any:
    """`readers.read`; the three pictures, which nobody changes, are decoded once."""
    with mock.patch.object(images, "find_unreadable", _find_unreadable):
        return readers.read(name, request)


def _find_unreadable(paths: Sequence[Path]) -> dict[Path, str]:
    return {path: problem for path in paths for problem in _problem(path).values()}


@functools.cache
def _problem(path: Path, check: Any = images.find_unreadable) -> dict[Path, str]:
    return check([path])


def _people_of_records(images: Any) -> list[tuple[str, list[float]]]:
    """(image, places of the limb joints, NaN = none) of everybody with a labelled joint among the limbs."""
    found = []
    for image in images:
        for person in image.people:
            limbs = np.where(person.keypoints[:, 2:] != JointState.MISSING, person.keypoints[:, :2], 0)
            found.append((image.image_path.stem, limbs[[0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15]].ravel().tolist()))
    return sorted(one for one in found if any(one[1]))


def _people_of_truth(truth: Any) -> list[tuple[str, list[float]]]:
    order = ("r_ankle", "r_knee", "r_hip", "l_hip", "l_knee", "l_ankle", "r_wrist", "r_elbow", "r_shoulder",
             "l_shoulder", "l_elbow", "l_wrist")  # fmt: skip
    columns = [truth.joints.index(name) for name in order]
    found = []
    for key, image in truth.images.items():
        for joints, ignored, area in zip(image.keypoints[:, columns], image.ignored, image.areas):
            if not ignored or area <= 0:
                found.append((key, np.where(joints[:, 2:] > 0, joints[:, :2], 0).ravel().tolist()))
    return sorted(one for one in found if any(one[1]))


@functools.cache
def openpose_content() -> dict[str, Any]:
    """OpenPose's list of people."""
    joints = [[10.0 + k, 20.0 + k, 1.0] for k in range(16)]
    row = {"dataset": "MPI", "isValidation": 0.0, "img_paths": "1.jpg", "img_width": WIDTH, "img_height": HEIGHT,
           "people_index": 1.0, "objpos": [18.0, 28.0], "scale_provided": 0.3, "joint_self": joints,
           "numOtherPeople": 1.0, "joint_others": [[[30.0 + k, 20.0 + k, 0.0] for k in range(16)]],
           "objpos_other": [[38.0, 28.0]],
           "scale_provided_other": [0.4]}  # fmt: skip
    return {
        "root": [row, row | {"img_paths": "2.jpg", "joint_others": [], "objpos_other": [], "scale_provided_other": []}]
    }


def _write_openpose(rng: np.random.Generator, folder: Path) -> None:
    write_pictures(folder)
    (folder / "MPI.json").write_bytes(mutate_json(rng, openpose_content()))


def _read_openpose(folder: Path) -> None:
    """Training and validation pictures together are all pictures."""
    request = ReadRequest(str(folder / "MPI.json"), str(folder / "images"))
    parts = [
        _or_refusal(lambda split=split: _read("openpose_json", _with(request, split))) for split in ("train", "val")
    ]
    found = [part for part in parts if not isinstance(part, UserError)]
    if not found:
        raise parts[0]
    names = [image.image_path for part in found for image in part.images]
    assert len(names) == len(set(names)) <= 3
    for image in (image for part in found for image in part.images):
        assert all(person.keypoints.shape == (16, 3) and person.objpos.shape == (2,) for person in image.people)
        assert all(np.isfinite(person.keypoints).all() for person in image.people)


def _with(request: ReadRequest, split: str) -> ReadRequest:
    return ReadRequest(request.annotations, request.images, split=split)


@functools.cache
def prediction_content() -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """One picture's prediction, and a COCO result list."""
    rng = np.random.default_rng(0)
    people = [{"keypoints": rng.uniform(0, 90, (15, 3)).round(2).tolist(), "score": 0.5} for _ in range(2)]
    rows = [
        {"image_id": k, "category_id": 1, "keypoints": rng.uniform(0, 90, 51).round(2).tolist(), "score": 0.5}
        for k in (1, 2)
    ]
    return {"image": "1.jpg", "width": WIDTH, "height": HEIGHT, "exif_orientation": 6, "people": people}, rows


def _write_predictions(rng: np.random.Generator, folder: Path) -> None:
    (folder / "found").mkdir(exist_ok=True)
    (folder / "found" / "1.json").write_bytes(mutate_json(rng, prediction_content()[int(rng.integers(2))]))


def _read_predictions(folder: Path) -> None:
    """With and without ids of images: files per picture are the same."""
    with_ids = read_predictions(
        folder / "found", lambda rows, path: coco_results.parse(rows, path, {"1": "1", "2": "2"})
    )
    for one in with_ids.values():
        assert one.keypoints.shape[1:] == (MPI.num_parts, 3) and len(one.keypoints) == len(one.scores)
        assert np.isfinite(one.keypoints).all() and np.isfinite(one.scores).all() and min(one.width, one.height) >= 0
        if not one.is_ranked:
            (plain,) = read_predictions(folder / "found").values()
            np.testing.assert_array_equal(plain.keypoints, one.keypoints)


TARGETS = (
    Target("COCO JSON", _write_coco, lambda folder: is_json(folder / "people.json"), _read_coco),
    Target("OpenPose JSON", _write_openpose, lambda folder: is_json(folder / "MPI.json"), _read_openpose),
    Target(
        "prediction JSON", _write_predictions, lambda folder: is_json(folder / "found" / "1.json"), _read_predictions
    ),
)
