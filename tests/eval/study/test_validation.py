"""Validation sets of three kinds, what is refused, and the scores of perfect and of missing predictions."""

import json

import cv2
import numpy as np
import pytest

from eval.metrics import oks_pairs, pck
from eval.study import score_files, scoring, validation
from eval.study.__main__ import warn_of_overlap
from eval.study.sources import Photographs, Sources
from openpose_tf.common.errors import UserError
from openpose_tf.data.records import writer
from openpose_tf.skeleton import COCO_JOINTS, MPI, mpii_to_parts
from tests.support.image_sets import made_up
from tests.support.small_records import person_sample


def coco_folder(folder, num_images=2, crowd=True):
    """Images with one person of all COCO joints each, and a crowd in the right half of the first."""
    rows = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "person", "keypoints": [*COCO_JOINTS]}]}
    (folder / "images").mkdir(parents=True)
    points = np.array([[10 + 7 * (k % 3), 10 + 5 * k, 2] for k in range(17)], float)
    for number in range(num_images):
        cv2.imwrite(str(folder / "images" / f"p{number}.png"), np.zeros((100, 200, 3), np.uint8))
        rows["images"].append({"id": number, "file_name": f"p{number}.png", "width": 200, "height": 100})
        box = {"bbox": [5, 5, 40, 95], "area": 3000, "keypoints": points.ravel().tolist(), "num_keypoints": 17}
        rows["annotations"].append({"image_id": number, "category_id": 1, "iscrowd": 0, **box})
    if crowd:
        box = {"bbox": [100, 0, 100, 100], "area": 10000, "keypoints": [0] * 51, "num_keypoints": 0}
        rows["annotations"].append({"image_id": 0, "category_id": 1, "iscrowd": 1, **box})
    rows["annotations"] = [{"id": k + 1, **row} for k, row in enumerate(rows["annotations"])]
    (folder / "annotations.json").write_text(json.dumps(rows))
    return points


def predict(folder, name, people, size=(200, 100)):
    """Writes a prediction of people [15, 3]."""
    folder.mkdir(exist_ok=True, parents=True)
    listed = [{"keypoints": np.asarray(one, float).tolist(), "score": 1.0} for one in people]
    row = {"image": name, "width": size[0], "height": size[1], "people": listed}
    (folder / f"{name}.json").write_text(json.dumps(row))


def parts_of_coco(points):
    """COCO joints as the 15 parts, as far as both have them."""
    rows = np.zeros((15, 3))
    for k, part in enumerate(MPI.parts):
        if part in COCO_JOINTS:
            rows[k] = [*points[COCO_JOINTS.index(part), :2], 0.9]
    return rows


def ap(scores):
    return oks_pairs.average_precision(scores.oks)


def share(scores):
    return pck.shares(scores.pck, np.ones((1, len(scores.pck)), int))[0]


def test_coco_folders_score_people_and_ignore_crowds(tmp_path):
    points = coco_folder(tmp_path / "v")
    opened = validation.open_set(tmp_path / "v", "v", tmp_path / "w")
    right = parts_of_coco(points)
    in_crowd = np.add(right, [110, 0, 0])
    predict(tmp_path / "p", "p0.png", [right, in_crowd])
    scores = scoring.score(opened, tmp_path / "p")  # nothing was predicted for p1
    assert (scores.ignored, [image.num_people for image in scores.oks]) == ([1, 0], [1, 1])
    assert (scores.oks[0].counted.sum(1) == 1).all()  # the one in the crowd is neither right nor wrong
    assert ap(scores) == pytest.approx(51 / 101) and share(scores) == 50.0
    assert scores.mpii is None and len(scores.joints) == 12


def test_rendered_sets_have_head_boxes_and_pitches(tmp_path):
    made_up.open_dataset(tmp_path / "d", 3)
    for index in range(3):
        made_up.make_image(str(tmp_path / "d"), index)
    opened = validation.open_set(tmp_path / "d", "d", tmp_path / "w")
    assert opened.has_head_boxes and len(opened.files) == 3
    for image in opened.annotated:
        people = [mpii_to_parts(np.array(person.keypoints)) for person in image.people]
        found = [np.where(one[:, 2:] > 0, one * [1, 1, 0] + [0, 0, 0.9], 0) for one in people]
        predict(tmp_path / "p", image.image_path.name, found, (image.width, image.height))
    scores = scoring.score(opened, tmp_path / "p")
    assert ap(scores) == 1.0
    assert len(scores.mpii.matches) == 3 and (scores.mpii.pitch_deg > 0).all()
    back = score_files.from_json(json.loads(json.dumps(score_files.to_json({7: scores}))))[7]
    for before, after in zip(scores.mpii.matches, back.mpii.matches, strict=True):
        np.testing.assert_array_equal(before.labels, after.labels)
        np.testing.assert_allclose(before.scores, after.scores, atol=1e-4)
    assert ap(back) == 1.0 and share(back) == share(scores)


def test_record_sets_become_one_image_per_photograph_with_masked_regions_as_crowds(tmp_path):
    mask = np.full((96, 96), 255, np.uint8)
    mask[10:30, 60:90] = 0
    with writer.RecordWriter(tmp_path / "r", "r", "val", 1) as records:
        for number in (1, 2):
            sample = person_sample(number, False)
            encoded = cv2.imencode(".png", mask)[1].tobytes() if number == 1 else b""
            for person in (0, 1):
                records.add(sample.__class__(**{**vars(sample), "mask": encoded, "person": person}))
    opened = validation.open_set(tmp_path / "r", "r", tmp_path / "w")
    people, crowd = opened.truth.images["000000"], opened.truth.images["000000"].boxes[1]
    assert len(opened.files) == 2 and people.ignored.tolist() == [False, True]
    assert crowd.tolist() == [60, 10, 30, 20]
    labelled = people.keypoints[0][people.keypoints[0, :, 2] > 0]
    expected = person_sample(1, False).keypoints[0]
    np.testing.assert_allclose(labelled[:, :2], expected[expected[:, 2] > 0, :2], atol=1e-4)
    before = (tmp_path / "w" / "r" / "annotations.json").stat().st_mtime_ns
    validation.open_set(tmp_path / "r", "r", tmp_path / "w")
    assert (tmp_path / "w" / "r" / "annotations.json").stat().st_mtime_ns == before


def test_only_images_that_count_are_copied(tmp_path):
    coco_folder(tmp_path / "v")
    (tmp_path / "v" / "images" / "other.png").write_bytes(b"")
    validation.open_set(tmp_path / "v", "v", tmp_path / "w").copy_images(tmp_path / "to")
    assert sorted(path.name for path in (tmp_path / "to").iterdir()) == ["p0.png", "p1.png"]
    cv2.imwrite(str(tmp_path / "v" / "images" / "p1.png"), np.full((100, 200, 3), 7, np.uint8))  # other pixels
    validation.open_set(tmp_path / "v", "v", tmp_path / "w").copy_images(tmp_path / "to")
    assert (tmp_path / "to" / "p1.png").read_bytes() == (tmp_path / "v" / "images" / "p1.png").read_bytes()


def test_wrong_folders_are_named(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"empty: expected an image dataset"):
        validation.open_set(tmp_path / "empty", "v", tmp_path)
    coco_folder(tmp_path / "v")
    (tmp_path / "v" / "images" / "p1.png").unlink()
    with pytest.raises(UserError, match=r"1 of 2 images are missing, such as .*p1\.png"):
        validation.open_set(tmp_path / "v", "v", tmp_path)
    coco_folder(tmp_path / "n", num_images=1)
    rows = json.loads((tmp_path / "n" / "annotations.json").read_text())
    rows["annotations"] = rows["annotations"][1:]
    (tmp_path / "n" / "annotations.json").write_text(json.dumps(rows))
    nobody = Photographs(str(tmp_path / "n" / "images"), str(tmp_path / "n" / "annotations.json"))
    with pytest.raises(UserError, match="nobody in it has an annotated joint"):
        validation.open_photographs(nobody, "photographs")


def test_sets_of_one_name_get_a_number():
    assert validation.set_names(["a/val", "b/val", "standin"], ["standin"]) == ["val", "val_2", "standin_2"]


def test_images_that_are_trained_on_are_seen(tmp_path, caplog):
    with writer.RecordWriter(tmp_path / "r", "r", "train", 1) as records:
        for number in (1, 2):
            records.add(person_sample(number, False))
    coco_folder(tmp_path / "v")  # image ids 0 and 1
    sets = [validation.open_set(tmp_path / name, name, tmp_path / "w") for name in ("r", "v")]
    assert [scored.sources for scored in sets] == [{"1", "2"}, {"0", "1", "p0", "p1"}]
    warn_of_overlap(Sources((str(tmp_path / "r"),)), sets)
    assert "2 images of r have ids" in caplog.text and "1 images of v have ids" in caplog.text
