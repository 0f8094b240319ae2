"""COCO keypoint files: what is parsed, and that records and OKS see the same people in the same file."""

import itertools
import json

import numpy as np
import pytest

from eval.formats import oks_truth
from openpose_tf.common.errors import UserError
from openpose_tf.data.annotations.formats import coco, coco_file
from openpose_tf.data.annotations.types import ReadRequest
from openpose_tf.skeleton import COCO_JOINTS, MPII_JOINTS

IDS = itertools.count(1)
KEYPOINTS = [value for k in range(17) for value in (20 + 2 * k, 10 + 3 * k, 1 + k % 2)]


def person(image, **more) -> dict:
    return {
        "id": next(IDS),
        "image_id": image,
        "category_id": 1,
        "keypoints": KEYPOINTS,
        "bbox": [18, 8, 40, 55],
    } | more


def write(folder, *annotations, **more) -> str:
    value = {
        "images": [{"id": k, "file_name": f"{k}.jpg", "width": 96, "height": 72} for k in (1, 2)],
        "annotations": list(annotations),
        "categories": [{"id": 1, "name": "person", "keypoints": list(COCO_JOINTS)}, {"id": 2, "name": "dog"}],
    }
    path = folder / "people.json"
    path.write_text(json.dumps(value | more))
    return str(path)


def seen_by_both(path, folder) -> tuple[list[int], list[int]]:
    """Numbers of people with labelled joints, per image that has any, as the record reader and OKS count them."""
    in_records = [len(image.people) for image in coco.read(ReadRequest(path, str(folder))).images]
    counted = [
        int((~image.ignored & (image.keypoints[..., 2] > 0).any(-1)).sum())
        for image in oks_truth.read_truth(path).images.values()
    ]
    return in_records, [count for count in counted if count]


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        ((person(1), person(1), person(2)), [2, 1]),
        ((person("1"), person(2, category_id="1")), [1, 1]),  # ids as text
        ((person("001"), person(2.0), person("2", id=None), person("2", id=None)), [1, 3]),
        ((person(1), person(1, iscrowd="0")), [2]),
        ((person(1), person(2, keypoints=np.reshape(KEYPOINTS, (17, 3)).tolist())), [1, 1]),  # a list for each joint
        ((person(1), person(2, bbox=[0, 0, 0, 0], area=0)), [1, 1]),
        ((person(1), person(9), person(None), person(1, category_id=None), person(1, category_id=7)), [1]),
        ((person(1), person(1, category_id=2)), [1]),  # a dog with keypoints
        ((person(1), person(1, keypoints=[]), person(1, keypoints=[0] * 51)), [1]),
        ((person(1), person(1, keypoints=None)), [1]),
        ((person(1), person(1, iscrowd=1)), [1]),
        ((person(1, bbox=None), person(2, area=None)), [1, 1]),
    ],
)
def test_the_same_people_in_records_and_in_oks(tmp_path, annotations, expected):
    path = write(tmp_path, *annotations)
    assert seen_by_both(path, tmp_path) == (expected, expected)


def test_what_no_image_or_category_claims_is_counted(tmp_path):
    path = write(tmp_path, person(1), person(9), person(None), person(1, category_id=7))
    left_out = {"annotation of an image that is not listed": 2, "annotation of a category that is not listed": 1}
    assert coco_file.parse(path).left_out == left_out
    found = coco.read(ReadRequest(path, str(tmp_path)))
    assert found.left_out == left_out | {"image without a person with keypoints": 1}
    assert found.left_out_images == {"2", "2.jpg"}


def test_a_person_as_parsed(tmp_path):
    path = write(tmp_path, person(2, bbox=None, area=12, segmentation=[[1, 1, 5, 1, 5, 5]]))
    (_, image) = coco_file.parse(path).images
    (one,) = image.people
    assert (image.image_id, image.file_name, image.width, image.height) == ("2", "2.jpg", 96, 72)
    assert one.joints == COCO_JOINTS and one.area == 12 and not one.is_crowd
    assert one.segmentation == [[1, 1, 5, 1, 5, 5]]
    np.testing.assert_array_equal(one.keypoints, np.reshape(KEYPOINTS, (17, 3)))
    assert one.box == (20, 10, 32, 48)  # of all labelled joints, the face's too


@pytest.mark.parametrize("name", ["Head", "top_head", "head top"])
@pytest.mark.parametrize("neck", ["neck", "Head-bottom", "upper_neck"])
def test_other_names_of_head_and_neck(tmp_path, name, neck):
    joints = [word for word in MPII_JOINTS if word[1] == "_"] + [name, neck]
    points = [value for k in range(len(joints)) for value in (20 + k, 10 + k, 2)]
    path = write(tmp_path, person(1, keypoints=points), categories=[{"id": 1, "keypoints": joints}])
    (image,) = coco.read(ReadRequest(path, str(tmp_path))).images
    assert all(image.labelled_joints)
    np.testing.assert_array_equal(image.people[0].keypoints[[9, 8]], [[32, 22, 1], [33, 23, 1]])
    assert {"head_top", "neck"} <= set(oks_truth.read_truth(path).joints)


IMAGES = [{"id": k, "file_name": f"{k}.jpg", "width": 96, "height": 72} for k in (1, 2)]
PERSONS = [{"id": 1, "name": "person", "keypoints": list(COCO_JOINTS)}]


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        (
            {"images": [*IMAGES, IMAGES[0] | {"file_name": "b.jpg"}]},
            r"images\[0\] and images\[2\] .*id 1 \(1.jpg and b.jpg\)",
        ),
        (
            {"images": [*IMAGES, IMAGES[0] | {"id": "01", "file_name": "b.jpg"}]},
            r"images\[0\] and images\[2\] .*id '01'",
        ),
        ({"images": [*IMAGES, IMAGES[0] | {"id": 3}]}, r"images\[0\] and images\[2\] .*the same file_name '1.jpg'"),
        (
            {"annotations": [person(1, id=5), person(2), person(1, id="5")]},
            r"annotations\[0\] and annotations\[2\] .*'5'",
        ),
        ({"categories": [*PERSONS, *PERSONS]}, r"categories\[0\] and categories\[1\] .*id 1"),
        ({"images": [*IMAGES, IMAGES[0] | {"id": None, "file_name": "c.jpg"}]}, r"image None .*no id"),
    ],
)
def test_ids_that_are_not_unique_are_refused_by_both(tmp_path, lists, message):
    path = write(tmp_path, person(1), **lists)
    for read in (lambda: coco.read(ReadRequest(path, str(tmp_path))), lambda: oks_truth.read_truth(path)):
        with pytest.raises(UserError, match=message):
            read()


def test_of_joints_with_one_name_the_first_counts(tmp_path):
    names = [*COCO_JOINTS[:-1], COCO_JOINTS[-2]]  # the right ankle is called as the left one
    categories = [{"id": 1, "keypoints": [*names, COCO_JOINTS[-1]]}]
    path = write(tmp_path, person(1, keypoints=[*KEYPOINTS, 70, 60, 2]), categories=categories)
    ((one,), _) = (image.people for image in coco_file.parse(path).images)
    np.testing.assert_array_equal(one.keypoints[one.joints.index("l_ankle")], KEYPOINTS[45:48])
    truth = oks_truth.read_truth(path)
    np.testing.assert_array_equal(truth.images["1"].keypoints[0, truth.joints.index("l_ankle")], KEYPOINTS[45:48])
    assert one.joints[-1] == "r_ankle" and len(one.joints) == 17


def test_one_joint_without_a_box_has_no_size(tmp_path):
    alone = [*[0] * 48, 30, 30, 2]
    path = write(tmp_path, person(1), person(1, keypoints=alone, bbox=None, area=None))
    assert list(oks_truth.read_truth(path).images["1"].ignored) == [False, True]


def test_both_refuse_alike(tmp_path):
    path = write(tmp_path, person(1, keypoints=KEYPOINTS[:21], id=44))
    for read in (lambda: coco.read(ReadRequest(path, str(tmp_path))), lambda: oks_truth.read_truth(path)):
        with pytest.raises(UserError, match=r"image 1 .*annotation 44 has 21 numbers for 17 joints, expected 51"):
            read()


@pytest.mark.parametrize(
    ("flags", "labelled", "noted"),
    [
        ([0.9] * 17, 17, True),
        ([0.9, 0.0] * 8 + [1.0], 9, True),
        ([3] * 17, 17, True),
        ([-1, 2] * 8 + [2], 9, True),
        ([None, 2] * 8 + [2], 9, True),
        ([2, 1, 0] * 5 + [0, 0], 10, False),
    ],
)
def test_what_is_above_zero_is_labelled_in_records_and_in_oks(tmp_path, flags, labelled, noted):
    points = [value for k in range(17) for value in (20 + 2 * k, 10 + 3 * k, flags[k])]
    path = write(tmp_path, person(1, keypoints=points))
    content = coco_file.parse(path)
    found = coco.read(ReadRequest(path, str(tmp_path)))
    states = content.images[0].people[0].keypoints[:, 2]
    assert (states > 0).sum() == labelled == (oks_truth.read_truth(path).images["1"].keypoints[0, :, 2] > 0).sum()
    assert set(states) <= ({0, 2} if noted else {0, 1, 2})
    assert content.notes == found.notes == ({coco_file.ODD_FLAGS: 1} if noted else {})


@pytest.mark.parametrize("box", [[0, 0, 0, 0], [5, 5, 0, 9], [0, 0, -3, 4], [0, 0, float("nan"), 2], [], None])
@pytest.mark.parametrize("area", [0, None, -1])
def test_empty_boxes_and_areas_are_those_of_the_joints(tmp_path, box, area):
    path = write(tmp_path, person(1, bbox=box, area=area))
    (image,) = coco.read(ReadRequest(path, str(tmp_path))).images
    np.testing.assert_array_equal(image.people[0].objpos, [20 + 16, 10 + 24])
    assert image.people[0].scale == max(32, 48, image.people[0].scale * 200) / 200 and image.people[0].area is None
    truth = oks_truth.read_truth(path).images["1"]
    assert truth.areas == [oks_truth.BOX_TO_AREA * 32 * 48] and not truth.ignored.any()


def test_joints_at_no_place_are_not_labelled(tmp_path):
    points = [None, 5, 2, float("inf"), 5, 2, *KEYPOINTS[6:]]
    (image, _) = coco_file.parse(write(tmp_path, person(1, keypoints=points))).images
    np.testing.assert_array_equal(image.people[0].keypoints[:2], 0)
    assert (image.people[0].keypoints[2:, 2] > 0).all()


def test_faces_are_left_out_of_records_and_oks(tmp_path):
    face = {"id": 3, "name": "face", "keypoints": ["chin", "nose"]}
    people = [{"id": 1, "name": "person", "keypoints": list(COCO_JOINTS)}, face]
    annotations = person(1), person(2, category_id=3, keypoints=[1, 1, 2] * 2)
    path = write(tmp_path, *annotations, categories=people)
    assert seen_by_both(path, tmp_path) == ([1], [1])
    assert coco_file.parse(path).left_out == {"annotation of a category that is not a person": 1}


def test_two_categories_of_people_are_one_ground_truth(tmp_path):
    more = ["head", *COCO_JOINTS]
    categories = [{"id": 1, "keypoints": list(COCO_JOINTS)}, {"id": 2, "keypoints": more}]
    path = write(tmp_path, person(1), person(2, category_id=2, keypoints=[9, 9, 2, *KEYPOINTS]), categories=categories)
    assert seen_by_both(path, tmp_path) == ([1, 1], [1, 1])
    truth = oks_truth.read_truth(path)
    heads = [truth.images[key].keypoints[0, truth.joints.index("head_top"), 2] for key in "12"]
    assert heads == [0, 2]
    np.testing.assert_array_equal(truth.images["1"].keypoints[0, :17], truth.images["2"].keypoints[0, :17])


def test_recognized_by_content(tmp_path):
    assert coco_file.recognizes(tmp_path / "people.json") is False
    write(tmp_path)
    assert coco_file.recognizes(tmp_path / "people.json")
    for content in ("[1]", "{", '{"images": [{"gt": []}]}'):
        (tmp_path / "people.json").write_text(content)
        assert not coco_file.recognizes(tmp_path / "people.json")
    assert not coco_file.recognizes(tmp_path)
