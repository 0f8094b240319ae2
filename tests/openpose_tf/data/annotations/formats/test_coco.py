"""COCO keypoint files: joints, derived joints, scale, un-annotated people, wrong files, real photographs."""

import copy
import json

import cv2
import numpy as np
import pytest

from openpose_tf.common.errors import UserError
from openpose_tf.data.annotations import mpii_joints, pixels
from openpose_tf.data.annotations.formats import coco
from openpose_tf.data.annotations.types import ReadRequest
from openpose_tf.skeleton import COCO_JOINTS, MPII_JOINTS, JointState

NAMES = [name.replace("l_", "left_").replace("r_", "right_") if name[1] == "_" else name for name in COCO_JOINTS]
SQUARE = [[10, 10, 30, 10, 30, 40, 10, 40]]


def read_coco(annotations, images) -> list:
    return coco.read(ReadRequest(str(annotations), str(images))).images


def flat(points: dict[str, tuple[float, float, int]]) -> list[float]:
    return [value for name in NAMES for value in points.get(name, (0, 0, 0))]


BODY = {
    "nose": (50, 20, 2),
    "left_shoulder": (60, 40, 2),
    "right_shoulder": (40, 42, 1),
    "left_hip": (58, 80, 2),
    "right_hip": (42, 82, 2),
    "left_wrist": (130, 60, 2),
}


def content() -> dict:
    person = {"image_id": 7, "category_id": 1, "iscrowd": 0}
    return {
        "images": [
            {"id": 7, "file_name": "a.png", "width": 100, "height": 120},
            {"id": 8, "file_name": "b.png", "width": 100, "height": 120},
        ],
        "categories": [{"id": 1, "name": "person", "keypoints": NAMES}, {"id": 2, "name": "dog"}],
        "annotations": [
            person | {"id": 1, "keypoints": flat(BODY), "bbox": [30, 10, 40, 100], "area": 1234.5},
            person | {"id": 2, "keypoints": flat({}), "bbox": [0, 0, 9, 9], "segmentation": SQUARE},
            person | {"id": 3, "iscrowd": 1, "bbox": [0, 0, 1, 1], "segmentation": {"size": [120, 100],
                                                                                   "counts": [11880, 120]}},
            person | {"id": 4, "bbox": [50, 100, 20, 10]},
            {"id": 5, "image_id": 7, "category_id": 2, "bbox": [0, 0, 100, 120], "segmentation": SQUARE},
        ],
    }  # fmt: skip


def write(folder, value) -> str:
    path = folder / "annotations.json"
    path.write_text(json.dumps(value))
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(folder / name), np.zeros((120, 100, 3), np.uint8))
    return str(path)


def test_person(tmp_path):
    (image,) = read_coco(write(tmp_path, content()), tmp_path)
    assert image.image_id == "7" and (image.width, image.height) == (100, 120)
    (person,) = image.people
    joints = dict(zip(MPII_JOINTS, person.keypoints))
    np.testing.assert_array_equal(joints["l_shoulder"], [60, 40, JointState.VISIBLE])
    np.testing.assert_array_equal(joints["r_shoulder"], [40, 42, JointState.SELF_OCCLUDED])
    for middle in ("thorax", "upper_neck"):
        np.testing.assert_array_equal(joints[middle], [50, 41, JointState.SELF_OCCLUDED])
    np.testing.assert_array_equal(joints["pelvis"], [50, 81, JointState.VISIBLE])
    np.testing.assert_array_equal(joints["l_wrist"], [130, 60, JointState.TRUNCATED])
    for missing in ("head_top", "r_knee", "l_elbow"):
        np.testing.assert_array_equal(joints[missing], [0, 0, JointState.MISSING])
    assert [name for name, known in zip(MPII_JOINTS, image.labelled_joints) if not known] == ["head_top"]
    np.testing.assert_array_equal(person.objpos, [50, 60])
    assert person.area == 1234.5 and person.features["num_people"] == 1
    assert np.isnan(person.features["min_distance"])
    # Torso |(60,40)-(58,80)| / 0.288 = 139.1 px is more than the 100 px box (cut at a table, say).
    assert person.scale == pytest.approx(np.hypot(2, 40) / 0.288 / 200)


def test_scale_is_the_largest_estimate():
    nothing = np.zeros((16, 3))
    assert mpii_joints.estimate_height(nothing, 30, 100) == 100
    assert mpii_joints.estimate_height(nothing, 150, 100) == 150  # somebody who lies
    shoulders = nothing.copy()
    shoulders[12], shoulders[13] = (0, 0, 1), (51.8, 0, 1)
    assert mpii_joints.estimate_height(shoulders, 60, 60) == pytest.approx(200)


def test_unannotated_people_become_the_ignore_mask(tmp_path):
    (image,) = read_coco(write(tmp_path, content()), tmp_path)
    mask = pixels.read_ignore_mask(image)
    expected = np.zeros((120, 100), bool)
    expected[10:40, 10:30] = True  # polygon
    expected[:, 99] = True  # run lengths, column by column
    expected[100:110, 50:70] = True  # box
    assert (mask != expected).mean() < 0.01  # polygon borders


def test_other_joint_names(tmp_path):
    value = content()
    names = ["Right Shoulder", "Right Elbow", "Right Wrist", "Left Shoulder", "Left Elbow", "Left Wrist", "Right Hip"]
    names += ["Right Knee", "Right Ankle", "Left Hip", "Left Knee", "Left Ankle", "Head top", "Neck"]
    value["categories"] = [{"id": 1, "keypoints": names}]
    flat_list = np.array([[k, 2 * k + 1, 2] for k in range(14)]).reshape(-1).tolist()
    value["annotations"] = [{"image_id": 8, "category_id": 1, "keypoints": flat_list, "bbox": [0, 0, 20, 30]}]
    (image,) = read_coco(write(tmp_path, value), tmp_path)
    joints = dict(zip(MPII_JOINTS, image.people[0].keypoints))
    np.testing.assert_array_equal(joints["head_top"], [12, 25, 1])
    np.testing.assert_array_equal(joints["upper_neck"], [13, 27, 1])
    np.testing.assert_array_equal(joints["thorax"], [1.5, 4, 1])
    assert all(image.labelled_joints)


PERSON = {"image_id": 7, "category_id": 1, "bbox": [20, 30, 40, 60]}
BOX = np.zeros((120, 100), bool)
BOX[30:90, 20:60] = True


def read_with(folder, segmentation, **more):
    """An image with one annotated person, and one without joints who has this segmentation."""
    value = content()
    value["annotations"] = [value["annotations"][0], PERSON | {"id": 9, "segmentation": segmentation} | more]
    return coco.read(ReadRequest(write(folder, value), str(folder)))


@pytest.mark.parametrize(
    "segmentation",
    [
        [[]],
        [[20, 30, 60, 90]],  # two corners, which pycocotools takes for a box at (20, 30) of 60 by 90
        [20, 30, 60, 90],
        [[[20, 30], [60, 90]]],
        [[20, 30, 60, 90, 40, 60]],  # a line
        [[20, 30, 60, 90, 7]],
        [[20, 30, 60, 90, 7, "a"]],
        [[20, 30, 60, 90, 7, None]],
        [[20, 30, 60, float("nan"), 7, 8]],
        [[20, 30, 6e9, 90, 7, 8e9]],
        [None],
        "polygon",
        {"size": [120, 100]},
        {"counts": [12000]},
        {"size": [120, 100], "counts": [0, 11999]},
        {"size": [120, 100], "counts": [100, 12000]},
        {"size": [120, 100], "counts": [-5, 12005]},
        {"size": [120, 100], "counts": "zzz~"},
    ],
)
def test_where_a_segmentation_is_none_the_persons_box_counts(tmp_path, segmentation):
    found = read_with(tmp_path, segmentation)
    np.testing.assert_array_equal(pixels.read_ignore_mask(found.images[0]), BOX)
    assert found.notes == {coco.UNUSABLE: 1}


@pytest.mark.parametrize(
    ("segmentation", "is_noted"),
    [
        ([20, 30, 60, 30, 60, 90, 20, 90], False),  # not wrapped in a list
        ([[[20, 30], [60, 30], [60, 90], [20, 90]]], False),  # pairs
        ([[20, 30], [60, 30], [60, 90], [20, 90]], False),
        ([[[[20, 30]], [[60, 30]], [[60, 90]], [[20, 90]]]], False),  # OpenCV's contours
        ([[20, 30, 60, 30, 60, 90, 20, 90], [], [1, 2, 3, 4]], True),
    ],
)
def test_the_usable_part_of_a_segmentation_counts(tmp_path, segmentation, is_noted):
    found = read_with(tmp_path, segmentation, bbox=[0, 0, 100, 120])
    np.testing.assert_array_equal(pixels.read_ignore_mask(found.images[0]), BOX)
    assert found.notes == ({coco.PARTLY_USABLE: 1} if is_noted else {})


@pytest.mark.parametrize("iscrowd", [0, 1])
def test_run_lengths_of_another_size_are_refused_before_any_picture_is_read(tmp_path, iscrowd):
    with pytest.raises(UserError, match=r"a\.png: a segmentation is made for 120x100 pixels, the image has 100x120"):
        read_with(tmp_path, {"size": [100, 120], "counts": [0, 12000]}, iscrowd=iscrowd)


def test_a_person_of_whom_nothing_is_known_is_counted(tmp_path):
    for bbox in (None, [0, 0, 0, 0]):
        found = read_with(tmp_path, [[]], bbox=bbox)
        assert found.left_out["person without joints, box and usable segmentation"] == 1
        assert len(found.images[0].people) == 1 and found.images[0].ignore_segmentations == ()


def test_where_the_file_says_no_size_the_picture_does(tmp_path):
    value = content()
    value["images"] = [{"id": 7, "file_name": "a.png"}, {"id": 8, "file_name": "b.png", "width": None, "height": 0}]
    (image,) = coco.read(ReadRequest(write(tmp_path, value), str(tmp_path))).images
    assert (image.width, image.height) == (100, 120) and not image.size_is_annotated


def change(**fields):
    return lambda value: value.update(fields)


@pytest.mark.parametrize(
    "edit, message",
    [
        (lambda value: value.pop("annotations"), "no list named annotations"),
        (change(images="x", categories={}), "no list named images, categories"),
        (change(images=[3]), "must hold objects"),
        (change(categories=[{"id": 1, "name": "person"}]), "no category lists keypoints"),
        (change(categories=[{"id": 1, "keypoints": NAMES[:-1]}], annotations=[]), "lack r_ankle"),
        (change(annotations=[]), "holds no person with keypoints"),
        (lambda value: value["annotations"][0].update(keypoints=[1, 2]), "image 7 .*annotation 1 has 2 numbers for 17"),
        (lambda value: value["annotations"][0].update(bbox=[1, 2, 3]), "image 7 cannot be understood"),
    ],
)
def test_wrong_files(tmp_path, edit, message):
    value = copy.deepcopy(content())
    edit(value)
    with pytest.raises(UserError, match=message):
        read_coco(write(tmp_path, value), tmp_path)


def test_not_coco_at_all(tmp_path):
    with pytest.raises(UserError, match="expected an object with images"):
        read_coco(write(tmp_path, [1, 2]), tmp_path)
    (tmp_path / "annotations.json").write_text("{not json")
    with pytest.raises(UserError, match="is not JSON"):
        read_coco(tmp_path / "annotations.json", tmp_path)
    with pytest.raises(UserError, match="does not exist"):
        read_coco(tmp_path / "other.json", tmp_path)
    with pytest.raises(UserError, match="is not a folder"):
        read_coco(write(tmp_path, content()), tmp_path / "nowhere")


@pytest.mark.parametrize(
    "annotations, folder, num_images, num_people",
    [
        (
            "coco/annotations/person_keypoints_smoke.json",
            "coco/images",
            83,
            200,
        ),  # 8 of the 208 people show their face only
        ("aic/test_aic.json", "aic/images", 3, 9),
        ("crowdpose/test_crowdpose.json", "crowdpose/images", 2, 4),
        ("mhp/test_mhp.json", "mhp/images", 2, 4),
        ("ochuman/test_ochuman.json", "ochuman/images", 3, 5),
    ],
)
def test_real_files(shared_data, annotations, folder, num_images, num_people):
    found = read_coco(shared_data / "real" / annotations, shared_data / "real" / folder)
    for image in found[:4]:
        assert pixels.read_image(image).shape == (image.height, image.width, 3)
        pixels.read_ignore_mask(image)
    assert all(person.scale > 0 for image in found for person in image.people)
    assert (len(found), sum(len(image.people) for image in found)) == (num_images, num_people)
