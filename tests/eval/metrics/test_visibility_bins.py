"""AP by ratio of visible joints: bins by hand, and the reference numbers on the 350 public groups."""

import json

import numpy as np
import pytest

from eval.formats.mpii_inputs import read_groups
from eval.metrics import mpii as mpii_metric
from eval.metrics import mpii_summary, visibility_bins
from eval.metrics.groups import GroupTruth

BOX = [0.0, 0.0, 30.0, 40.0]


def people(visible_counts, annotated=16):
    """People at (1000 i, 0) with the first joints annotated and the first of these visible."""
    xy = np.full((len(visible_counts), 16, 2), np.nan)
    visible = np.full((len(visible_counts), 16), np.nan)
    for index, count in enumerate(visible_counts):
        xy[index, :annotated] = np.stack([1000 * index + 40 * np.arange(annotated), np.zeros(annotated)], -1)
        visible[index, :annotated] = np.arange(annotated) < count
    return xy, visible


@pytest.mark.parametrize(
    ("seen", "annotated", "expected"), [(0, 10, 0), (1, 10, 0), (2, 10, 1), (3, 5, 3), (4, 5, 4), (5, 5, 4), (0, 0, -1)]
)
def test_bins_of_annotated_joints(seen, annotated, expected):
    assert visibility_bins.visible_bins(*people([seen], annotated)).tolist() == [expected]


def test_bins_without_thorax_and_of_evaluated_joints():
    xy, visible = people([8])  # ids 0..7 visible: 7 without the thorax, 6 of the evaluated ones
    assert visibility_bins.visible_bins(xy, visible, "without_thorax").tolist() == [2]  # 35 // 15
    assert visibility_bins.visible_bins(xy, visible, "evaluated").tolist() == [2]  # 30 // 14
    assert visibility_bins.visible_bins(*people([16]), "evaluated").tolist() == [4]
    assert visibility_bins.visible_bins(*people([3], 3), "evaluated").tolist() == [
        1
    ]  # 15 // 14: slots, not annotations
    with pytest.raises(ValueError, match="denominator"):
        visibility_bins.visible_bins(xy, visible, "all")


def test_empty_flags_are_not_visible():
    xy, visible = people([16])
    visible[0, 4:] = np.nan
    assert visibility_bins.visible_bins(xy, visible).tolist() == [1]  # 4 of 16


def two_people_and_a_ghost():
    xy, visible = people([0, 16])
    ghost = xy[:1] + 500_000
    found = np.concatenate([xy, ghost])
    scores = np.full((3, 16), 0.5)
    scores[2] = 0.9
    truth = GroupTruth(xy, visible, np.array([BOX, BOX]), np.zeros((2, 2)), np.ones(2))
    return truth, mpii_metric.match_group(found, scores, xy, np.array([BOX, BOX]))


def test_variants_by_hand():
    truth, match = two_people_and_a_ghost()
    far = mpii_metric.match_group(np.zeros((0, 16, 2)), np.zeros((0, 16)), *(np.zeros(s) for s in ((0, 16, 2), (0, 4))))
    nobody = GroupTruth(*(np.zeros(s) for s in ((0, 16, 2), (0, 16), (0, 4), (0, 2), (0,))))
    assert match.assignment.tolist() == [0, 1, -1]
    means = {}
    for variant in visibility_bins.UNMATCHED:
        bins = visibility_bins.evaluate_bins([truth, nobody], [match, far], unmatched=variant)
        assert [b.people for b in bins] == [1, 0, 0, 0, 1]
        means[variant] = [b.mean for b in bins]
    # The ghost's higher score halves the precision wherever it counts: bins 0 and 4 have a person in its group.
    np.testing.assert_array_equal(means["A"], [100, np.nan, np.nan, np.nan, 100])
    np.testing.assert_array_equal(means["B"], [50, np.nan, np.nan, np.nan, 50])
    np.testing.assert_array_equal(means["C"], [50, np.nan, np.nan, np.nan, 50])
    with pytest.raises(ValueError, match="unmatched"):
        visibility_bins.evaluate_bins([truth], [match], unmatched="D")


def test_c_adds_unmatched_predictions_of_other_groups():
    first, match = two_people_and_a_ghost()
    xy, visible = people([8])
    second = GroupTruth(xy, visible, np.array([BOX]), np.zeros((1, 2)), np.ones(1))
    alone = mpii_metric.match_group(xy, np.full((1, 16), 0.5), xy, np.array([BOX]))
    b, c = (visibility_bins.evaluate_bins([first, second], [match, alone], unmatched=v)[2].mean for v in "BC")
    assert (b, c) == (100, 50)


def test_joints_without_positives_are_left_out_of_the_mean():
    xy, visible = people([2], annotated=3)
    truth = GroupTruth(xy, visible, np.array([BOX]), np.zeros((1, 2)), np.ones(1))
    found, scores = people([16])[0], np.full((1, 16), 0.5)
    bins = visibility_bins.evaluate_bins([truth], [mpii_metric.match_group(found, scores, xy, np.array([BOX]))])
    assert bins[3].mean == 100 and np.isnan(bins[3].ap).sum() == 11 and bins[3].n_gt.sum() == 3


@pytest.mark.parametrize("form", ["json", "mat"])
def test_reference_numbers_of_the_350_groups(shared_data, form):
    vectors = shared_data / "eval_vectors"
    source = str(vectors / f"inputs_{form}" / f"r01_real_ppn_val350.{form}")
    truth, found = read_groups(source, source)
    matches = mpii_summary.match_groups(truth, found)
    expected = json.loads((vectors / "expected" / "r01_fig6_bins_prototype.json").read_text())
    compared = 0
    for title, want in expected.items():
        if title.startswith("_"):
            continue
        denominator = "annotated" if "annotated" in title else "without_thorax"
        bins = visibility_bins.evaluate_bins(truth, matches, denominator, title[-1])
        assert [b.people for b in bins] == want["persons"]
        assert [b.n_gt.tolist() for b in bins] == want["n_gt"]
        np.testing.assert_allclose([b.mean for b in bins], want["mAP"], rtol=0, atol=1e-9)
        compared += 1
    assert compared == 6
