import json

import numpy as np
import pytest
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from openpose_tf.common.errors import UserError
from openpose_tf.data.annotations import image_dataset_schema
from openpose_tf.skeleton import COCO_JOINTS, MPII_JOINTS
from synth import to_coco
from synth.dataset import writer

# The evaluator's standard deviations for joints COCO does not have: any positive numbers do for perfect detections.
SIGMAS = {"coco17": None, "mpii16": np.full(16, 0.05)}


@pytest.fixture
def folder(tmp_path):
    writer.open_dataset(tmp_path, "synthetic", 0, 2, {}, [{"part": "bodies", "source": "us", "licence": "CC0-1.0"}])
    random = np.random.default_rng(0)
    for index in range(2):
        ids = np.zeros((90, 120), np.int32)
        people = []
        for number, (x, y) in enumerate(((5, 10), (60, 20)), 1):
            ids[y : y + 60, x : x + 40] = number
            keypoints = np.column_stack([random.uniform((x, y), (x + 39, y + 59), (16, 2)), random.integers(1, 5, 16)])
            face = np.column_stack([random.uniform((x, y), (x + 39, y + 59), (5, 2)), np.ones(5)])
            people.append({"instance_id": number, "keypoints": keypoints.tolist(), "face_keypoints": face.tolist(),
                           "box": [x - 0.5, y - 0.5, x + 39.5, y + 59.5], "area": 2400})  # fmt: skip
        people.append({**people[0], "instance_id": 3, "box": None, "area": 0})  # completely hidden
        image = np.zeros((90, 120, 3), np.uint8)
        writer.write_sample(tmp_path, image_dataset_schema.image_name(index), image, ids, None, {"people": people}, 90)
    return tmp_path


@pytest.mark.parametrize("joints", to_coco.JOINT_SETS)
def test_ground_truth_as_its_own_detections_scores_1(folder, joints, capsys):
    path = folder / "coco.json"
    assert to_coco.write_coco(folder, path, joints, True) == {"images": 2, "people": 4, "dropped": 2}
    made = json.loads(path.read_text())
    truth = COCO(str(path))
    results = [{**row, "score": 0.9} for row in made["annotations"]]
    for kind in ("keypoints", "segm", "bbox"):
        found = truth.loadRes([{k: v for k, v in row.items() if k != "id"} for row in json.loads(json.dumps(results))])
        scorer = COCOeval(truth, found, kind)
        if kind == "keypoints" and SIGMAS[joints] is not None:
            scorer.params.kpt_oks_sigmas = SIGMAS[joints]
        scorer.evaluate()
        scorer.accumulate()
        scorer.summarize()
        assert scorer.stats[0] == pytest.approx(1.0)


def test_masks_boxes_and_areas_agree(folder):
    to_coco.write_coco(folder, folder / "coco.json", "coco17", True)
    made = json.loads((folder / "coco.json").read_text())
    for row in made["annotations"]:
        mask = coco_mask.decode(row["segmentation"])
        assert mask.sum() == row["area"]
        assert coco_mask.toBbox(row["segmentation"]).tolist() == row["bbox"]


def test_joint_names_and_order():
    assert to_coco.category("coco17")["keypoints"][:6] == [
        "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder"]  # fmt: skip
    assert to_coco.category("mpii16")["keypoints"][:2] == ["right_ankle", "right_knee"]
    person = {"keypoints": [[i, i, 1] for i in range(16)], "face_keypoints": [[100 + i, 0, 1] for i in range(5)]}
    points = to_coco.coco_keypoints(person, "coco17")
    assert points[COCO_JOINTS.index("l_wrist"), 0] == MPII_JOINTS.index("l_wrist")
    assert points[COCO_JOINTS.index("r_ear"), 0] == 104
    assert to_coco.coco_keypoints(person, "mpii16")[:, 0].tolist() == list(range(16))


def test_states_become_cocos_visibility():
    person = {"keypoints": [[5, 5, state] for state in (0, 1, 2, 3, 4)] + [[5, 5, 1]] * 11}
    points = to_coco.coco_keypoints(person, "mpii16")
    assert points[:5, 2].tolist() == [0, 2, 1, 1, 0]
    assert (points[[0, 4], :2] == 0).all()


def test_an_empty_folder_is_a_clear_error(tmp_path):
    with pytest.raises(UserError, match=r"dataset\.json"):
        to_coco.write_coco(tmp_path, tmp_path / "coco.json", "coco17", True)
    writer.open_dataset(tmp_path, "synthetic", 0, 2, {}, [])
    with pytest.raises(UserError, match="no complete image"):
        to_coco.write_coco(tmp_path, tmp_path / "coco.json", "coco17", True)


def test_a_damaged_mask_is_named(folder):
    (folder / "masks" / "0000" / "000001.png").write_bytes(b"half")
    with pytest.raises(UserError, match=r"000001\.png cannot be read"):
        to_coco.write_coco(folder, folder / "coco.json", "coco17", True)
