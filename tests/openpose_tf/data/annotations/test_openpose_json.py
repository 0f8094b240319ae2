"""The JSON lists of OpenPose training code: people merged per picture, splits, wrong files, sizes from headers."""

import json

import cv2
import numpy as np
import pytest

from openpose_tf.common.errors import UserError
from openpose_tf.data.annotations import pixels
from openpose_tf.data.annotations.openpose_json import read_openpose_json
from openpose_tf.skeleton import JointState


def joints(first: float, flag: float = 1.0) -> list[list[float]]:
    points = [[first + k, 20.0 + k, flag] for k in range(16)]
    points[3] = [0.0, 0.0, 0.0]
    points[4] = [first, 30.0, 2.0]
    return points


def entry(name: str, self_joints, others=(), validation: float = 0.0, **more) -> dict:
    return {
        "dataset": "MPI", "isValidation": validation, "img_paths": name, "img_width": 120.0, "img_height": 90.0,
        "people_index": 1.0, "objpos": [self_joints[0][0], 40.0], "scale_provided": 0.3, "joint_self": self_joints,
        "numOtherPeople": float(len(others)), "joint_others": list(others),
        "objpos_other": [[one[0][0], 40.0] for one in others], "scale_provided_other": [0.4 for _ in others],
    } | more  # fmt: skip


def write(folder, rows, name="MPI.json"):
    (folder / "images").mkdir(exist_ok=True)
    for picture in "ab":
        cv2.imwrite(str(folder / "images" / f"{picture}.jpg"), np.zeros((90, 120, 3), np.uint8))
    path = folder / name
    path.write_text(json.dumps({"root": rows}))
    return path


def test_people_of_one_picture_are_merged(tmp_path):
    one, two, three = joints(10), joints(50, flag=0.0), joints(110)
    rows = [entry("a.jpg", one, [two, three]), entry("a.jpg", two, [one, three]), entry("b.jpg", one, validation=1.0)]
    (image,) = read_openpose_json(write(tmp_path, rows), tmp_path / "images", validation=False)
    assert image.image_id == "a" and (image.width, image.height) == (120, 90)
    assert [person.scale for person in image.people] == [0.3, 0.3, 0.4]
    first, second, third = (person.keypoints for person in image.people)
    np.testing.assert_array_equal(first[0], [10, 20, JointState.VISIBLE])
    assert first[3, 2] == first[4, 2] == JointState.MISSING
    assert second[0, 2] == JointState.SELF_OCCLUDED and third[15, 2] == JointState.TRUNCATED
    assert [person.features["min_distance"] for person in image.people] == [40, 40, 60]
    (other,) = read_openpose_json(tmp_path / "MPI.json", tmp_path / "images", validation=True)
    assert other.image_id == "b"


def test_one_other_person_without_list_and_folder_of_files(tmp_path):
    alone = entry("a.jpg", joints(10), joint_others=joints(60), objpos_other=[60.0, 40.0], scale_provided_other=0.4)
    write(tmp_path, [alone], "one.json")
    write(tmp_path, [entry("b.jpg", joints(10), isSynth=1)], "two.json")
    first, second = read_openpose_json(tmp_path, tmp_path / "images")
    assert len(first.people) == 2 and not first.people[0].is_synthetic
    assert [person.is_synthetic for person in second.people] == [True]


def test_null_numbers(tmp_path):
    """Null places, positions and scales are not known; a null size or flag is refused, and the entry is named."""
    points = joints(10)
    points[0] = [None, None, 1.0]
    rows = [entry("a.jpg", points, objpos=None, scale_provided=None), entry("a.jpg", joints(60), objpos=[None, None])]
    (image,) = read_openpose_json(write(tmp_path, rows), tmp_path / "images")
    first, second = image.people
    assert first.keypoints[0, 2] == JointState.MISSING and np.isnan(first.objpos).all() and np.isnan(first.scale)
    assert np.isnan(second.objpos).all() and np.isnan(second.features["min_distance"])
    for name, value in (("img_width", None), ("img_height", []), ("isValidation", []), ("isSynth", None)):
        path = write(tmp_path, [entry("a.jpg", points), entry("b.jpg", points, **{name: value})])
        with pytest.raises(UserError, match=rf"entry 1 \('b.jpg'\): {name} is "):
            read_openpose_json(path, tmp_path / "images", validation=False)


def test_masks(tmp_path):
    path = write(tmp_path, [entry("a.jpg", joints(10))])
    (tmp_path / "masks").mkdir()
    mask = np.zeros((90, 120), np.uint8)
    mask[:, 100:] = 255
    cv2.imwrite(str(tmp_path / "masks" / "mask_a.jpg"), mask)
    (image,) = read_openpose_json(path, tmp_path / "images", masks_dir=tmp_path / "masks")
    ignored = pixels.read_ignore_mask(image)
    assert ignored[:, 104:].all() and not ignored[:, :96].any()
    cv2.imwrite(str(tmp_path / "masks" / "mask_a.jpg"), mask[:50])
    with pytest.raises(UserError, match="is 120x50 pixels, its picture 120x90"):
        pixels.read_ignore_mask(image)


@pytest.mark.parametrize(
    "rows, message",
    [
        (3, "no list of people under root"),
        ([{"img_paths": "a.jpg"}], "entry 0 lacks img_width"),
        ([entry("a.jpg", joints(1)[:5])], r"a\.jpg cannot be understood"),
        ([entry("a.jpg", joints(1), scale_provided_other=[1.0])], "differ in length"),
        ([entry("c.jpg", joints(1))], r"(?s)1 of 1 pictures are missing.*c\.jpg"),
        ([entry("a.jpg", joints(1), validation=1.0)], "holds no person of this split"),
    ],
)
def test_wrong_files(tmp_path, rows, message):
    with pytest.raises(UserError, match=message):
        read_openpose_json(write(tmp_path, rows), tmp_path / "images", validation=False)
