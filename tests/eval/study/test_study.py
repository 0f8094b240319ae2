"""The study: its numbers by hand, its files there and back, its flagfiles, and the whole road at smoke size."""

import json
from pathlib import Path

import numpy as np
import pytest

from eval.metrics.mpii import Match, evaluate
from eval.study import __main__ as study
from eval.study import numbers, report
from eval.study import plan as study_plan
from eval.study import results as study_results
from eval.study.numbers import Finding
from eval.study.results import StudyResult, ValidationSet
from openpose_tf.common.errors import UserError
from tests.support.checkout import ROOT
from tests.support.commands import run_command

CURVE = {"steps": [10, 20], "loss_real": [9.0, 8.0], "loss_synthetic": [None, None]}


def picture(hits, score=0.9):
    """One person with all 14 joints annotated, found with `hits` of them right; none found for None."""
    annotated = np.ones((1, 14), bool)
    if hits is None:
        return Match(np.zeros(0, int), np.zeros((0, 14), bool), np.zeros((0, 14)), annotated)
    return Match(np.zeros(1, int), np.arange(14)[None] < hits, np.full((1, 14), score), annotated)


def result(row, seed, hits, teacher=None):
    matches = [picture(h) for h in hits]
    scored = ValidationSet(
        matches, [np.array([i % 5]) for i in range(len(hits))], np.linspace(0, 45, len(hits)).astype(float)
    )
    values = {
        "oks_photographs": None,
        "teacher": teacher,
        "seconds": {"train": 60.0},
        "commit": "abc",
        "machine": "m",
        "precision": "float32",
        "curve": CURVE,
    }
    return StudyResult(row, seed, dict.fromkeys(study_plan.SETS, scored), values)


def test_scores_are_means_over_seeds_and_misses_count():
    """Seed 0 finds all of two people, seed 1 one of them: AP 100 and 50 for every joint."""
    results = [result("real", 0, [14, 14]), result("real", 1, [14, None])]
    row = numbers.table_row(results, "standin")
    assert row == [pytest.approx((75.0, np.std([50, 100], ddof=1)))] * 8
    people, means = numbers.visibility(results, "standin")
    assert people == [1, 1, 0, 0, 0]
    assert means[:2] == [100.0, 50.0] and np.isnan(means[2:]).all()


def test_pictures_are_told_apart_by_pitch():
    results = [result("real", 0, [14, 14, 0, None])]  # pitch 0, 15, 30, 45
    counts, means = numbers.pitch(results, "synthetic")
    assert counts == [1, 1, 2]
    assert means == [100.0, 100.0, 0.0]


def test_differences_are_paired_over_pictures_and_seeds():
    hits = [14] * 10 + [None] * 10
    better = [14] * 15 + [None] * 5
    rows = numbers.by_row(
        [result("real", s, hits) for s in (0, 1)] + [result("real_synthetic", s, better) for s in (0, 1)]
    )
    finding = Finding("", "real", "real_synthetic", 0.7)
    estimate = numbers.difference(rows, finding, "standin")
    assert estimate.value == pytest.approx(25.0)
    assert 0 < estimate.low < 25 < estimate.high < 50
    assert numbers.verdict(finding, estimate) == "shows"
    backwards = numbers.difference(rows, Finding("", "real_synthetic", "real", 0.7), "standin")
    assert backwards.value == pytest.approx(-25.0)
    assert numbers.verdict(finding, backwards) == "the opposite shows"
    same = numbers.difference(rows, Finding("", "real", "real", 0.7), "standin")
    assert (same.low, same.value, same.high) == (0, 0, 0)
    assert numbers.verdict(finding, same).startswith("cannot tell")


def test_rows_without_a_seed_in_common_are_not_compared():
    rows = numbers.by_row([result("real", 0, [14]), result("synthetic", 1, [14])])
    finding = numbers.FINDINGS[0]
    assert numbers.difference(rows, finding, "standin") is None
    assert numbers.verdict(finding, None) == "not run"


def test_concentration_over_quarters():
    probabilities = [[1.0, 0.0]] * 2 + [[0.75, 0.25]] * 2 + [[0.5, 0.5]] * 4
    assert numbers.concentration(probabilities) == [1.0, 0.75, 0.5, 0.5]


def test_a_teacher_that_offers_harder_groups_more_often_is_seen():
    """Losses fall by 1 a window; group 2 is 3 harder than group 1, group 1 is 3 harder than group 0."""
    groups = np.random.default_rng(0).integers(0, 3, 300)
    rows = [{"judged_group": int(g), "loss": float(400 - n + 3 * g)} for n, g in enumerate(groups)]
    excess = study_results._excess_losses(rows, 4)
    assert excess[3] is None
    assert np.diff(excess[:3]) == pytest.approx([3, 3], abs=0.5)
    for probabilities, expected in (
        ([0.1, 0.3, 0.6, 0.0], 1.0),
        ([0.6, 0.3, 0.1, 0.0], -1.0),
        ([0.25] * 4, float("nan")),
    ):
        teacher = {"excess_loss": excess, "probabilities": [probabilities] * 2}
        assert numbers.harder_is_likelier(teacher) == pytest.approx(expected, nan_ok=True)


def test_curves_are_means_of_parts_and_know_missing_halves(tmp_path):
    rows = [{"step": n, "loss_real": float(n), "loss_synthetic": None} for n in range(1, 81)]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    curve = study_results._curve(tmp_path)
    assert curve["steps"] == list(range(2, 81, 2))
    assert curve["loss_real"] == [n + 0.5 for n in range(1, 80, 2)]
    assert curve["loss_synthetic"] == [None] * 40


def test_a_validation_set_comes_back_from_its_file():
    rng = np.random.default_rng(0)
    scores = np.round(rng.uniform(size=(3, 14)), 5)
    scores[rng.uniform(size=scores.shape) < 0.3] = np.nan
    match = Match(np.array([1, -1, 0]), rng.uniform(size=(3, 14)) < 0.5, scores, rng.uniform(size=(2, 14)) < 0.8)
    scored = ValidationSet([match, picture(None)], [np.array([0, 4]), np.array([-1])], np.array([3.25, 44.5]))
    back = study_results._read_set(json.loads(json.dumps(study_results._plain(scored))))
    for ours, theirs in zip(back.matches, scored.matches, strict=True):
        for name in ("assignment", "labels", "scores", "annotated"):
            np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
    np.testing.assert_array_equal(np.concatenate(back.visible_bins), [0, 4, -1])
    np.testing.assert_array_equal(back.pitch_deg, scored.pitch_deg)
    np.testing.assert_array_equal(evaluate(back.matches, True).ap, evaluate(scored.matches, True).ap)


def test_only_runs_without_a_result_are_made(tmp_path):
    (tmp_path / "real-seed0.json").write_text("{}")
    todo = study.which_runs(["real", "teacher_c"], ["0", "1"], tmp_path)
    assert [(row.name, seed) for row, seed in todo] == [("teacher_c", 0), ("real", 1), ("teacher_c", 1)]
    oracle = study.which_runs(["oracle", "real"], ["1"], tmp_path)
    assert [row.name for row, _ in oracle] == ["real", *(row.name for row in study_plan.ORACLE_ROWS)]
    for rows, seeds in ((["reel"], ["0"]), (["real"], ["-1"])):
        with pytest.raises(UserError, match=r"--rows|--seeds"):
            study.which_runs(rows, seeds, tmp_path)


def test_a_table_of_two_precisions_is_refused(tmp_path):
    results = [result("real", 0, [14]), result("real", 1, [14])]
    study_results.check_precision(results, "float32", tmp_path)
    with pytest.raises(UserError, match=r"real-seed0\.json was trained in float32, .* in bfloat16: give --precision"):
        study_results.check_precision(results, "bfloat16", tmp_path)


@pytest.mark.parametrize("row", [*study_plan.ROWS, *study_plan.STARTS], ids=lambda row: row.name)
def test_each_row_has_a_flagfile_and_the_paper_s_data(row):
    text = (ROOT / "study" / f"{row.name}.flags").read_text()
    assert text.startswith("# Paper (arXiv 1908.00967)")
    assert "--flagfile=study/common.flags" in text
    assert ("--masked_synthetic_loss" in text) == row.name.endswith("masks")
    assert ("--grouping=" in text) == (row.command == study_plan.WITH_TEACHER)
    plan = study_plan.Study(Path("w"), Path("study"), Path("s"), study_plan.SIZES["small"])
    train = study_plan.row_stages(plan, row, 3)[0].command
    assert (f"--real_records={Path('w/records/standin')}" in train) == row.real
    assert f"--init_checkpoint={Path('s') / ('start_real.npz' if row.real else 'start_synthetic.npz')}" in train
    assert "--seed=3" in train


def test_the_report_tells_every_part(tmp_path):
    teacher = {"probabilities": [[0.9, 0.1], [0.5, 0.5]], "steps": [10, 20], "picks": [1, 1], "rewarded": 1}
    teacher["excess_loss"] = [0.1, None]
    results = [result("real", 0, [14, 14]), result("teacher_c", 0, [14, None], teacher)]
    results += [result("real_synthetic", 0, [14, None]), result("always_c3", 0, [14, 14])]
    report.write(results, tmp_path)
    text = (tmp_path / "RESULTS.md").read_text()
    for heading in (
        "Held-out stand-in",
        "Held-out D_S",
        "What the paper found",
        "Fig. 6",
        "camera pitch",
        "teachers did",
        "Could any choice of groups help?",
        "Learning curves",
    ):
        assert heading in text
    assert "| real_synthetic - real | +0.7 | -50.0 [" in text and "] | 1 | " in text
    assert "| M_DR | 1 | 100.0 |" in text and "| teacher_C | 1 | 50.0 |" in text
    assert "Not run yet: synthetic, real_mixed" in text
    assert "Best here: always group 3 of C." in text
    assert "| always group 3 of C | 1 | 100.0 | +50.0 [" in text
    for name in ("teacher.png", "learning.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_oracle_rows_are_the_teacher_s_row_with_another_teacher():
    plan = study_plan.Study(Path("w"), Path("study"), Path("s"), study_plan.SIZES["small"])
    teacher_c = next(row for row in study_plan.ROWS if row.name == "teacher_c")
    whole = study_plan.row_stages(plan, teacher_c, 0)[0].command
    for row in study_plan.ORACLE_ROWS:
        mine = [part.replace(row.name, "teacher_c") for part in study_plan.row_stages(plan, row, 0)[0].command]
        assert [part for part in mine if part not in row.flags] == list(whole)
        assert row.flags[0].startswith("--teacher=")


@pytest.mark.slow
@pytest.mark.blender
@pytest.mark.timeout(900)
def test_the_whole_road_at_smoke_size(tmp_path):
    command = ["eval.study", "--size=smoke", "--seeds=0", f"--work_dir={tmp_path / 'work'}"]
    command += [f"--output_dir={tmp_path / 'study'}", "--rows=real_style_masks,teacher_c,always_c1"]
    run_command(*command, timeout=800)
    results = study_results.read_results(tmp_path / "study" / "results")
    assert [r.row for r in results] == ["always_c1", "real_style_masks", "teacher_c"]
    assert len(results[1].sets["standin"].matches) == 3 and results[2].values["teacher"]["decisions"] >= 3
    assert results[0].values["teacher"]["picks"][0] == 0
    assert "M_DR+DStyle+masks" in (tmp_path / "study" / "RESULTS.md").read_text()
    assert [p.name for p in (tmp_path / "study" / "starts").iterdir()] == ["start_real.npz"]
    assert "0 runs of this call" in run_command(*command, timeout=100).stdout
