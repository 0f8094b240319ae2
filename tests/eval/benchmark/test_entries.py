"""Groups to run: MPII's annotation file with its splits, toolkit ground truth, image datasets, wrong input."""

import json

import cv2
import numpy as np
import pytest
import scipy.io
from PIL import Image

from eval.benchmark.entries import EntrySource, read_entries
from eval.formats import mpii_toolkit
from eval.metrics.groups import GroupTruth
from openpose_tf.common.errors import UserError


def struct(*rows):
    names = list(dict.fromkeys(name for row in rows for name in row))
    array = np.empty((1, len(rows)), dtype=[(name, object) for name in names])
    for index, row in enumerate(rows):
        for name in names:
            array[name][0, index] = row.get(name, np.zeros((0, 0)))
    return array


def rect(x, scale=1.0, head=True):
    points = struct({"x": x, "y": 20.0, "id": 0, "is_visible": "1"}, {"x": x + 4, "y": 9.0, "id": 9})
    box = {"x1": x, "y1": 1.0, "x2": x + 6, "y2": 9.0} if head else {}
    return {**box, "annopoints": struct({"point": points}), "scale": scale, "objpos": struct({"x": x, "y": 15.0})}


def cells(*values):
    array = np.empty((len(values), 1), object)
    for index, value in enumerate(values):
        array[index, 0] = value
    return array


def numbers(*values):
    return np.array([values], float) if values else np.zeros((0, 0))


@pytest.fixture
def mpii_folder(tmp_path):
    """Four images, the third for test: a.png has two groups, b.png one group with a person who stands apart."""
    people = {
        "a": [rect(10), rect(20, 2.0), rect(40)],
        "b": [rect(5), rect(9)],
        "t": [rect(7)],
        "c": [rect(8), rect(30)],
    }
    annolist = struct(
        *({"image": struct({"name": f"{name}.png"}), "annorect": struct(*rects)} for name, rects in people.items())
    )
    release = struct(
        {
            "annolist": annolist,
            "img_train": np.array([[1, 1, 0, 1]]),
            "single_person": cells(numbers(), numbers(2), numbers(), numbers()),
        }
    )
    scipy.io.savemat(tmp_path / "release.mat", {"RELEASE": release})
    groups = cells(cells(numbers(1, 2), numbers(3)), cells(numbers(1, 2)), cells(numbers(1)), cells(numbers(2, 1)))
    scipy.io.savemat(tmp_path / "groups.mat", {"groups": groups})
    (tmp_path / "images").mkdir()
    for name in people:
        cv2.imwrite(str(tmp_path / f"images/{name}.png"), np.zeros((30, 50, 3), np.uint8))
    return tmp_path


def source(folder, **more):
    defaults = {"images": str(folder / "images"), "groups": str(folder / "groups.mat"), "split": "train"}
    return EntrySource(str(folder / "release.mat"), **(defaults | more))


def test_groups_of_the_annotation_file(mpii_folder):
    entries = read_entries(source(mpii_folder))
    assert [entry.truth.image for entry in entries] == ["a.png", "a.png", "c.png"]
    assert [entry.truth.xy[:, 0, 0].tolist() for entry in entries] == [[10, 20], [40], [30, 8]]  # order as listed
    first = entries[0]
    assert first.region.box.tolist() == [10, 15, 20, 15] and first.region.scale == 1.5
    assert (first.region.width, first.region.height) == (50, 30) and not first.whole_image
    assert first.truth.visible[0, 0] == 1 and np.isnan(first.truth.visible[0, 9])
    assert first.truth.head_boxes[0].tolist() == [10, 1, 16, 9]
    tested = read_entries(source(mpii_folder, split="test"))
    assert [entry.truth.image for entry in tested] == ["t.png"]


def test_validation_groups_by_seed_list_and_file(mpii_folder):
    by_seed = read_entries(source(mpii_folder, split="val", num_validation_groups=2, seed=3))
    assert len(by_seed) == 2
    (mpii_folder / "list.txt").write_text("# images kept apart\na\n")
    listed = read_entries(source(mpii_folder, split="val", validation=str(mpii_folder / "list.txt")))
    assert [entry.truth.image for entry in listed] == ["a.png", "a.png"]
    groups = {"groups": [{"image": "c.png", "people": [1]}, {"image": "a.png", "people": [3, 1]}]}
    (mpii_folder / "groups.json").write_text(json.dumps(groups))
    given = read_entries(source(mpii_folder, split="val", validation=str(mpii_folder / "groups.json")))
    assert [entry.truth.xy[:, 0, 0].tolist() for entry in given] == [[8], [40, 10]]


def test_toolkit_ground_truth_with_names_beside_it(mpii_folder):
    xy = np.full((1, 16, 2), np.nan)
    xy[0, 0] = 5, 6
    group = GroupTruth(xy, np.ones((1, 16)), np.array([[0, 0, 3.0, 4]]), np.array([[5.0, 6]]), np.array([1.0]), "")
    mpii_toolkit.write_truth(mpii_folder / "gt.mat", [group, group])
    toolkit = EntrySource(str(mpii_folder / "gt.mat"), str(mpii_folder / "images"))
    with pytest.raises(UserError, match=r"group 1 has no image name: give --image_names"):
        read_entries(toolkit)
    (mpii_folder / "names.json").write_text(json.dumps({"root": [{"im_name": "a.png"}, {"im_name": "t.png"}]}))
    named = EntrySource(toolkit.annotations, toolkit.images, image_names=str(mpii_folder / "names.json"))
    assert [entry.truth.image for entry in read_entries(named)] == ["a.png", "t.png"]
    (mpii_folder / "names.txt").write_text("a.png\n")
    short = EntrySource(toolkit.annotations, toolkit.images, image_names=str(mpii_folder / "names.txt"))
    with pytest.raises(UserError, match="names 1 images for 2 groups"):
        read_entries(short)


def test_image_dataset(tmp_path):
    person = {"keypoints": [[9.0, 9, 1]] * 16, "objpos": [9, 9], "scale": 0.5, "head_box": [0, 0, 3, 4], "area": 9}
    (tmp_path / "annotations").mkdir()
    (tmp_path / "images").mkdir()
    (tmp_path / "dataset.json").write_text(json.dumps({"schema": 1, "kind": "synthetic"}))
    for name, people in (("a", [person]), ("b", [])):
        value = {"image_id": name, "image": f"images/{name}.png", "width": 50, "height": 30, "people": people}
        (tmp_path / f"annotations/{name}.json").write_text(json.dumps(value))
    with pytest.raises(UserError, match="1 of 1 images are missing"):
        read_entries(EntrySource(str(tmp_path)))
    cv2.imwrite(str(tmp_path / "images/a.png"), np.zeros((30, 50, 3), np.uint8))
    (entry,) = read_entries(EntrySource(str(tmp_path)))
    assert entry.whole_image and entry.region.scale == 0.5 and entry.truth.image == "a.png"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"images": None}, "--images is needed"),
        ({"groups": None}, "--groups is needed"),
        ({"split": "all"}, "choose val, train or test"),
        ({"split": "val"}, "num_validation_groups=343, but there are 3"),
        ({"images": "/nonexistent"}, "is not a folder"),
    ],
)
def test_missing_flags(mpii_folder, more, message):
    with pytest.raises(UserError, match=message):
        read_entries(source(mpii_folder, **more))


def test_wrong_validation_lists(mpii_folder):
    path = mpii_folder / "v.json"
    cases = {
        '{"groups": [{"image": "zz.png", "people": [1]}]}': "not a group of an image",
        '{"groups": [{"image": "a.png", "people": [9]}]}': r"has no people \[9\]",
        '[{"im_name": "t.png"}]': "not MPII training images, such as t.png",
        '{"root": 3}': "not a list of images",
    }
    for content, message in cases.items():
        path.write_text(content)
        with pytest.raises(UserError, match=message):
            read_entries(source(mpii_folder, split="val", validation=str(path)))


def test_missing_pictures_are_named_and_counted(mpii_folder):
    (mpii_folder / "images/c.png").unlink()
    with pytest.raises(UserError, match=r"1 of 2 images are missing[\s\S]*c\.png"):
        read_entries(source(mpii_folder))


def test_photographs_of_phones_are_shown_as_stored_or_as_the_flag_says(mpii_folder):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((30, 50, 3), np.uint8)).save(mpii_folder / "images/c.png", exif=exif)
    for orientation, size in (("stored", (50, 30)), ("upright", (30, 50))):
        (*plain, turned) = read_entries(source(mpii_folder, orientation=orientation))
        assert {entry.orientation for entry in plain} == {"stored"} and turned.orientation == orientation
        assert (turned.region.width, turned.region.height) == size


def test_damaged_pictures_are_named_and_counted(mpii_folder):
    (mpii_folder / "images/c.png").write_bytes((mpii_folder / "images/c.png").read_bytes()[:60])
    with pytest.raises(UserError, match=r"1 of 2 images cannot be read:[\s\S]*c\.png \(cut short\)"):
        read_entries(source(mpii_folder))


def test_names_of_windows(mpii_folder):
    (mpii_folder / "names.json").write_text(json.dumps([{"im_name": "x\\a.png"}]))
    truth = GroupTruth(*(np.ones((1, 16, 2)), np.ones((1, 16)), np.ones((1, 4)), np.ones((1, 2)), np.ones(1)))
    mpii_toolkit.write_truth(mpii_folder / "truth.mat", [truth])
    given = EntrySource(
        str(mpii_folder / "truth.mat"), str(mpii_folder / "images"), image_names=str(mpii_folder / "names.json")
    )
    assert [entry.image_path for entry in read_entries(given)] == [mpii_folder / "images" / "a.png"]


def test_a_group_without_head_box(mpii_folder):
    annolist = struct({"image": struct({"name": "a.png"}), "annorect": struct(rect(10, head=False))})
    release = {"annolist": annolist, "img_train": np.array([[1]]), "single_person": cells(numbers())}
    scipy.io.savemat(mpii_folder / "release.mat", {"RELEASE": struct(release)})
    scipy.io.savemat(mpii_folder / "groups.mat", {"groups": cells(cells(numbers(1)))})
    with pytest.raises(UserError, match=r"a\.png: a person has joints but no head box"):
        read_entries(source(mpii_folder))
