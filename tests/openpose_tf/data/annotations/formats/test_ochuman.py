"""OCHuman's own file: joints and states by their names, people without joints, wrong files, the original file."""

import json

import cv2
import numpy as np
import pytest

from openpose_tf.common.errors import UserError
from openpose_tf.data.annotations import pixels
from openpose_tf.data.annotations.formats import ochuman
from openpose_tf.data.annotations.types import ReadRequest
from openpose_tf.skeleton import MPII_JOINTS, JointState

NAMES = ["right_shoulder", "left_shoulder", "head", "neck", "nose"]
CODES = {"missing": 0, "vis": 1, "self_occluded": 2, "others_occluded": 3}
OUTLINE = [10.0, 10.0, 30.0, 10.0, 30.0, 40.0, 10.0, 40.0]


def content():
    joints = [60, 50, 1, 40, 50, 2, 50, 10, 3, 0, 0, 0, 51, 20, 1]
    person = {"keypoints": joints, "segms": {"outer": [OUTLINE]}, "bbox": [30, 5, 70, 105]}
    nobody = {"keypoints": None, "segms": None, "bbox": [80, 80, 90, 100]}
    outlined = {"keypoints": [0] * 15, "segms": {"outer": [OUTLINE]}, "bbox": [0, 0, 99, 99]}
    entry = {"width": 100, "height": 120}
    return {
        "images": [
            entry | {"image_id": "000001", "file_name": "000001.jpg", "annotations": [person, nobody, outlined]},
            entry | {"image_id": "000002", "file_name": "000002.jpg", "annotations": [nobody]},
        ],
        "keypoint_names": NAMES,
        "keypoint_visible": CODES,
    }


def read(folder, value):
    (folder / "ochuman.json").write_text(json.dumps(value))
    cv2.imwrite(str(folder / "000001.jpg"), np.zeros((120, 100, 3), np.uint8))
    return ochuman.read(ReadRequest(str(folder / "ochuman.json"), str(folder)))


def test_joints_and_states_come_by_name(tmp_path):
    found = read(tmp_path, content())
    (image,) = found.images
    (person,) = image.people
    expected = {
        "r_shoulder": (60, 50, JointState.VISIBLE),
        "l_shoulder": (40, 50, JointState.SELF_OCCLUDED),
        "head_top": (50, 10, JointState.OCCLUDED_BY_OTHER),
        "thorax": (50, 50, JointState.SELF_OCCLUDED),
    }
    for name, row in zip(MPII_JOINTS, person.keypoints):
        np.testing.assert_array_equal(row, expected.get(name, (0, 0, 0)))
    np.testing.assert_array_equal(person.objpos, [50, 55])
    assert person.scale * 200 == pytest.approx(100)
    assert found.left_out == {"image without a person with keypoints": 1} and "000002.jpg" in found.left_out_images


def test_people_without_joints_are_out_of_the_loss_by_outline_or_box(tmp_path):
    mask = pixels.read_ignore_mask(read(tmp_path, content()).images[0])
    expected = np.zeros((120, 100), bool)
    expected[10:40, 10:30] = expected[80:100, 80:90] = True
    assert (mask != expected).sum() <= 30 + 20 + 20 + 10  # COCO's drawing is up to half a pixel off


@pytest.mark.parametrize("box", [[0, 0, 0, 0], [], None, "missing", [30, 5, 10, 2]])
def test_a_box_that_is_none_is_that_of_the_joints(tmp_path, box):
    value = content()
    (person, nobody, _) = value["images"][0]["annotations"]
    for one in (person, nobody):
        one["bbox"] = box
        if box == "missing":
            del one["bbox"]
    found = read(tmp_path, value)
    np.testing.assert_array_equal(found.images[0].people[0].objpos, [50, 30])  # joints at x 40 to 60, y 10 to 50
    assert found.left_out["person without joints, box and usable segmentation"] == 1
    assert len(found.images[0].ignore_segmentations) == 1


@pytest.mark.parametrize(
    "segms", [{"outer": [[1, 2, 3, 4]]}, {"outer": ["text"]}, {"size": [1, 1], "inner": 3}, {"outer": None}]
)
def test_outlines_that_are_none_leave_the_box(tmp_path, segms):
    value = content()
    value["images"][0]["annotations"] = [
        value["images"][0]["annotations"][0],
        {"keypoints": [], "segms": segms, "bbox": [80, 80, 90, 100]},
    ]
    mask = pixels.read_ignore_mask(read(tmp_path, value).images[0])
    assert mask[82:98, 82:88].all() and not mask[:78].any()


@pytest.mark.parametrize("name", ["val\\000001.jpg", "val/000001.jpg", "%30%30%30001.jpg"])
def test_pictures_are_found_as_those_of_coco_files(tmp_path, name):
    value = content()
    value["images"][0] |= {"file_name": name, "width": None, "height": 0}
    (image,) = read(tmp_path, value).images
    assert image.image_path == tmp_path / "000001.jpg" and (image.width, image.height) == (100, 120)


def test_codes_that_the_file_does_not_list_are_refused(tmp_path):
    value = content()
    value["images"][0]["annotations"][0]["keypoints"][2] = 0.9
    with pytest.raises(UserError, match=r"image 000001 cannot be understood \(the code of a joint is 0.9"):
        read(tmp_path, value)


def test_wrong_files_are_named(tmp_path):
    for change, message in [
        ({"images": 3}, "has no list of images"),
        ({"keypoint_visible": {"seen": 1}}, "does not say the names and states"),
        ({"keypoint_names": NAMES[:4]}, "image 000001 cannot be understood"),
        ({"images": content()["images"][1:]}, "holds no person with keypoints"),
    ]:
        with pytest.raises(UserError, match=message):
            read(tmp_path, content() | change)
    (tmp_path / "000001.jpg").unlink()
    value = content()
    value["images"][0]["file_name"] = "gone.jpg"
    with pytest.raises(UserError, match=r"gone\.jpg"):
        read(tmp_path, value)


def test_the_original_file(shared_data):
    folder = shared_data / "real" / "ochuman_icevision"
    found = ochuman.read(ReadRequest(str(folder / "ochuman.json"), str(folder / "images")))
    assert (len(found.images), sum(len(image.people) for image in found.images)) == (10, 20)
    assert sum(len(image.ignore_segmentations) for image in found.images) == 9
