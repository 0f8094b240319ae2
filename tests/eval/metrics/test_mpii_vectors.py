"""Equality with the official toolkit on its recorded outputs."""

import json
import time

import numpy as np
import pytest

from eval.formats.mpii_inputs import read_groups
from eval.metrics import mpii_summary

CASES = (
    "c01_perfect",
    "c02_jitter_small",
    "c03_jitter_large",
    "c04_missing_gt",
    "c05_missing_pred",
    "c06_extra_people",
    "c07_left_right_swap",
    "c08_identity_swap",
    "c09_few_people",
    "c10_score_ties",
    "c11_some_images_without_predictions",
    "c12_all_empty",
    "r01_real_ppn_val350",
)


def numbers(value):
    """A JSON list as floats; null = NaN, a scalar = a list of one (Octave)."""
    return np.array(value if isinstance(value, list) else [value], float)


@pytest.mark.parametrize("form", ["json", "mat"])
@pytest.mark.parametrize("case", CASES)
def test_equal_to_the_toolkit(shared_data, case, form):
    vectors = shared_data / "eval_vectors"
    source = str(vectors / f"inputs_{form}" / f"{case}.{form}")
    result = mpii_summary.summarise(mpii_summary.match_groups(*read_groups(source, source)), details=True)
    expected = json.loads((vectors / "expected" / f"{case}.json").read_text())
    np.testing.assert_allclose(numbers([*result["ap"], result["mAP"]]), numbers(expected["ap"]), rtol=0, atol=1e-9)
    for joint, (got, want) in enumerate(zip(result["per_joint"], expected["joints"])):
        counts = [result[key][joint] for key in ("n_gt", "n_det", "n_tp")]
        assert counts == [want["n_gt"], want["n_det"], want["n_tp"]]
        np.testing.assert_array_equal(numbers(got["labels"]), numbers(want["labels"]))
        np.testing.assert_array_equal(numbers(got["scores"]), numbers(want["scores"]))
        for curve in ("precision", "recall"):
            np.testing.assert_allclose(numbers(got[curve]), numbers(want[curve]), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(
        np.array(result["n_gt_per_image"], float), np.array([numbers(row) for row in expected["n_gt_per_image"]])
    )


def test_counted_mode_and_empty_groups(shared_data):
    vectors = shared_data / "eval_vectors"
    for row in json.loads((vectors / "index.json").read_text())["cases"]:
        source = str(vectors / "inputs_json" / f"{row['name']}.json")
        result = mpii_summary.summarise(mpii_summary.match_groups(*read_groups(source, source)))
        assert result["groups_without_predictions"] == row["groups_without_predictions"]
        assert result["counted"]["mAP"] == pytest.approx(row["mAP_if_empty_groups_are_counted"], abs=1e-9)
        assert (result["people"], result["predicted_people"]) == (row["gt_people"], row["pred_people"])


def test_350_groups_take_at_most_a_second(shared_data):
    source = str(shared_data / "eval_vectors" / "inputs_mat" / "r01_real_ppn_val350.mat")
    start = time.process_time()
    mpii_summary.summarise(mpii_summary.match_groups(*read_groups(source, source)))
    assert time.process_time() - start < 1.0


def test_the_published_files_of_the_350_groups(shared_data):
    folder = shared_data / "real" / "mpii_annot"
    truth, found = folder / "mpi_val_groundtruth.mat", folder / "pred_keypoints_mpii_multi.mat"
    result = mpii_summary.summarise(mpii_summary.match_groups(*read_groups(str(truth), str(found))))
    assert result["mAP"] == pytest.approx(79.31346, abs=1e-5)
