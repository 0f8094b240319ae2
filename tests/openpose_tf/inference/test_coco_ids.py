"""Image ids of COCO result files: from an annotation file, from names, and what is refused."""

import json

import numpy as np
import pytest

from openpose_tf.common.errors import UserError
from openpose_tf.common.file_names import id_of_name
from openpose_tf.inference.coco_ids import AnnotatedIds, NumberedIds
from openpose_tf.inference.image_files import Picture

PEOPLE = np.array([[[10.0, 20.0, 0.5], [0.0, 0.0, 0.0]]])


def picture(file: str, width: int = 60, height: int = 80, tag: int = 1) -> Picture:
    return Picture(file.rsplit(".", 1)[0], np.zeros((height, width, 3), np.uint8), file, tag)


def annotated(folder, *images, names=()) -> AnnotatedIds:
    (folder / "people.json").write_text(json.dumps({"images": list(images)}))
    return AnnotatedIds(folder / "people.json", names)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("000000000139.jpg", 139),
        ("val/COCO_val2014_000000000042.jpg", 42),
        ("film/000007.jpg", 7),
        ("holiday/tall.jpg", "holiday/tall"),
        ("v1.2/a.1.png", 1),
    ],
)
def test_the_number_that_a_name_ends_with(name, expected):
    assert id_of_name(name) == expected
    assert NumberedIds([name]).find(picture(name), PEOPLE)[0] == expected


def test_numbers_that_are_not_unique_are_refused_at_the_start():
    with pytest.raises(UserError, match=r"a/7\.jpg and b/007\.jpg would both have the image id 7.*--annotations"):
        NumberedIds(["a/7.jpg", "x.jpg", "b/007.jpg"])


def test_ids_of_an_annotation_file(tmp_path):
    images = [{"id": 900, "file_name": "photo.jpg"}, {"id": "x1", "file_name": "C:\\set\\other%20one.JPG"}]
    ids = annotated(tmp_path, *images, names=["photo.jpg", "unlisted.jpg"])
    assert ids.find(picture("holiday/photo.png"), PEOPLE)[0] == 900  # records and OKS match without suffix, too
    assert ids.find(picture("other one.jpg"), PEOPLE)[0] == "x1"
    assert ids.find(picture("unlisted.jpg"), PEOPLE) is None and ids.unlisted == 1


def test_folders_decide_between_equal_names(tmp_path):
    ids = annotated(tmp_path, *({"id": k, "file_name": f"{folder}/1.jpg"} for k, folder in enumerate(("a", "b"))))
    assert ids.find(picture("b/1.jpg"), PEOPLE)[0] == 1
    with pytest.raises(UserError, match=r"1\.jpg may be a/1\.jpg, b/1\.jpg"):
        ids.find(picture("1.jpg"), PEOPLE)


def test_photographs_turned_upright_are_turned_back_where_the_annotation_is_not(tmp_path):
    """An upright 60x80 photograph is stored as 80x60 (EXIF 6: stored x is upright y, stored y is 59 - upright x)."""
    for size, expected in (((60, 80), [10, 20]), ((80, 60), [20, 49]), ((None, None), [20, 49])):
        ids = annotated(tmp_path, {"id": 1, "file_name": "a.jpg", "width": size[0], "height": size[1]})
        _, people = ids.find(picture("a.jpg", tag=6), PEOPLE)
        np.testing.assert_array_equal(people[0, 0, :2], expected)
        np.testing.assert_array_equal(people[0, 1], [0, 0, 0])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1], "no list of images"),
        ({"images": []}, "no list of images"),
        ({"images": [{"id": 1}]}, r"images\[0\] has no file_name"),
        ({"images": [{"id": None, "file_name": "a.jpg"}]}, r"images\[0\] has no id"),
        ({"images": [{"id": 1, "file_name": "b.jpg"}]}, "lists none of the 1 images, such as a.jpg"),
    ],
)
def test_wrong_annotation_files(tmp_path, content, message):
    (tmp_path / "people.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=message):
        AnnotatedIds(tmp_path / "people.json", ["a.jpg"])
