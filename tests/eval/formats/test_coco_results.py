"""COCO result lists as predictions: the numbers of pycocotools, ids in any form, and what is refused."""

import json

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from eval import oks
from eval.formats import coco_results
from openpose_tf.common.errors import UserError
from openpose_tf.skeleton import COCO_JOINTS, COCO_TO_PART, MPI

LIMBS = list(COCO_TO_PART)


def truth(folder, number=6) -> tuple[str, np.ndarray]:
    """Writes a COCO file with one person per image; returns it and the joints [number, 17, 3], limbs only."""
    rng = np.random.default_rng(0)
    joints = np.zeros((number, 17, 3))
    joints[:, LIMBS, :2], joints[:, LIMBS, 2] = rng.uniform(20, 180, (number, 12, 2)), 2
    images = [{"id": 100 + k, "file_name": f"p_{k}.jpg", "width": 200, "height": 200} for k in range(number)]
    people = [
        {"id": k + 1, "image_id": 100 + k, "category_id": 1, "keypoints": row.ravel().tolist(), "num_keypoints": 12,
         "area": 9000.0, "bbox": [20, 20, 160, 160], "iscrowd": 0}
        for k, row in enumerate(joints)
    ]  # fmt: skip
    content = {"images": images, "annotations": people, "categories": [{"id": 1, "keypoints": list(COCO_JOINTS)}]}
    (folder / "truth.json").write_text(json.dumps(content))
    return str(folder / "truth.json"), joints


def result(image_id, joints, score=0.5, **more) -> dict:
    flat = np.asarray(joints).ravel().tolist()
    return {"image_id": image_id, "category_id": 1, "keypoints": flat, "score": score} | more


def test_the_same_ap_as_pycocotools(tmp_path):
    """Two people per image, one of them far off, ranked by their scores; joints carry no scores of their own."""
    path, joints = truth(tmp_path)
    rng = np.random.default_rng(1)
    rows = []
    for k, one in enumerate(joints):
        for spread in (4.0, 40.0):
            moved = one + np.concatenate([rng.normal(0, spread, (17, 2)), np.zeros((17, 1))], 1) * (one[:, 2:] > 0)
            moved[:, 2] = 0
            rows.append(result(100 + k, moved, float(rng.uniform(0.1, 0.9))))
    (tmp_path / "results.json").write_text(json.dumps(rows))
    found = oks.evaluate(str(tmp_path / "results.json"), path, "limbs", "coco")
    reference = COCO(path)
    scorer = COCOeval(reference, reference.loadRes(str(tmp_path / "results.json")), "keypoints")
    scorer.evaluate(), scorer.accumulate(), scorer.summarize()
    # The five face joints of COCO's 17 are not labelled, so they do not count in either.
    assert found["AP"] == pytest.approx(scorer.stats[0], abs=1e-9)
    assert 0.1 < found["AP"] < 0.9 and found["num_predicted_people"] == 12


def test_ids_in_any_form_and_unknown_ones(tmp_path):
    path, joints = truth(tmp_path, 3)
    rows = [result("100", joints[0]), result(101.0, joints[1]), result("00102", joints[2]), result(7, joints[0])]
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "coco_results.json").write_text(json.dumps(rows))
    found = oks.evaluate(str(tmp_path / "results"), path)
    assert found["AP"] == pytest.approx(1) and found["predictions_without_groundtruth"] == 1
    assert found["images_without_prediction"] == 0


def test_a_file_of_nobody_is_not_taken_for_a_folder(tmp_path):
    path, _ = truth(tmp_path, 1)
    (tmp_path / "none.json").write_text("[]")
    with pytest.raises(UserError, match=r"none\.json holds nobody predicted"):
        oks.evaluate(str(tmp_path / "none.json"), path)


def test_joints_and_other_categories():
    joints = np.zeros((17, 3))
    joints[COCO_JOINTS.index("l_knee")] = 4, 5, 0.25
    joints[COCO_JOINTS.index("r_knee")] = 6, 5, 0
    rows = [result(1, joints, 0.75), result(1, joints, category_id=2)]
    (one,) = coco_results.parse(rows, "r.json", {"1": "a"}).values()
    assert one.keypoints.shape == (1, 15, 3) and one.is_ranked and one.scores == [0.75]
    np.testing.assert_array_equal(one.keypoints[0, MPI.parts.index("l_knee")], [4, 5, 0.25])
    np.testing.assert_array_equal(one.keypoints[0, MPI.parts.index("r_knee")], [6, 5, 0.75])
    assert np.count_nonzero(one.keypoints[..., 2]) == 2


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([1], "entry 0 has no image_id"),
        (result(None, np.zeros((17, 3))), "entry 0 has no image_id"),
        (result(1, np.zeros((16, 3))), "entry 0 needs 'keypoints' as 17"),
        (result(1, np.zeros((17, 3)), score=None), "entry 0 needs"),
        (result(1, np.full((17, 3), np.inf)), "entry 0 holds NaN"),
    ],
)
def test_wrong_lists(row, message):
    with pytest.raises(UserError, match=message):
        coco_results.parse([row], "r.json", {})
