"""Equality with the official toolkit on its recorded outputs."""

import json

import numpy as np
import pytest

from eval.formats.mpii_inputs import read_groups
from eval.metrics import mpii, mpii_summary
from tests.support.mpii_vectors import CASES, JSON_CASES, expected, json_input, mat_input


def numbers(value):
    """A JSON list as floats; null = NaN, a scalar = a list of one (Octave)."""
    return np.array(value if isinstance(value, list) else [value], float)


def check_equal(source, expected):
    """Scores the file that holds ground truth and predictions; every number must be the toolkit's."""
    result = mpii_summary.summarize(mpii_summary.match_groups(*read_groups(source, source)), details=True)
    np.testing.assert_allclose(numbers([*result["ap"], result["mAP"]]), numbers(expected["ap"]), rtol=0, atol=1e-9)
    for joint, (got, want) in enumerate(zip(result["per_joint"], expected["joints"], strict=True)):
        counts = [result[key][joint] for key in ("n_gt", "n_det", "n_tp")]
        assert counts == [want["n_gt"], want["n_det"], want["n_tp"]]
        np.testing.assert_array_equal(numbers(got["labels"]), numbers(want["labels"]))
        np.testing.assert_array_equal(numbers(got["scores"]), numbers(want["scores"]))
        for curve in ("precision", "recall"):
            np.testing.assert_allclose(numbers(got[curve]), numbers(want[curve]), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(
        np.array(result["n_gt_per_image"], float), np.array([numbers(row) for row in expected["n_gt_per_image"]])
    )


def test_there_are_twelve_cases():
    assert [case[:3] for case in CASES] == [f"c{number:02d}" for number in range(1, 13)]
    assert set(JSON_CASES) < set(CASES) and len(JSON_CASES) == 6


@pytest.mark.parametrize("case", CASES)
def test_equal_to_the_toolkit(case):
    check_equal(mat_input(case), expected(case))


@pytest.mark.parametrize("case", JSON_CASES)
def test_json_equal_to_the_toolkit(case, tmp_path):
    check_equal(json_input(case, tmp_path), expected(case))


@pytest.mark.parametrize("form", ["json", "mat"])
def test_350_real_groups_equal_to_the_toolkit(shared_data, form):
    vectors = shared_data / "eval_vectors"
    recorded = json.loads((vectors / "expected" / "r01_real_ppn_val350.json").read_text())
    check_equal(str(vectors / f"inputs_{form}" / f"r01_real_ppn_val350.{form}"), recorded)


@pytest.mark.parametrize("row", expected("cases"), ids=lambda row: row["name"])
def test_counted_mode_and_empty_groups(row):
    source = mat_input(row["name"])
    result = mpii_summary.summarize(mpii_summary.match_groups(*read_groups(source, source)))
    assert result["groups_without_predictions"] == row["groups_without_predictions"]
    assert result["counted"]["mAP"] == pytest.approx(row["mAP_if_empty_groups_are_counted"], abs=1e-9)
    assert (result["people"], result["predicted_people"]) == (row["gt_people"], row["pred_people"])


def test_people_are_compared_within_their_group_only(monkeypatch):
    """The work grows with the number of groups, not with its square."""
    source = mat_input("c06_extra_people")
    truth, found = read_groups(source, source)
    pairs, joint_hits = [], mpii.joint_hits

    def counted(pred_xy, gt_xy, sizes):
        pairs.append(len(pred_xy) * len(gt_xy))
        return joint_hits(pred_xy, gt_xy, sizes)

    monkeypatch.setattr(mpii, "joint_hits", counted)
    once = mpii_summary.summarize(mpii_summary.match_groups(truth, found))
    assert sum(pairs) == sum(len(t.xy) * len(f.xy) for t, f in zip(truth, found)) > 0
    one_pass = sum(pairs)
    pairs.clear()
    twice = mpii_summary.summarize(mpii_summary.match_groups([*truth, *truth], [*found, *found]))
    assert sum(pairs) == 2 * one_pass and twice["n_tp"] == [2 * n for n in once["n_tp"]]


def test_the_published_files_of_the_350_groups(shared_data):
    folder = shared_data / "real" / "mpii_annot"
    truth, found = folder / "mpi_val_groundtruth.mat", folder / "pred_keypoints_mpii_multi.mat"
    result = mpii_summary.summarize(mpii_summary.match_groups(*read_groups(str(truth), str(found))))
    assert result["mAP"] == pytest.approx(79.31346, abs=1e-5)
    assert (result["groups"], result["people"]) == (350, 902)
    # n_gt of all groups, docs/reference/evaluation.md section 10, joints in toolkit order.
    n_gt = [676, 786, 886, 887, 783, 677, 890, 895, 901, 898, 895, 888, 897, 897]
    assert result["counted"]["n_gt"] == n_gt
