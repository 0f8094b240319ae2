import json

import cv2
import numpy as np
import pytest

from openpose_tf.common.errors import UserError
from openpose_tf.data.annotations import image_dataset_schema
from openpose_tf.data.annotations.image_dataset import read_header
from synth.dataset import completeness, writer

FLAGS = {"samples": 16, "camera": "paper"}


def start(folder, seed=0, num_images=3, flags=FLAGS, kind="synthetic"):
    writer.open_dataset(folder, kind, seed, num_images, flags, [{"part": "all", "source": "us", "licence": "CC0-1.0"}])


def write(folder, index, people=(), depth=None):
    image = np.full((20, 30, 3), (250, 10, 10), np.uint8)
    ids = np.zeros((20, 30), np.int32)
    ids[5:10, 5:10] = 300
    annotation = {"people": list(people), "placement": {"collisions": 2}}
    writer.write_sample(folder, image_dataset_schema.image_name(index), image, ids, depth, annotation, 95)


def person(state):
    return {"keypoints": [[1.0, 2.0, state]] * 16, "pose_tag": "walk"}


def test_round_trip_of_pictures_and_annotation(tmp_path):
    start(tmp_path)
    depth = np.full((20, 30), 1e4)
    depth[5:10, 5:10] = 3.21
    write(tmp_path, 7, [person(1)], depth)
    paths = image_dataset_schema.sample_paths(tmp_path, "000007")
    row = json.loads(paths["annotation"].read_text())
    names = ("images/0000/000007.jpg", "masks/0000/000007.png", "depth/0000/000007.png")
    assert (row["image"], row["mask"], row["depth"]) == names
    assert (row["width"], row["height"], row["schema"], row["image_id"]) == (30, 20, 2, "000007")
    image = cv2.imread(str(paths["image"]))[:, :, ::-1]
    assert image[0, 0, 0] > 200 and image[0, 0, 2] < 60
    mask = cv2.imread(str(paths["mask"]), cv2.IMREAD_UNCHANGED)
    assert mask.dtype == np.uint16 and set(np.unique(mask)) == {0, 300}
    stored = cv2.imread(str(paths["depth"]), cv2.IMREAD_UNCHANGED)
    assert stored[7, 7] == 3210 and stored[0, 0] == 0
    assert completeness.complete(tmp_path, [7, 8]) == {7}


def test_the_header_is_what_readers_expect(tmp_path):
    start(tmp_path)
    header = read_header(tmp_path)
    assert (header["kind"], header["seed"], header["num_images"], header["flags"]) == ("synthetic", 0, 3, FLAGS)
    assert header["versions"]["numpy"] == np.__version__


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"flags": FLAGS | {"samples": 8}}, "samples: 16, now 8"),
        ({"flags": FLAGS | {"new": 1}}, "new: none, now 1"),
        ({"seed": 1}, "seed: 0, now 1"),
        ({"kind": "real_standin"}, "kind: synthetic, now real_standin"),
    ],
)
def test_other_flags_are_refused_and_named(tmp_path, change, named):
    start(tmp_path)
    with pytest.raises(UserError, match=named):
        start(tmp_path, **change)


def test_datasets_older_than_the_wardrobe_count_as_painted(tmp_path):
    start(tmp_path)
    start(tmp_path, flags={**FLAGS, "look": "painted"})
    with pytest.raises(UserError, match=r"look: \S*painted.* wardrobe"):
        start(tmp_path, flags={**FLAGS, "look": "wardrobe"})


def test_more_images_extend_a_dataset_and_fewer_leave_it(tmp_path):
    start(tmp_path, num_images=3)
    start(tmp_path, num_images=5)
    assert read_header(tmp_path)["num_images"] == 5
    start(tmp_path, num_images=2)
    assert read_header(tmp_path)["num_images"] == 5


def test_foreign_folders_are_refused(tmp_path):
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "a.json").write_text("{}")
    with pytest.raises(UserError, match=r"no dataset\.json"):
        start(tmp_path)
    (tmp_path / "dataset.json").write_text("[]")
    with pytest.raises(UserError, match="not the header"):
        start(tmp_path)
    (tmp_path / "dataset.json").write_text("{half")
    with pytest.raises(UserError, match="not JSON"):
        start(tmp_path)


def test_half_written_images_are_made_again(tmp_path):
    start(tmp_path)
    for index in range(4):
        write(tmp_path, index)
    image_dataset_schema.sample_paths(tmp_path, "000000")["annotation"].write_text('{"image": "images/0000')  # cut off
    image_dataset_schema.sample_paths(tmp_path, "000001")["image"].unlink()
    image_dataset_schema.sample_paths(tmp_path, "000002")["mask"].write_bytes(b"")
    left_over = tmp_path / "images" / "0000" / ".000004.999.part.jpg"
    left_over.write_bytes(b"half")
    others = tmp_path / "images" / "0000" / ".000009.999.part.jpg"
    others.write_bytes(b"another shard's")
    assert completeness.missing(tmp_path, range(5)) == [0, 1, 2, 4]
    assert not left_over.exists() and others.exists()


def test_counts(tmp_path):
    start(tmp_path)
    write(tmp_path, 0, [person(1), person(3)])
    write(tmp_path, 2, [person(4)])
    writer.close_dataset(tmp_path, {"not a picture": 1})
    counts = read_header(tmp_path)["counts"]
    assert (counts["images"], counts["people"], counts["collisions"]) == (2, 3, 4)
    assert counts["keypoints"] == {"occluded_by_other": 16, "truncated": 16, "visible": 16}
    assert counts["poses"] == {"walk": 3} and counts["backgrounds_dropped"] == {"not a picture": 1}


def test_a_full_disk_leaves_nothing_under_a_final_name(tmp_path, monkeypatch):
    start(tmp_path)

    def full(self, data):
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(OSError):
        write(tmp_path, 0)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "dataset.json"]
