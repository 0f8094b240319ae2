"""People whom an annotation leaves out: which boxes are somebody annotated, and what becomes of the others."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from openpose_tf.common.errors import UserError
from openpose_tf.common.imaging.images import read_rgb
from openpose_tf.data.annotations.pixels import read_ignore_mask
from openpose_tf.data.annotations.types import AnnotatedImage, Handling, Person
from openpose_tf.data.annotations.unannotated import handle, left_out, person_box, read_boxes
from openpose_tf.skeleton import JointState


def person(x, y, width=40.0, height=100.0):
    """Somebody whose joints reach from (x, y) to (x + width, y + height) and whose margin is 0."""
    keypoints = np.zeros((16, 3))
    keypoints[0], keypoints[9] = (x, y, JointState.VISIBLE), (x + width, y + height, JointState.VISIBLE)
    return Person(keypoints=keypoints, objpos=np.array([x + width / 2, y + height / 2]), scale=float("nan"))


def photograph(name, *people):
    return AnnotatedImage(
        image_id=name, image_path=Path(f"{name}.jpg"), width=300, height=200, people=people, orientation="upright"
    )


def test_a_person_s_box_is_the_joints_with_a_tenth_of_the_height_around():
    keypoints = np.zeros((16, 3))
    keypoints[3], keypoints[5] = (50, 60, JointState.TRUNCATED), (70, 160, JointState.SELF_OCCLUDED)
    box = person_box(Person(keypoints=keypoints, objpos=np.zeros(2), scale=0.5))
    np.testing.assert_allclose(box, [40, 50, 80, 170])
    assert person_box(Person(keypoints=np.zeros((16, 3)), objpos=np.zeros(2), scale=1.0)) is None


@pytest.mark.parametrize(
    ("box", "is_annotated"),
    [
        ((100, 50, 140, 150), True),  # the person's own box
        ((100, 50, 140, 82), True),  # head and shoulders: IoU 0.32
        ((105, 60, 115, 80), True),  # a hand: IoU 0.05, but all of it inside
        ((20, 10, 250, 190), True),  # the whole photograph: IoU 0.1, but all of the person inside
        ((130, 50, 180, 150), False),  # a neighbor who overlaps by a fifth of himself
        ((200, 50, 240, 150), False),
    ],
)
def test_which_boxes_are_the_annotated_person(box, is_annotated):
    boxes = np.array([box], float)
    assert len(left_out(boxes, [person(100, 50)])) == (not is_annotated)


def test_a_person_takes_one_box_and_those_that_are_clearly_the_same():
    own, head, neighbor = (100, 50, 140, 150), (105, 50, 135, 80), (118, 50, 158, 150)  # the neighbor: IoU 0.38
    found = left_out(np.array([neighbor, own, head], float), [person(100, 50)])
    np.testing.assert_array_equal(found, [neighbor])
    assert len(left_out(np.array([neighbor], float), [person(100, 50)])) == 0  # alone it is the person
    assert len(left_out(np.array([neighbor, own], float), [person(100, 50), person(118, 50)])) == 0


def test_nobody_annotated_leaves_out_everybody():
    boxes = np.array([[0, 0, 10, 10.0]])
    assert len(left_out(boxes, [])) == 1
    assert len(left_out(np.zeros((0, 4)), [person(0, 0)])) == 0


@given(st.lists(st.tuples(*[st.floats(0, 250) for _ in range(2)]), min_size=1, max_size=5), st.randoms())
def test_the_order_of_boxes_and_people_does_not_matter(corners, random):
    boxes = np.array([[x, y, x + 40, y + 60] for x, y in corners])
    people = [person(x / 2, y / 2) for x, y in corners]
    shuffled = random.sample(people, len(people))
    expected = sorted(map(tuple, left_out(boxes, people)))
    assert sorted(map(tuple, left_out(boxes[::-1], shuffled))) == expected


def test_mask_drop_and_keep():
    images = [
        photograph("alone", person(100, 50)),
        photograph("two", person(100, 50)),
        photograph("unknown", person(9, 9)),
    ]
    own, other = [100, 50, 140, 150], [200, 20, 240, 120]
    boxes = {"alone.jpg": np.array([own], float), "two.jpg": np.array([own, other], float)}
    masked = handle(images, boxes, Handling.MASK)
    assert (masked.num_people, masked.num_images, masked.num_without_boxes) == (1, 1, 1)
    assert [image.image_id for image in masked.images] == ["alone", "two", "unknown"]
    mask = read_ignore_mask(masked.images[1])
    assert mask[21:119, 201:239].all() and mask.sum() == pytest.approx(40 * 100, rel=0.02)
    assert read_ignore_mask(masked.images[0]) is None
    assert [image.image_id for image in handle(images, boxes, Handling.DROP).images] == ["alone", "unknown"]
    assert handle(images, boxes, Handling.KEEP).images == images


def test_pictures_of_one_name_in_different_folders_have_boxes_of_their_own():
    photo = photograph("0")
    images = [dataclasses.replace(photo, image_id=name, image_path=Path("root/val") / name / "0.jpg") for name in "ab"]
    boxes = {"a/0.jpg": np.zeros((0, 4)), "b/0.jpg": np.array([[0, 0, 10, 10.0]])}
    assert [image.image_id for image in handle(images, boxes, Handling.DROP).images] == ["a"]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_of_a_turned_photograph_fit_its_stored_pixels(tmp_path, orientation):
    stored = np.zeros((24, 40, 3), np.uint8)
    stored[3:9, 5:17] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(stored).save(tmp_path / "a.png", exif=exif)
    rows, columns = np.nonzero(read_rgb(tmp_path / "a.png", orientation="upright")[..., 0])
    boxes = {"a.png": np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], float)}
    image = AnnotatedImage("a", tmp_path / "a.png", 40, 24, ())
    (masked,) = handle([image], boxes, Handling.MASK).images
    assert masked.ignore_segmentations == ([[5, 3, 17, 3, 17, 9, 5, 9]],)


def test_boxes_file(tmp_path):
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps({"images": {"a.jpg": [[1, 2, 3, 4, 0.9], [5, 6, 7, 8, 0.17]], "b.jpg": []}}))
    boxes = read_boxes(path)
    np.testing.assert_array_equal(boxes["a.jpg"], [[1, 2, 3, 4]])
    assert boxes["b.jpg"].shape == (0, 4) and len(read_boxes(path, 0.05)["a.jpg"]) == 2
    for content, message in [("[]", "is not a list"), ('{"images": {"a": [[1, 2]]}}', "x1, y1, x2, y2"), ("", "JSON")]:
        path.write_text(content)
        with pytest.raises(UserError, match=message):
            read_boxes(path)


@pytest.mark.parametrize(
    "box", [[5, 5, 5, 9, 1], [9, 5, 4, 8, 1], [0, 0, float("nan"), 5, 1], [0, 0, 4, 5, float("inf")]]
)
def test_a_box_without_area_or_with_no_number_is_refused_by_name(tmp_path, box):
    (tmp_path / "boxes.json").write_text(json.dumps({"images": {"a.jpg": [[0, 0, 4, 5, 1], box]}}))
    with pytest.raises(UserError, match=r"boxes\.json.*a\.jpg has the box"):
        read_boxes(tmp_path / "boxes.json")
