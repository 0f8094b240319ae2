"""MPII: the annotation file with all its oddities, groups, the held-out split, records of it."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import scipy.io

from openpose_tf.common.errors import UserError
from openpose_tf.data import to_tfrecords
from openpose_tf.data.annotations import mpii, mpii_groups, pixels, splits
from openpose_tf.data.annotations.types import ReadRequest
from openpose_tf.data.records import examples, record_set
from openpose_tf.skeleton import JointState
from synth.scene import photographs

NOTHING = np.zeros((0, 0))


def structs(rows: list[dict]) -> np.ndarray:
    """MATLAB struct array of the rows; a field that a row does not have is empty, as in MATLAB."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    array = np.empty((1, len(rows)), [(name, object) for name in names])
    for k, row in enumerate(rows):
        array[0, k] = tuple(row.get(name, NOTHING) for name in names)
    return array


def cells(values: list) -> np.ndarray:
    array = np.empty((len(values), 1), object)
    for k, value in enumerate(values):
        array[k, 0] = value
    return array


def point(joint, x, y, **more) -> dict:
    return {"x": float(x), "y": float(y), "id": joint, **more}


def rect(points=None, x=50, y=40, scale=0.3, **more) -> dict:
    row = {"x1": x - 5, "y1": y - 30, "x2": x + 5, "y2": y - 20, "scale": scale, "objpos": {"x": x, "y": y}}
    if points is not None:
        row["annopoints"] = {"point": structs(points)}
    return row | more


BODY = [point(joint, 30 + 2 * joint, 20 + 3 * joint, is_visible=1) for joint in range(16)]


def release_file(folder, **changes) -> str:
    """Seven images: 0, 1, 4 and 5 train. The oddities are named where they stand."""
    odd_points = [
        point(0, 10, 11, is_visible="1"),  # text
        point(1, 12, 13, is_visible="0"),
        point(2, 14, 15, is_visible=0),
        point(9, 16, 17, is_visible=NOTHING),  # empty: head top and neck always
        point(9, 99, 99, is_visible=1),  # repeated id: the first counts
        point(4, 500, 20, is_visible=1),  # outside of the picture
    ]
    no_position = {"x1": 1, "y1": 2, "x2": 3, "y2": 4, "annopoints": {"point": structs(BODY)}}
    annolist = [
        {"image": {"name": "a.jpg"}, "annorect": structs([rect(odd_points), rect(BODY, x=70)]), "vidx": 3},
        {"image": {"name": "b.jpg"}, "annorect": structs([rect([point(8, 44, 22)])])},  # one person with one point
        {"image": {"name": "c.jpg"}, "annorect": NOTHING},
        {"image": {"name": "d.jpg"}, "annorect": structs([{"scale": 1.5, "objpos": {"x": 3, "y": 4}}])},
        {"image": {"name": "e.jpg"}, "annorect": structs([rect(BODY), rect(annopoints=NOTHING, x=80), no_position,
                                                          rect(BODY, scale="0.5", objpos=NOTHING)])},
        {"image": {"name": "f.jpg"}, "annorect": structs([rect(BODY, x=x) for x in (40, 50, 60)])},
        {"image": {"name": "g.jpg"}, "annorect": structs([rect(BODY)])},
    ]  # fmt: skip
    release = {
        "annolist": structs(annolist),
        "img_train": np.array([[1, 1, 0, 0, 1, 1, 0]]),
        "single_person": cells([NOTHING, 1, NOTHING, 1, np.array([[2, 3]]), NOTHING, NOTHING]),
        "version": "12",
    } | changes
    path = folder / "release.mat"
    scipy.io.savemat(path, {"RELEASE": {name: value for name, value in release.items() if value is not None}})
    return str(path)


def groups_file(folder) -> str:
    def group(*people):
        return np.array([people], np.uint8)

    def image(*groups):
        array = np.empty((1, len(groups)), object)
        array[0, :] = [*groups]
        return array

    path = folder / "groups.mat"
    rows = [image(group(1, 2)), image(group(1)), image(), image(group(1)), image(group(1, 4), group(2, 3)),
            image(group(1), group(2), group(3)), image(group(1))]  # fmt: skip
    scipy.io.savemat(path, {"groups": cells(rows)})
    return str(path)


def pictures(folder, width=120, height=90):
    folder.mkdir()
    for name in "abcdefg":
        cv2.imwrite(str(folder / f"{name}.jpg"), np.full((height, width, 3), 90, np.uint8))
    return folder


def test_oddities(tmp_path):
    release = mpii.read_release(release_file(tmp_path))
    assert [image.name for image in release] == [f"{name}.jpg" for name in "abcdefg"]
    assert [image.is_train for image in release] == [True, True, False, False, True, True, False]
    assert [image.single_person for image in release] == [(), (1,), (), (1,), (2, 3), (), ()]
    assert [len(image.people) for image in release] == [2, 1, 0, 1, 4, 3, 1]
    assert release[0].video == 3 and release[1].video is None
    odd = release[0].people[0]
    states = {joint: JointState(int(odd.keypoints[joint, 2])) for joint in (0, 1, 2, 3, 4, 9)}
    visible, hidden = JointState.VISIBLE, JointState.SELF_OCCLUDED
    assert states == {0: visible, 1: hidden, 2: hidden, 3: JointState.MISSING, 4: visible, 9: visible}
    np.testing.assert_array_equal(odd.keypoints[9, :2], [16, 17])
    np.testing.assert_array_equal(odd.is_visible[[0, 1, 2, 3, 9]], [1, 0, 0, np.nan, np.nan])
    one = release[1].people[0]
    np.testing.assert_array_equal(one.keypoints[8], [44, 22, 1])
    assert one.has_joints and (one.keypoints[:, 2] > 0).sum() == 1
    test_person = release[3].people[0]
    assert not test_person.has_joints and test_person.scale == 1.5 and test_person.head_box is None
    _, no_points, no_position, text_scale = release[4].people
    assert not no_points.has_joints and np.isnan(no_position.scale) and np.isnan(no_position.objpos).all()
    assert text_scale.scale == 0.5 and np.isnan(text_scale.objpos).all() and text_scale.has_joints


def test_annotated_images(tmp_path):
    release = mpii.read_release(release_file(tmp_path))
    folder = pictures(tmp_path / "images")
    masks = tmp_path / "masks"
    masks.mkdir()
    cv2.imwrite(str(masks / "mask_a.jpg"), np.zeros((90, 120), np.uint8))
    found = mpii.annotated_images([release[k] for k in (0, 1, 3, 4)], folder, masks)
    assert [image.image_id for image in found] == ["a", "b", "e"]  # d has nobody with joints
    first, _, third = found
    assert (first.width, first.height) == (120, 90) and first.ignore_mask_path == masks / "mask_a.jpg"
    assert first.people[0].keypoints[4, 2] == JointState.TRUNCATED
    assert first.people[0].features["min_distance"] == 20
    # The person without joints at (80, 40) with height 60 is a box out of the loss.
    ignored = pixels.read_ignore_mask(third)
    assert ignored[40, 80] and ignored[10, 80] and not ignored[40, 55] and ignored.sum() > 30 * 60
    assert len(third.people) == 3 and [np.isnan(p.features["min_distance"]) for p in third.people] == [True] * 3
    (folder / "b.jpg").unlink()
    with pytest.raises(UserError, match=r"(?s)1 of 2 images are missing.*b\.jpg"):
        mpii.annotated_images(release[:2], folder)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"single_person": None}, "has no field single_person"),
        ({"img_train": np.array([[1, 0]])}, "have 7, 2 and 7 entries"),
        ({"annolist": structs([{"annorect": NOTHING}] * 7)}, r"annolist\(1\) has no image\.name"),
    ],
)
def test_other_versions(tmp_path, changes, message):
    with pytest.raises(UserError, match=message):
        mpii.read_release(release_file(tmp_path, **changes))


def test_files_that_are_no_release(tmp_path):
    path = tmp_path / "x.mat"
    with pytest.raises(UserError, match="does not exist: expected the MPII annotation file"):
        mpii.read_release(path)
    path.write_text("not a mat file at all")
    with pytest.raises(UserError, match="is not a MATLAB file"):
        mpii.read_release(path)
    scipy.io.savemat(path, {"other": 1})
    with pytest.raises(UserError, match=r"holds no variable RELEASE \(it holds other\)"):
        mpii.read_release(path)
    scipy.io.savemat(path, {"RELEASE": 5})
    with pytest.raises(UserError, match="has no field annolist, img_train, single_person"):
        mpii.read_release(path)
    path.write_bytes(b"MATLAB 7.3 MAT-file, Platform: x".ljust(124) + b"\x00\x02IM" + bytes(512))
    with pytest.raises(UserError, match=r"MATLAB 7\.3 file: save it"):
        mpii.read_release(path)
    whole = Path(release_file(tmp_path)).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"x\.mat"):
        mpii.read_release(path)


def test_groups_by_hand(tmp_path):
    groups = mpii_groups.read_groups(groups_file(tmp_path))
    assert (
        groups[0] == [(1, 2)] and groups[2] == [] and groups[4] == [(1, 4), (2, 3)] and groups[5] == [(1,), (2,), (3,)]
    )
    release = mpii.read_release(release_file(tmp_path))
    train = mpii_groups.select_release_groups(groups, release, train=True)
    # Image b's person is single, image e's second group holds single people.
    assert [(g.image, g.split_image, g.people) for g in train] == [
        (0, 1, (1, 2)), (4, 3, (1, 4)), (5, 4, (1,)), (5, 4, (2,)), (5, 4, (3,))
    ]  # fmt: skip
    test = mpii_groups.select_release_groups(groups, release, train=False)
    assert [(g.image, g.split_image) for g in test] == [(6, 3)]
    with pytest.raises(UserError, match="does not belong to this annotation file"):
        mpii_groups.select_release_groups(groups[:3], release, train=True)


def test_group_selection_vector(shared_data):
    cases = json.loads((shared_data / "eval_vectors/expected/group_selection.json").read_text())
    assert cases
    for case in cases:
        for name, train in (("expected_test", False), ("expected_train", True)):
            chosen = mpii_groups.select_groups(case["groups"], case["img_train"], case["single_person"], train)
            assert [group.split_image for group in chosen] == case[name]["image"]
            assert [list(group.people) for group in chosen] == case[name]["people"]


def test_real_groups(shared_data):
    folder = shared_data / "real/mpii_annot"
    groups = mpii_groups.read_groups(folder / "groups_v12.mat")
    sizes = [len(people) for image in groups for people in image]
    assert (len(groups), len(sizes), sum(size >= 2 for size in sizes)) == (24987, 32034, 5581)


def test_random_split_is_disjoint_and_seeded(tmp_path):
    groups = mpii_groups.read_groups(groups_file(tmp_path))
    release = mpii.read_release(release_file(tmp_path))
    seen = set()
    for seed in range(12):
        split = mpii_groups.random_split(groups, release, seed, num_groups=2)
        assert len(split.groups) == 2 and not set(split.train) & set(split.validation)
        assert set(split.train) | set(split.validation) == {0, 1, 4, 5}
        assert {group.image for group in split.groups} == set(split.validation)
        assert split == mpii_groups.random_split(groups, release, seed, num_groups=2)
        seen.add(split.groups)
        document = mpii_groups.groups_document(split, release, seed)
        assert [row["image"] for row in document["groups"]] == [release[group.image].name for group in split.groups]
    assert len(seen) > 3
    with pytest.raises(UserError, match="there are 5 groups of training people"):
        mpii_groups.random_split(groups, release, 0)


def options(**changes) -> to_tfrecords.Options:
    known = {"format": "mpii", "num_shards": 1, "num_validation_groups": 2, "min_height": 0.0, "num_threads": 1}
    return to_tfrecords.Options(**(known | changes))


def ids_of(folder) -> set[str]:
    loaded = record_set.load_records(folder)
    return {examples.to_sample(loaded.read(row)).image_id for row in range(len(loaded))}


def test_records_of_train_and_validation(tmp_path):
    common = {
        "annotations": release_file(tmp_path),
        "images": str(pictures(tmp_path / "images")),
        "groups": groups_file(tmp_path),
    }
    train, val = (str(tmp_path / name) for name in ("train", "val"))
    counts = to_tfrecords.run(options(**common, output_dir=train))
    to_tfrecords.run(options(**common, output_dir=val, split="val"))
    assert not ids_of(train) & ids_of(val)
    assert ids_of(train) | ids_of(val) == {"a", "b", "e", "f"}
    kept = splits.read_list(tmp_path / "train" / "validation_images.txt")
    assert {name.removesuffix(".jpg") for name in kept} == ids_of(val)
    first, second = (record_set.load_records(folder).manifest["source"] for folder in (train, val))
    assert first["validation_hash"] == second["validation_hash"] == splits.list_hash(kept)
    if "e" in ids_of(train):
        assert counts["dropped"]["no usable scale"] == 1 and counts["dropped"]["no position"] == 1
    listed = tmp_path / "list.json"
    listed.write_text(json.dumps({"root": [{"im_name": "e.jpg"}, {"im_name": "e.jpg"}]}))
    again = str(tmp_path / "listed")
    to_tfrecords.run(options(**common, output_dir=again, validation_list=str(listed), split="val"))
    assert ids_of(again) == {"e"}
    assert record_set.load_records(again).manifest["dropped"] == {"no position": 1, "no usable scale": 1}


def test_training_images_without_joints_are_in_no_list_and_counted(tmp_path):
    """Image d has nobody with joints. Lists of older versions name such images; they are understood."""
    common = {
        "annotations": release_file(tmp_path, img_train=np.array([[1, 1, 0, 1, 1, 1, 0]])),
        "images": str(pictures(tmp_path / "images")),
    }
    (tmp_path / "validation.txt").write_bytes("mpii\\images\\f.jpg\r\n".encode("utf-16"))  # of Windows
    train, again = tmp_path / "train", tmp_path / "again"
    split = {"validation_list": str(tmp_path / "validation.txt")}
    counts = to_tfrecords.run(options(**common, **split, output_dir=str(train)))
    assert counts["left_out"] == {"image without annotated joints": 1}
    listed = train / "train_images.txt"
    assert splits.read_list(listed) == ["a.jpg", "b.jpg", "e.jpg"]
    to_tfrecords.run(options(**common, output_dir=str(again), include_list=str(listed)))
    assert ids_of(again) == ids_of(train) == {"a", "b", "e"}
    listed.write_text(listed.read_text() + "d.jpg\n")
    for more in ({}, split):
        request = ReadRequest(**common, **more, include_list=str(listed))
        assert [image.image_id for image in photographs.read_photographs("mpii", request).images] == ["a", "b", "e"]
    listed.write_text("a.jpg\nf.jpg\n")
    with pytest.raises(UserError, match=r"not in this data set, such as f\.jpg"):  # held out
        photographs.read_photographs("mpii", ReadRequest(**common, **split, include_list=str(listed)))


def test_flags_of_the_split(tmp_path):
    common = {"annotations": release_file(tmp_path), "images": str(pictures(tmp_path / "images"))}
    with pytest.raises(UserError, match="needs --groups"):
        to_tfrecords.run(options(**common, output_dir=str(tmp_path / "out")))
    with pytest.raises(UserError, match="--split=dev: --format=mpii knows train and val"):
        to_tfrecords.run(options(**common, output_dir=str(tmp_path / "out"), split="dev"))
    listed = tmp_path / "list.txt"
    listed.write_text("a.jpg\nd.jpg\nz.jpg\n")
    with pytest.raises(UserError, match=r"2 of 3 names are not MPII training images, such as d\.jpg, z\.jpg"):
        to_tfrecords.run(options(**common, output_dir=str(tmp_path / "out"), validation_list=str(listed)))
    listed = tmp_path / "list.json"
    listed.write_text("[1, 2]")
    with pytest.raises(UserError, match="is not a list of images with im_name"):
        splits.read_names(listed)


def test_real_photographs(shared_data, tmp_path):
    """The five MPII photographs, their annotation written as the official file would have it."""
    folder = shared_data / "real/mpii"
    entries = []
    for row in json.loads((folder / "test_mpii.json").read_text()):
        points = [point(j, x, y, is_visible=1) for j, ((x, y), known) in enumerate(
            zip(row["joints"], row["joints_vis"])) if known]  # fmt: skip
        person = rect(points, *row["center"], scale=row["scale"])
        entries.append({"image": {"name": row["image"]}, "annorect": structs([person])})
    count = len(entries)
    changes = {
        "annolist": structs(entries),
        "img_train": np.ones((1, count)),
        "single_person": cells([NOTHING] * count),
    }
    listed = tmp_path / "list.txt"
    listed.write_text(entries[0]["image"]["name"] + "\n")
    counts = to_tfrecords.run(
        options(
            annotations=release_file(tmp_path, **changes),
            images=str(folder / "images"),
            validation_list=str(listed),
            output_dir=str(tmp_path / "out"),
        )
    )
    assert counts["records"] == 4 and counts["dropped"] == {}
    loaded = record_set.load_records(tmp_path / "out")
    for row in range(4):
        sample = examples.to_sample(loaded.read(row))
        assert 200 * sample.scale <= 401 and sample.keypoints.shape[0] == 1
        assert (sample.keypoints[0, :, :2].min(0) > -1).all()
        assert (sample.keypoints[0, :, :2].max(0) < [sample.width, sample.height]).all()
