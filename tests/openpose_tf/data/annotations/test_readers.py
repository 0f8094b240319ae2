"""The registry of readers: one entry makes a format known to records, D_M and the evaluation; readers write nothing."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from eval import oks
from eval.benchmark.entries import EntrySource, read_entries
from eval.formats.mpii_inputs import read_groups
from openpose_tf.common.errors import UserError
from openpose_tf.data import to_tfrecords
from openpose_tf.data.annotations import readers
from openpose_tf.data.annotations.readers import Reader
from openpose_tf.data.annotations.types import AnnotatedImage, Person, ReadRequest, ReadResult
from openpose_tf.data.records import examples, record_set
from openpose_tf.skeleton import mpii_to_parts
from synth.scene import photographs

JOINTS = np.array([[20.0 + 2 * k, 10.0 + 3 * k, 1.0] for k in range(16)])


def read_points(request: ReadRequest) -> ReadResult:
    """A made-up format: one picture with one person, `empty.jpg` without."""
    folder = request.annotations.removesuffix(".points")
    person = Person(JOINTS, np.array([35.0, 30.0]), 0.3, np.array([30.0, 5, 40, 15]), area=900.0)
    image = AnnotatedImage("one", Path(folder) / "one.jpg", 96, 72, (person,))
    return ReadResult([image], left_out={"image without people": 1}, left_out_images=frozenset({"empty", "empty.jpg"}))


@pytest.fixture
def points(tmp_path, monkeypatch) -> str:
    new = Reader(read_points, needs_images=False, min_joints=3, recognizes=lambda path: path.suffix == ".points")
    monkeypatch.setitem(readers.READERS, "points", new)
    (tmp_path / "set").mkdir()
    cv2.imwrite(str(tmp_path / "set" / "one.jpg"), np.full((72, 96, 3), 90, np.uint8))
    return str(tmp_path / "set.points")


def test_a_format_is_known_everywhere_by_its_one_entry(points, tmp_path):
    out = tmp_path / "records"
    counts = to_tfrecords.run(
        to_tfrecords.Options(format="points", annotations=points, output_dir=str(out), num_shards=1)
    )
    assert counts["records"] == 1 and counts["left_out"] == {"image without people": 1}
    assert examples.to_sample(record_set.load_records(out).read(0)).image_id == "one"
    assert record_set.load_records(out).manifest["source"]["format"] == "points"

    (photograph,) = photographs.read_photographs("points", ReadRequest(points)).images
    assert photograph.image_id == "one"

    (tmp_path / "found").mkdir()
    parts = mpii_to_parts(JOINTS)
    value = {"image": "one.jpg", "width": 96, "height": 72, "people": [{"keypoints": parts.tolist(), "score": 1.0}]}
    (tmp_path / "found" / "one.json").write_text(json.dumps(value))
    assert oks.evaluate(str(tmp_path / "found"), points)["AP"] == pytest.approx(1)
    truth, found = read_groups(points, str(tmp_path / "found"))
    assert len(truth) == len(found) == 1 and found[0].xy.shape == (1, 16, 2)
    (entry,) = read_entries(EntrySource(points))
    assert entry.whole_image and entry.truth.image == "one.jpg"


def test_reading_writes_nothing(points, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    readers.read("points", ReadRequest(points))
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("ids", "files", "message"),
    [
        (("one", "one"), ("one.jpg", "two.jpg"), "1 images are listed twice, such as one: "),
        (("one", "two"), ("one.jpg", "one.jpg"), "1 images are listed twice, such as .*one.jpg: "),
    ],
)
def test_images_with_one_id_or_one_file_are_refused_in_every_format(points, monkeypatch, ids, files, message):
    def read_twice(request):
        (image,) = read_points(request).images
        folder = image.image_path.parent
        return ReadResult(
            [replace(image, image_id=name, image_path=folder / file) for name, file in zip(ids, files, strict=True)]
        )

    monkeypatch.setitem(readers.READERS, "points", Reader(read_twice, needs_images=False))
    with pytest.raises(UserError, match=message):
        readers.read("points", ReadRequest(points))


@pytest.mark.parametrize("line", ["one.jpg", "one", "set/one.jpg", "set\\one.jpg", "{folder}/set/one.jpg"])
def test_a_list_may_name_an_image_by_id_file_or_path(points, tmp_path, line):
    chosen = tmp_path / "list.txt"
    chosen.write_bytes((line.format(folder=tmp_path) + "\r\n").encode("utf-16"))
    assert len(readers.read("points", ReadRequest(points, include_list=str(chosen))).images) == 1
    chosen.write_text("other/one.jpg\n")
    with pytest.raises(UserError, match=r"1 of 1 names are not in this data set, such as other/one\.jpg"):
        readers.read("points", ReadRequest(points, include_list=str(chosen)))


def test_a_list_may_name_what_the_reader_left_out(points, tmp_path):
    (tmp_path / "old.txt").write_text("one.jpg\nempty.jpg\n")
    found = readers.read("points", ReadRequest(points, include_list=str(tmp_path / "old.txt")))
    assert [image.image_id for image in found.images] == ["one"]
    (tmp_path / "old.txt").write_text("one.jpg\nother.jpg\n")
    with pytest.raises(UserError, match=r"1 of 2 names are not in this data set, such as other\.jpg"):
        readers.read("points", ReadRequest(points, include_list=str(tmp_path / "old.txt")))
    (tmp_path / "old.txt").write_text("empty\n")
    with pytest.raises(UserError, match="the lists leave no image"):
        readers.read("points", ReadRequest(points, include_list=str(tmp_path / "old.txt")))


@pytest.mark.parametrize("name", readers.FORMATS)
def test_every_format_names_the_flag_it_lacks(name):
    with pytest.raises(UserError, match=f"--annotations is needed for --format={name}"):
        readers.read(name, ReadRequest(""))
    if readers.READERS[name].needs_images:
        with pytest.raises(UserError, match=f"--images is needed for --format={name}"):
            readers.read(name, ReadRequest("x"))


def test_the_shipped_formats():
    assert {name: reader.min_joints for name, reader in readers.READERS.items()} == {
        "coco": 5, "mpii": 1, "openpose_json": 1, "lsp": 5, "ochuman": 5, "posetrack18": 5, "image_dataset": 1
    }  # fmt: skip


def test_boxes_that_are_nobody_annotated_leave_the_loss_or_take_the_photograph_out(points, tmp_path):
    boxes = tmp_path / "boxes.json"
    boxes.write_text(json.dumps({"images": {"one.jpg": [[18, 8, 52, 58, 0.9], [60, 5, 90, 70, 0.8]]}}))
    out = tmp_path / "records"
    options = to_tfrecords.Options(
        format="points", annotations=points, output_dir=str(out), num_shards=1, people_boxes=str(boxes)
    )
    counts = to_tfrecords.run(options)
    expected = {"handling": "mask", "people": 1, "photographs": 1, "unknown": 0}
    assert counts["unannotated"] == expected and counts["masked_images"] == 1
    records = record_set.load_records(out)
    assert records.manifest["source"]["unannotated"] == expected
    sample = examples.to_sample(records.read(0))
    mask = cv2.imdecode(np.frombuffer(sample.mask, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert (mask[10:60, 65:85] == 0).all() and (mask[:, :58] == 255).all()

    request = ReadRequest(points, people_boxes=str(boxes), unannotated="keep")
    assert photographs.read_photographs("points", request).images[0].ignore_segmentations == ()
    masked = photographs.read_photographs("points", ReadRequest(points, people_boxes=str(boxes))).images
    assert len(masked[0].ignore_segmentations) == 1
    with pytest.raises(UserError, match=r"--unannotated=drop leaves no photograph of .*set\.points"):
        readers.read("points", ReadRequest(points, people_boxes=str(boxes), unannotated="drop"))
    with pytest.raises(UserError, match="--unannotated=drop needs --people_boxes"):
        readers.read("points", ReadRequest(points, unannotated="drop"))
    boxes.write_text(json.dumps({"images": {"other.jpg": []}}))
    with pytest.raises(UserError, match="names none of the 1 photographs"):
        readers.read("points", ReadRequest(points, people_boxes=str(boxes)))


def test_a_file_of_which_no_image_is_left_says_why(points, monkeypatch):
    nobody = ReadResult([], left_out={"image without people": 2})
    monkeypatch.setitem(readers.READERS, "points", Reader(lambda request: nobody, needs_images=False))
    with pytest.raises(UserError, match=r"no image is left \(2 left out: image without people\)"):
        readers.read("points", ReadRequest(points))
