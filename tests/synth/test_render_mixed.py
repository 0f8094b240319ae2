"""`synth.render --dataset=mixed` as a user runs it: variants, resume, refusal to mix, then stylizing and records."""

import json

import cv2
import numpy as np
import pytest

from openpose_tf.data.annotations import readers
from openpose_tf.data.annotations.image_dataset import read_header, read_image_dataset
from openpose_tf.data.annotations.store import listing
from openpose_tf.data.annotations.types import ReadRequest
from openpose_tf.skeleton import JointState
from tests.support.commands import run_command
from tests.support.datasets import contents

WIDTH, HEIGHT = 128, 96
NAMES = ["nose", "left_eye", "right_eye", "left_ear", "right_ear"]
NAMES += [f"{side}_{j}" for j in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle") for side in ("left", "right")]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Two photographs, the second grey and with a crowd, a person in each, and the masks of these."""
    folder = tmp_path_factory.mktemp("mixed_source")
    for name in ("photos", "known"):
        (folder / name).mkdir()
    rng = np.random.default_rng(0)
    content = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "person", "keypoints": NAMES}]}
    for k in range(2):
        photo = cv2.GaussianBlur(rng.integers(60, 190, (HEIGHT, WIDTH, 3)).astype(np.uint8), (0, 0), 1.2)
        photo[20:84, 50:76] = np.array([90, 110, 170]) + rng.integers(-25, 25, (64, 26, 3))
        photo = cv2.cvtColor(photo, cv2.COLOR_BGR2GRAY) if k else photo
        cv2.imwrite(str(folder / "photos" / f"p{k}.jpg"), photo, [cv2.IMWRITE_JPEG_QUALITY, 95])
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        mask[20:84, 50:76] = 255
        cv2.imwrite(str(folder / "known" / f"p{k}.png"), mask)
        content["images"].append({"id": 40 + k, "file_name": f"p{k}.jpg", "width": WIDTH, "height": HEIGHT})
        points = [[52.25 + 1.4 * (j % 16), 22.5 + 3.6 * j, 2] for j in range(17)]
        person = {"id": k + 1, "image_id": 40 + k, "category_id": 1, "iscrowd": 0, "bbox": [50, 20, 26, 64]}
        content["annotations"].append(person | {"keypoints": np.ravel(points).tolist(), "area": 1664.0})
    crowd = {"id": 9, "image_id": 41, "category_id": 1, "iscrowd": 1, "bbox": [100, 5, 20, 40], "keypoints": []}
    content["annotations"].append(crowd | {"segmentation": [[100, 5, 120, 5, 120, 45, 100, 45]]})
    (folder / "annotations.json").write_text(json.dumps(content))
    return folder


def render(source, folder, *more, code=0):
    where = [f"--annotations={source}/annotations.json", f"--images={source}/photos", f"--output_dir={folder}"]
    flags = ("--dataset=mixed", "--samples=2", "--people_mean=1", "--seed=5", *where, *more)
    return run_command("synth.render", *flags, code=code)


@pytest.fixture(scope="module")
def mixed(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("mixed") / "d_m"
    render(source, folder, "--variants=2", "--photo_match=all")
    return folder


@pytest.mark.slow
@pytest.mark.blender
def test_every_photograph_has_its_variants_with_exact_ground_truth(source, mixed):
    real = readers.read("coco", ReadRequest(f"{source}/annotations.json", f"{source}/photos")).images
    made = read_image_dataset(mixed)
    assert len(made) == 4
    for index, one in enumerate(made):
        photo = real[index % 2]
        assert (one.width, one.height) == (WIDTH, HEIGHT) and not one.labelled_joints[9]
        mine = [person for person in one.people if not person.is_synthetic]
        assert len(mine) == 1 and len(one.people) >= 3
        np.testing.assert_array_equal(mine[0].keypoints[:, :2], photo.people[0].keypoints[:, :2])
        np.testing.assert_array_equal(mine[0].objpos, photo.people[0].objpos)
        assert mine[0].scale == photo.people[0].scale
        changed = mine[0].keypoints[:, 2] != photo.people[0].keypoints[:, 2]
        assert (mine[0].keypoints[changed, 2] == JointState.OCCLUDED_BY_OTHER).all()
        row = listing.read(mixed, f"{index:06d}")
        assert row["variant"] == index // 2 and row["background"]["image_id"] == str(40 + index % 2)
        assert row["carried_over"]["real_joints_covered"] == changed.sum()
        assert (one.ignore_mask_path is not None) == (index % 2 == 1)
        shown, before = (
            cv2.imread(str(path)).astype(int) for path in (one.image_path, source / "photos" / f"p{index % 2}.jpg")
        )
        ids = cv2.imread(str(mixed / row["mask"]), cv2.IMREAD_UNCHANGED)
        far = cv2.dilate((ids > 0).astype(np.uint8), np.ones((17, 17))) == 0
        far[HEIGHT // 2 :] = False  # shadows are on the ground only
        assert np.abs(shown - before)[far].mean() < 3  # JPEG
        if index % 2:  # the photograph is grey, so are the people before it
            assert np.ptp(shown, axis=-1)[ids > 0].mean() < 4
        assert set(np.unique(ids)) <= {0, *(p["instance_id"] for p in row["people"] if p["is_synthetic"])}
    poses = [[p["pose"] for p in listing.read(mixed, f"{i:06d}")["people"][1:]] for i in (0, 2)]
    assert poses[0] != poses[1]
    counts = read_header(mixed)["counts"]
    assert counts["images"] == 4 and counts["people_real"] == 4 and counts["real_joints"] == 60


@pytest.mark.slow
@pytest.mark.blender
def test_a_stopped_run_ends_with_the_same_pictures_and_never_mixes(source, mixed, tmp_path):
    folder = tmp_path / "again"
    render(source, folder, "--variants=2", "--num_images=1", "--photo_match=all")
    more = render(source, folder, "--variants=2", "--num_workers=1", "--photo_match=shadow,light,colour,blur,noise")
    assert "1 of 4 images are there" in more.stderr
    assert contents(folder) == contents(mixed)
    changed = json.loads((source / "annotations.json").read_text())
    changed["annotations"][0]["keypoints"][0] += 1  # the nose is not used,
    changed["annotations"][0]["keypoints"][15] += 1  # the left shoulder is
    (tmp_path / "changed.json").write_text(json.dumps(changed))
    before = (folder / "photographs.jsonl").read_bytes()
    plain = render(source, folder, "--variants=2", code=2)
    assert "photo_match: all, now none" in plain.stderr
    other = render(
        source, folder, "--variants=2", "--photo_match=all", f"--annotations={tmp_path}/changed.json", code=2
    )
    assert "photographs: " in other.stderr
    assert (folder / "photographs.jsonl").read_bytes() == before
    seed = render(source, folder, "--variants=2", "--photo_match=all", "--seed=6", code=2)
    assert "seed: 5, now 6" in seed.stderr


@pytest.mark.slow
@pytest.mark.blender
def test_mixed_pictures_are_stylized_and_become_records(source, mixed, tmp_path):
    segmenter = ("--person_segmenter=groundtruth", f"--groundtruth={source}/known")
    run_command("synth.stylize", f"--input_dir={mixed}", f"--output_dir={tmp_path}/style", *segmenter)
    counts = read_header(tmp_path / "style")["counts"]["style"]
    assert counts["images_stylized"] + counts.get("images_left", 0) == 4 and counts["images_stylized"] >= 1
    for name in ("000001", "000003"):
        assert (tmp_path / "style" / "ignore_masks" / "0000" / f"{name}.png").is_file()
    for folder, kind in ((mixed, "mixed"), (tmp_path / "style", "stylized")):
        out = tmp_path / f"records_{kind}"
        run_command("synth.to_tfrecords", f"--input_dir={folder}", f"--output_dir={out}", "--num_shards=1")
        from openpose_tf.data.records import examples
        from openpose_tf.data.records.record_set import load_records

        records = load_records(out)
        assert len(records) == 4  # the real people only
        import tensorflow as tf

        for payload in tf.data.TFRecordDataset(records.shard_paths).as_numpy_iterator():
            sample = examples.to_sample(payload)
            assert sample.is_synthetic and not sample.is_synthetic_person[0] and sample.is_synthetic_person[1:].all()
            assert not sample.labelled_joints[9]
        assert np.isfinite(records.features["min_distance"]).all()
        assert (records.features["camera_pitch_deg"] == 0).all()
