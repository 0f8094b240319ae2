"""PoseTrack18: nested names of pictures, a folder of videos, regions of un-annotated people."""

import json

import cv2
import numpy as np
import pytest

from openpose_tf.common.errors import UserError
from openpose_tf.data.annotations import pixels
from openpose_tf.data.annotations.formats import coco_file, posetrack18
from openpose_tf.data.annotations.types import ReadRequest
from openpose_tf.skeleton import MPII_JOINTS

NAMES = [
    *("nose", "head_bottom", "head_top", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow"),
    *("right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle"),
    "right_ankle",
]


def video(number, x):
    flat = [value for k in range(17) for value in (x + k, 20 + 2 * k, 1)]
    frame = {"id": number, "file_name": f"images/val/{number:06d}_mpii_test/000000.jpg", "width": 100, "height": 80}
    unlabelled = {"id": -number, "is_labeled": False, "file_name": frame["file_name"].replace("000000.", "000001.")}
    regions = {"ignore_regions_x": [[60, 90, 90, 60], [1, 2]], "ignore_regions_y": [[10, 10, 70, 70], [1, 2]]}
    return {
        "categories": [{"id": 1, "name": "person", "keypoints": NAMES}],
        "images": [frame | regions, frame | unlabelled],
        "annotations": [{"id": 1, "image_id": number, "category_id": 1, "bbox": [x, 15, 20, 50], "keypoints": flat}],
    }


@pytest.fixture
def annotations(tmp_path):
    folder = tmp_path / "annotations" / "val"
    folder.mkdir(parents=True)
    for number, x in ((1, 10), (2, 30)):
        (folder / f"{number:06d}_mpii_test.json").write_text(json.dumps(video(number, x)))
    return folder


def save(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.zeros((80, 100, 3), np.uint8))


@pytest.mark.parametrize("name", ["images/val/{}/000000.jpg", "val/{}/000000.jpg", "{}/000000.jpg", "{}_000000.jpg"])
def test_pictures_are_found_by_their_nested_names(annotations, tmp_path, name):
    for number in (1, 2):
        save(tmp_path / "pictures" / name.format(f"{number:06d}_mpii_test"))
    found = posetrack18.read(ReadRequest(str(annotations), str(tmp_path / "pictures")))
    assert [image.image_id for image in found.images] == ["1", "2"] and found.facts == {"videos": 2}
    assert len({image.image_path for image in found.images}) == 2
    assert found.left_out == {"image without a person with keypoints": 2}
    for image, x in zip(found.images, (10, 30)):
        keypoints = dict(zip(MPII_JOINTS, image.people[0].keypoints.tolist()))
        assert keypoints["upper_neck"][:2] == [x + 1, 22] and keypoints["head_top"][:2] == [x + 2, 24]
        assert all(image.labelled_joints)


def test_regions_of_unannotated_people_are_out_of_the_loss(annotations, tmp_path):
    for number in (1, 2):
        save(tmp_path / f"{number:06d}_mpii_test_000000.jpg")
    found = posetrack18.read(ReadRequest(str(annotations / "000001_mpii_test.json"), str(tmp_path)))
    mask = pixels.read_ignore_mask(found.images[0])
    assert mask[11:69, 61:89].all() and not mask[:, :59].any()


@pytest.mark.parametrize(
    ("x", "y", "unusable"), [([[60, 90], [1, 9, 9]], [[10], [1, 1, 9]], 1), ([[60, 90, 90]], None, 1), (None, None, 0)]
)
def test_regions_without_as_many_x_as_y_are_left_out_and_counted(tmp_path, x, y, unusable):
    content = video(1, 10)
    content["images"][0] |= {"ignore_regions_x": x, "ignore_regions_y": y}
    (tmp_path / "video.json").write_text(json.dumps(content))
    save(tmp_path / "000001_mpii_test" / "000000.jpg")
    found = posetrack18.read(ReadRequest(str(tmp_path / "video.json"), str(tmp_path)))
    assert found.notes == ({coco_file.UNUSABLE_REGION: unusable} if unusable else {})
    assert len(found.images[0].ignore_segmentations) == (y is not None)


def test_what_is_missing_is_named(annotations, tmp_path):
    with pytest.raises(UserError, match=r"2 of 2 images are missing.*\n.*000001_mpii_test/000000\.jpg"):
        posetrack18.read(ReadRequest(str(annotations), str(tmp_path)))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"empty holds no \.json file"):
        posetrack18.read(ReadRequest(str(tmp_path / "empty"), str(tmp_path)))


def test_the_real_file(shared_data):
    folder = shared_data / "real" / "posetrack18"
    request = ReadRequest(str(folder / "test_posetrack18_val.json"), str(folder / "images"))
    images = posetrack18.read(request).images
    assert (len(images), sum(len(image.people) for image in images)) == (3, 14)
    assert [len(image.ignore_segmentations) for image in images] == [4, 2, 9]
    assert pixels.read_ignore_mask(images[0]).any()
