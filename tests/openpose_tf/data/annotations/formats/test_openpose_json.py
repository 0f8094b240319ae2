"""The JSON lists of OpenPose training code: people merged per picture, splits, wrong files, sizes from headers."""

import json

import cv2
import numpy as np
import pytest

from openpose_tf.common.errors import UserError
from openpose_tf.data import to_tfrecords
from openpose_tf.data.annotations import pixels
from openpose_tf.data.annotations.formats import openpose_json
from openpose_tf.data.annotations.formats.openpose_json import read_openpose_json
from openpose_tf.data.annotations.types import ReadRequest
from openpose_tf.data.records import examples, record_set
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


RENDERED = {
    "camera_angle": 12.5, "minDist": 37.0, "visibility_person": 0.75, "cropped_person": 0.125, "nr_people": 3,
    "median_dist": 50.0, "visibility_ratio_total": 0.4,
}  # fmt: skip


def test_published_synthetic_lists_become_synthetic_records_with_features(tmp_path):
    """The entries of a picture; the third person is nobody's entry, the second has no distance."""
    one, two, three = joints(10), joints(50), joints(80)
    rows = [
        entry("a.jpg", one, [two, three], isSynth=1, isSynth_other=[1, 1], **RENDERED),
        entry("a.jpg", two, [one, three], isSynth=1, isSynth_other=[1, 1],
              **RENDERED | {"visibility_person": 0.0, "minDist": []}),
    ]  # fmt: skip
    path, images = write(tmp_path, rows), str(tmp_path / "images")
    found = openpose_json.read(ReadRequest(str(path), images, is_synthetic=True))
    assert found.is_synthetic and found.sample_synthetic and found.min_height == 0
    first, second, third = (person.features for person in found.images[0].people)
    expected = {"camera_pitch_deg": 12.5, "min_distance": 37, "visible_ratio": 0.75, "cropped_ratio": 0.125}
    assert expected.items() <= first.items() and first["num_people"] == 3
    assert second["min_distance"] == 30 and second["visible_ratio"] == 0  # the distance follows from the positions
    assert third["camera_pitch_deg"] == 12.5 and "visible_ratio" not in third
    with pytest.raises(UserError, match=r"everybody is rendered \(isSynth\): pass --is_synthetic"):
        openpose_json.read(ReadRequest(str(path), images))

    options = to_tfrecords.Options(
        format="openpose_json",
        annotations=str(path),
        images=images,
        output_dir=str(tmp_path / "out"),
        num_shards=1,
        is_synthetic=True,
    )
    counts = to_tfrecords.run(options)
    assert counts["records"] == 2 and counts["dropped"] == {"no joint visible": 1}
    records = record_set.load_records(tmp_path / "out")
    assert examples.to_sample(records.read(0)).is_synthetic
    assert records.features["camera_pitch_deg"].tolist() == [12.5, 12.5]
    assert max(records.features["min_distance"]) == pytest.approx(37 * 640 / 120)


def test_people_of_whom_a_synthetic_list_says_nothing_are_rendered_and_lists_with_real_people_are_mixed(tmp_path):
    path, images = write(tmp_path, [entry("a.jpg", joints(10), [joints(50)])]), str(tmp_path / "images")
    (image,) = openpose_json.read(ReadRequest(str(path), images, is_synthetic=True)).images
    assert [person.is_synthetic for person in image.people] == [True, True]
    write(tmp_path, [entry("a.jpg", joints(10), [joints(50)], isSynth=0, isSynth_other=[1])])
    found = openpose_json.read(ReadRequest(str(path), images, is_synthetic=True))
    assert found.kind == "mixed" and found.is_synthetic and not found.sample_synthetic


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


def test_empty_lists_of_matlab_are_null(tmp_path):
    rows = [entry("a.jpg", joints(10), objpos=[], scale_provided=[])]
    rows += [entry("a.jpg", joints(60)) | {"joint_self": nothing} for nothing in ([], None)]
    (image,) = read_openpose_json(write(tmp_path, rows), tmp_path / "images")
    (person,) = image.people
    assert np.isnan(person.objpos).all() and np.isnan(person.scale) and person.keypoints[0, 2] == JointState.VISIBLE


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
    with pytest.raises(UserError, match="is 120x50 pixels, its image 120x90"):
        pixels.read_ignore_mask(image)


@pytest.mark.parametrize(
    "rows, message",
    [
        (3, "no list of people under root"),
        ([{"img_paths": "a.jpg"}], "entry 0 lacks img_width"),
        ([entry("a.jpg", joints(1)[:5])], r"a\.jpg cannot be understood"),
        ([entry("a.jpg", joints(1), scale_provided_other=[1.0])], "differ in length"),
        ([entry("c.jpg", joints(1))], r"(?s)1 of 1 images are missing.*c\.jpg"),
        ([entry("a.jpg", joints(1), validation=1.0)], "holds no person of this split"),
    ],
)
def test_wrong_files(tmp_path, rows, message):
    with pytest.raises(UserError, match=message):
        read_openpose_json(write(tmp_path, rows), tmp_path / "images", validation=False)
