"""The command that writes records: both formats, lists, held-out images, exit codes."""

import json

import cv2
import numpy as np
import pytest

from openpose_tf.common.errors import UserError
from openpose_tf.data import to_tfrecords
from openpose_tf.data.annotations import splits
from openpose_tf.data.records import examples, record_set
from tests.support.commands import run_command

NAMES = ["l_shoulder", "r_shoulder", "l_elbow", "r_elbow", "l_wrist", "r_wrist", "l_hip", "r_hip", "l_knee", "r_knee",
         "l_ankle", "r_ankle"]  # fmt: skip


@pytest.fixture
def coco_files(tmp_path) -> dict[str, str]:
    rng = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    value = {"images": [], "annotations": [], "categories": [{"id": 1, "keypoints": NAMES}]}
    for k in range(8):
        name = f"p{k}.jpg"
        cv2.imwrite(str(tmp_path / "images" / name), np.full((90, 120, 3), 100, np.uint8))
        value["images"].append({"id": k, "file_name": name, "width": 120, "height": 90})
        points = np.column_stack([rng.uniform(20, 70, (len(NAMES), 2)), np.full(len(NAMES), 2)]).reshape(-1).tolist()
        value["annotations"].append({"image_id": k, "category_id": 1, "bbox": [20, 20, 50, 50], "keypoints": points})
    path = tmp_path / "coco.json"
    path.write_text(json.dumps(value))
    return {"format": "coco", "annotations": str(path), "images": str(tmp_path / "images")}


def options(**changes) -> to_tfrecords.Options:
    known = {
        "format": "coco",
        "annotations": "",
        "output_dir": "",
        "num_shards": 2,
        "min_height": 0.0,
        "num_threads": 1,
    }
    return to_tfrecords.Options(**(known | changes))


def ids_of(folder) -> set[str]:
    loaded = record_set.load_records(folder)
    return {examples.to_sample(loaded.read(row)).image_id for row in range(len(loaded))}


def test_held_out_images_never_train(coco_files, tmp_path):
    train, val = tmp_path / "train", tmp_path / "val"
    to_tfrecords.run(options(**coco_files, output_dir=str(train), holdout=3.0, seed=5))
    held = train / "holdout_images.txt"
    to_tfrecords.run(options(**coco_files, output_dir=str(val), split="val", include_list=str(held)))
    assert len(ids_of(train)) == 5 and len(ids_of(val)) == 3
    assert ids_of(train) | ids_of(val) == {str(k) for k in range(8)}
    assert set(splits.read_list(held)) == ids_of(val)
    manifest = record_set.load_records(train).manifest
    assert manifest["source"]["holdout_hash"] == splits.list_hash(ids_of(val))
    assert manifest["source"]["holdout_hash"] in held.read_text()
    again = tmp_path / "again"
    to_tfrecords.run(options(**coco_files, output_dir=str(again), holdout=3.0, seed=5))
    assert ids_of(again) == ids_of(train)
    rest = tmp_path / "rest"
    to_tfrecords.run(options(**coco_files, output_dir=str(rest), exclude_list=str(held)))
    assert ids_of(rest) == ids_of(train)


def test_lists_by_file_name_and_unknown_names(coco_files, tmp_path):
    names = tmp_path / "names.txt"
    names.write_text("# comment\np1.jpg\n\n 3 \n")
    to_tfrecords.run(options(**coco_files, output_dir=str(tmp_path / "out"), include_list=str(names)))
    assert ids_of(tmp_path / "out") == {"1", "3"}
    names.write_text("p1.jpg\np99.jpg\n")
    with pytest.raises(UserError, match=r"1 of 2 names are not in this data set, such as p99\.jpg"):
        to_tfrecords.run(options(**coco_files, output_dir=str(tmp_path / "x"), include_list=str(names)))
    names.write_text("\n# nothing\n")
    with pytest.raises(UserError, match="is empty"):
        to_tfrecords.run(options(**coco_files, output_dir=str(tmp_path / "x"), include_list=str(names)))
    for amount in (0.01, 8.0):
        with pytest.raises(UserError, match="of 8 images: choose at least 1"):
            to_tfrecords.run(options(**coco_files, output_dir=str(tmp_path / "x"), holdout=amount))


@pytest.mark.parametrize(
    "kind, synthetic_domain, synthetic_people, sampled",
    [
        ("synthetic", True, [True, True], {0, 1}),
        ("real_standin", False, [False, False], {0, 1}),
        ("mixed", True, [False, True], {0}),
    ],
)
def test_domains_of_image_datasets(tmp_path, kind, synthetic_domain, synthetic_people, sampled):
    root = tmp_path / "ds"
    for name in ("annotations", "images"):
        (root / name).mkdir(parents=True)
    (root / "dataset.json").write_text(json.dumps({"schema": 1, "kind": kind}))
    cv2.imwrite(str(root / "images" / "0.jpg"), np.zeros((60, 80, 3), np.uint8))
    people = [
        {"keypoints": [[30.0 + k, 30.0, 1]] * 16, "objpos": [30 + k, 30], "scale": 0.2,
         "is_synthetic": k == 1 or kind != "mixed"} for k in range(2)
    ]  # fmt: skip
    row = {"schema": 1, "image_id": "0", "image": "images/0.jpg", "width": 80, "height": 60, "people": people}
    (root / "annotations" / "0.json").write_text(json.dumps(row))
    to_tfrecords.run(options(format="image_dataset", annotations=str(root), output_dir=str(tmp_path / "out")))
    loaded = record_set.load_records(tmp_path / "out")
    samples = [examples.to_sample(loaded.read(row)) for row in range(len(loaded))]
    assert {sample.person for sample in samples} == sampled
    assert all(sample.is_synthetic == synthetic_domain for sample in samples)
    first = next(sample for sample in samples if sample.person == 0)
    np.testing.assert_array_equal(first.is_synthetic_person, synthetic_people)


@pytest.mark.parametrize("kind", ["synthetic", "real_standin", "mixed", "stylized"])
def test_both_commands_make_the_same_records_of_a_rendered_dataset(tmp_path, kind):
    root = tmp_path / "ds"
    for name in ("annotations", "images"):
        (root / name).mkdir(parents=True)
    (root / "dataset.json").write_text(json.dumps({"schema": 1, "kind": kind, "seed": 4}))
    cv2.imwrite(str(root / "images" / "0.jpg"), np.zeros((60, 80, 3), np.uint8))
    people = [
        {"keypoints": [[30.0 + k, 30.0, 1]] * 16, "objpos": [30 + k, 30], "scale": scale, "is_synthetic": k == 3}
        for k, scale in enumerate((0.1, 0.2, 0.3, 0.1, 0.2))
    ]  # 20 to 60 px tall
    row = {"schema": 1, "image_id": "0", "image": "images/0.jpg", "width": 80, "height": 60, "people": people}
    (root / "annotations" / "0.json").write_text(json.dumps(row))
    one, two = tmp_path / "one", tmp_path / "two"
    run_command("synth.to_tfrecords", f"--input_dir={root}", f"--output_dir={one}", "--num_shards=2")
    to_tfrecords.run(
        options(format="image_dataset", annotations=str(root), output_dir=str(two), name=kind, min_height=None)
    )
    assert {path.name: path.read_bytes() for path in one.iterdir()} == {p.name: p.read_bytes() for p in two.iterdir()}
    # Everybody of D_S, 3 people of at least 32 px of D_M (one of them short, one rendered).
    assert len(record_set.load_records(one)) == (5 if kind in ("synthetic", "real_standin") else 3)


def test_missing_flags(tmp_path):
    with pytest.raises(UserError, match="--annotations is needed"):
        to_tfrecords.run(options(output_dir=str(tmp_path)))
    with pytest.raises(UserError, match="--images is needed"):
        to_tfrecords.run(options(annotations="a.json", output_dir=str(tmp_path)))


def test_command_line(coco_files, tmp_path):
    command = ["openpose_tf.data.to_tfrecords", *(f"--{name}={value}" for name, value in coco_files.items())]
    assert "8 records of 8 images" in run_command(*command, f"--output_dir={tmp_path / 'out'}").stdout
    again = run_command(*command, f"--output_dir={tmp_path / 'out'}", code=2)
    assert "already holds a record set" in again.stderr
    run_command(*command, f"--output_dir={tmp_path / 'new'}", "--format=cocoa", code=2)
    assert not (tmp_path / "new").exists()


def test_half_a_picture_is_left_out_counted_and_the_exit_code_is_1(coco_files, tmp_path):
    path = tmp_path / "images" / "p3.jpg"
    path.write_bytes(path.read_bytes()[:-40])
    given = [f"--{name}={value}" for name, value in coco_files.items()]
    out = tmp_path / "out"
    done = run_command("openpose_tf.data.to_tfrecords", *given, f"--output_dir={out}", "--min_height=0", code=1)
    assert "p3.jpg cannot be read (cut short)" in done.stderr and "left out: 1 image that cannot be read" in done.stdout
    assert ids_of(out) == {"0", "1", "2", "4", "5", "6", "7"}


def test_lists_name_images_in_any_unicode_form(coco_files, tmp_path):
    value = json.loads((tmp_path / "coco.json").read_text())
    value["images"][2]["file_name"] = "M\u00fcller.jpg"
    (tmp_path / "images" / "p2.jpg").rename(tmp_path / "images" / "Mu\u0308ller.jpg")
    (tmp_path / "coco.json").write_text(json.dumps(value))
    for number, name in enumerate(("M\u00fcller.jpg", "Mu\u0308ller.jpg")):
        (tmp_path / "list.txt").write_text(name, encoding="utf-8")
        out = str(tmp_path / f"out{number}")
        to_tfrecords.run(options(**coco_files, output_dir=out, include_list=str(tmp_path / "list.txt")))
        assert ids_of(out) == {"2"}
