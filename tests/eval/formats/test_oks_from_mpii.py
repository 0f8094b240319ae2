"""OKS of MPII groups: the reference numbers of pycocotools, and the command on toolkit files."""

import json

import numpy as np
import pytest

from eval import oks
from eval.formats.mpii_inputs import read_groups
from eval.formats.oks_from_mpii import oks_images
from eval.metrics import oks as oks_metric
from eval.metrics.groups import GroupPredictions, GroupTruth
from openpose_tf.common.errors import UserError
from openpose_tf.skeleton import MPII_JOINTS
from tests.support.mpii_vectors import expected, mat_input


def test_area_box_visibility_and_scores_by_hand():
    xy = np.full((2, 16, 2), np.nan)
    xy[0, 0], xy[0, 1] = (10, 20), (30, 60)
    visible = np.full((2, 16), np.nan)
    visible[0, 0] = 0
    truth = GroupTruth(xy, visible, np.array([[0.0, 20, 5, 25], [0, 0, 9, 9]]), np.zeros((2, 2)), np.ones(2))
    scores = np.full((2, 16), np.nan)
    scores[0, 0], scores[0, 1] = -0.5, 0.25
    found = GroupPredictions(np.where(np.isnan(scores)[..., None], np.nan, np.full((2, 16, 2), 5.0)), scores)
    image = oks_images([truth], [found], range(16))[0]
    np.testing.assert_array_equal(image.gt_boxes, [[0, 20, 30, 40]])  # people without joints are left out
    np.testing.assert_allclose(image.gt_areas, [0.53 * 1200])
    assert image.gt_keypoints[0, :3, 2].tolist() == [1, 2, 0]
    np.testing.assert_allclose(image.dt_scores, [-0.125])
    assert image.dt_keypoints[0, :3, 2].tolist() == [1.0, 1.75, 0]  # lifted above "not found"


@pytest.mark.parametrize("case", ["c01_perfect", "c02_jitter_small", "c04_missing_gt", "c06_extra_people"])
@pytest.mark.parametrize("sigma_set", ["recommended", "mmpose"])
def test_reference_numbers(case, sigma_set):
    check_equal(mat_input(case), case, expected("oks"), sigma_set)


def test_reference_numbers_of_the_350_groups(shared_data):
    vectors = shared_data / "eval_vectors"
    reference = json.loads((vectors / "oks" / "expected.json").read_text())
    source = str(vectors / "inputs_json" / "r01_real_ppn_val350.json")
    check_equal(source, "r01_real_ppn_val350", reference, "recommended")


def check_equal(source, case, reference, sigma_set):
    """Scores the file that holds ground truth and predictions; every number must be that of pycocotools."""
    recorded = reference[case]
    images = oks_images(*read_groups(source, source), recorded["joints"])
    sigmas = oks_metric.sigmas_of(sigma_set, [MPII_JOINTS[joint] for joint in recorded["joints"]])
    np.testing.assert_allclose(
        oks_metric.sigmas_of(sigma_set, MPII_JOINTS), reference["_meta"][f"sigmas_{sigma_set}"], rtol=0
    )
    stats = list(oks_metric.evaluate(images, sigmas).stats.values())
    key = {"recommended": "stats_recommended_sigmas", "mmpose": "stats_mmpose_mpii_sigmas"}[sigma_set]
    np.testing.assert_allclose(stats, recorded[key], rtol=0, atol=1e-6)
    assert sum(len(image.gt_keypoints) for image in images) == recorded["n_gt"]
    assert sum(len(image.dt_scores) for image in images) == recorded["n_dt"]


def test_toolkit_files_through_the_command_function(tmp_path):
    box = {"x1": 0, "y1": 0, "x2": 30, "y2": 40}
    points = [{"id": j, "x": 9 * j, "y": 7 * j, "score": 0.5} for j in range(16)]
    gt = [{**box, "points": points}]
    path = tmp_path / "both.json"
    path.write_text(json.dumps({"images": [{"gt": gt, "pred": [{"points": points}]}, {"gt": gt, "pred": []}]}))
    result = oks.evaluate(str(path), str(path))
    assert result["AR"] == pytest.approx(0.5) and result["images_without_prediction"] == 1
    assert len(result["joints"]) == 14 and "pelvis" not in result["joints"]
    assert oks.evaluate(str(path), str(path), "pelvis,r_hip")["joints"] == ["pelvis", "r_hip"]
    with pytest.raises(UserError, match="unknown MPII joint"):
        oks.evaluate(str(path), str(path), "nose")
