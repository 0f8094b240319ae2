"""The study's numbers by hand: means, pairs, parts of a set, and what an interval says in words."""

import numpy as np
import pytest

from eval.study.page import findings
from eval.study.page.findings import Finding
from eval.study.page.numbers import FIRST, LAST, MPII_AP, OKS_AP, PCK, Cell, Numbers
from tests.eval.study.made_up import result

BOTH = Finding("it helps", "real", "real_synthetic")


def test_pck_is_the_share_of_joints_and_ap_counts_people():
    """14, 7 and no joint of 14; OKS hits all thresholds for 14, three of ten for 7, none for 0."""
    known = Numbers([result("real", 0, [14, 7, None])], num_draws=10)
    cell = Cell("real", 1000)
    assert known.spread(cell, "standin", PCK)[0] == pytest.approx(50.0)
    ap = np.mean([(67 if threshold < 3 else 34) / 101 for threshold in range(10)])
    # At the thresholds where only one of two equal scores is right, it stands first.
    assert known.spread(cell, "standin", OKS_AP)[0] == pytest.approx(100 * ap)
    assert 0 < known.spread(cell, "standin", MPII_AP)[0] < 100


def test_means_are_over_seeds_and_marks_are_told_apart():
    known = Numbers([result("real", 0, [14, 14], first=[7, 7]), result("real", 1, [14, None], first=[0, 0])], 10)
    assert known.spread(Cell("real", 1000, LAST), "standin", PCK) == pytest.approx((75.0, np.std([50, 100], ddof=1)))
    assert known.spread(Cell("real", 1000, FIRST), "standin", PCK)[0] == pytest.approx(25.0)
    assert known.estimate(Cell("real", 250), "standin", PCK) is None


@pytest.mark.parametrize("metric", [PCK, OKS_AP, MPII_AP])
def test_differences_are_paired_over_images_and_seeds(metric):
    hits, better = [14] * 10 + [None] * 10, [14] * 15 + [None] * 5
    results = [result(row, s, h) for row, h in (("real", hits), ("real_synthetic", better)) for s in (0, 1)]
    known = Numbers(results, 300)
    estimate = BOTH.estimate(known, 1000, "standin", metric)
    # COCO reads precision at 101 recalls: 51 of them up to 0.5, 76 up to 0.75.
    assert estimate.value == pytest.approx(100 * 25 / 101 if metric == OKS_AP else 25.0)
    assert 0 < estimate.low < 25 < estimate.high < 50
    assert findings.verdict(BOTH, estimate) == findings.SHOWS
    backwards = Finding("", "real_synthetic", "real")
    assert findings.verdict(backwards, backwards.estimate(known, 1000, "standin", metric)) == findings.OPPOSITE
    same = Finding("", "real", "real").estimate(known, 1000, "standin", metric)
    assert (same.low, same.value, same.high) == (0, 0, 0)
    assert findings.verdict(BOTH, same) == findings.UNDECIDED
    assert findings.in_words(BOTH, estimate, metric).startswith("shows: +2")


def test_equal_real_crops_compares_after_t_with_after_twice_t():
    results = [result("real", 0, [14, 14], first=[7, 7]), result("real_synthetic", 0, [14, 14], first=[0, 0])]
    known = Numbers(results, 10)
    values = {f.fairness: f.estimate(known, 1000, "standin", PCK).value for f in findings.PAPER[1:3]}
    assert values == {"equal steps on real crops": 50.0, "equal steps after the start": 0.0}


def test_runs_without_a_seed_in_common_are_not_compared():
    known = Numbers([result("real", 0, [14]), result("real_synthetic", 1, [14])], 10)
    assert BOTH.estimate(known, 1000, "standin", PCK) is None
    assert findings.in_words(BOTH, None, PCK) == findings.NOT_RUN


def test_only_runs_of_equal_precision_and_records_are_compared():
    """A machine that trains otherwise adds seeds; what it does otherwise must not pass for a difference of rows."""
    cells = Cell("real", 1000), Cell("synthetic", 1000)
    before = [result("real", 0, [2, 4]), result("real", 1, [8, 8]), result("synthetic", 0, [4, 6])]
    alike = Numbers([*before, result("synthetic", 1, [9, 9])], 10)
    assert alike.common_seeds(*cells) == [0, 1]
    assert alike.difference(*cells, "standin", PCK).value == pytest.approx(100 * 1.5 / 14)
    assert alike.pilots("standin") == list(cells)  # of both two runs that differ by their seed
    for other in ({"precision": "bfloat16"}, {"real": [["lsp", "2"]]}):
        known = Numbers([*before, result("synthetic", 1, [9, 9], **other)], 10)
        assert known.common_seeds(*cells) == [0]
        assert known.difference(*cells, "standin", PCK).value == pytest.approx(100 * 2 / 14)
        assert known.pilots("standin") == [cells[0]]  # the others differ by more than their seed
        assert known.spread(cells[1], "standin", PCK)[0] == pytest.approx(100 * 7 / 14)  # means hold both


def test_parts_of_a_set():
    known = Numbers([result("real", 0, [14, 14, 0, None])], 10)  # pitch 0, 15, 30, 45; bins 0 to 3; one person each
    cell = Cell("real", 1000)
    counts, means = known.by_pitch(cell, "synthetic")
    assert counts == [1, 1, 2] and means == [100.0, 100.0, 0.0]
    people, means = known.by_visibility(cell, "standin")
    assert people == [1, 1, 1, 1, 0] and means[:4] == [100.0, 100.0, 0.0, 0.0]
    images, means = known.by_people(cell, "standin")
    assert images == [4, 0, 0] and means[0] == pytest.approx(100 * 51 / 101) and np.isnan(means[1:]).all()


def test_without_head_boxes_columns_and_visibility_are_pck():
    known = Numbers([result("real", 0, [14, 2], mpii=False)], 10)  # the first two parts are head top and neck
    assert not known.has(MPII_AP, "standin")
    columns = [mean for mean, _ in known.columns(Cell("real", 1000), "standin")]
    assert columns == [100.0, *[50.0] * 6]
    people, means = known.by_visibility(Cell("real", 1000), "standin")  # all are half visible
    assert people == [0, 0, 2, 0, 0] and means[2] == pytest.approx(100 * 16 / 28)


def test_advice_names_what_shows_at_each_n():
    rows = {"r0_real": [1] * 9, "s_real": [12] * 9, "s_real_synthetic": [12] * 9}
    lines = findings.advice(
        Numbers([result(row, 0, hits, 250) for row, hits in rows.items()], 50), [250], "standin", PCK
    )
    assert lines[1] == "**N = 250**"
    assert lines[3].startswith(
        "* start from a student of rendered people instead of random numbers: **do** (equal steps on real crops; "
        "shows: +78.6 PCK"
    )
    assert lines[4].startswith("* put D_S into half of each batch: **try, and compare** (equal steps on real crops; ")
    assert lines[4].count("**try, and compare**") == 2 and lines[4].endswith("PCK fits)")  # both ways of equal steps
    assert len(lines) == 5  # what was not run is not advised
