"""The study: which runs in which order, their commands, its pages, and the whole pipeline at smoke size."""

import dataclasses
from pathlib import Path

import pytest

from eval.study import __main__ as study
from eval.study import plan, score_files, stages
from eval.study import results as study_results
from eval.study.layers import STANDIN, Part
from eval.study.page import report
from eval.study.plan import Run, planned_runs
from eval.study.sources import Photographs, Sources, sources_of
from eval.study.stages import Study
from openpose_tf.common import files
from openpose_tf.common.errors import UserError
from openpose_tf.data.annotations import splits
from openpose_tf.data.records.writer import RecordWriter
from tests.eval.study.made_up import result, teacher
from tests.support.checkout import ROOT
from tests.support.commands import run_command
from tests.support.small_records import person_sample

SMALL = plan.SIZES["small"]
COUNTS = (250, 1000, 4000)


def names(*arguments):
    return [run.name for run in planned_runs(*arguments)]


def test_the_figure_comes_first_then_the_tables_then_the_oracles_then_other_teachers():
    runs = names([], [], COUNTS, [], True)
    assert runs[:5] == [f"{row.name}-n250-seed0" for row in plan.FIGURE_ROWS] + ["r0_real-n1000-seed0"]
    assert runs[12] == "r0_real-n250-seed1"
    assert runs[24:26] == ["r0_real_long-n1000-seed0", "real-n1000-seed0"]
    assert len(runs) == 24 + 3 * (1 + 9) + 3 * 2 + 5 * 2 + 1 * 2 == len(set(runs))
    assert runs[-3:] == ["samples_weighted-n1000-seed1", "real_frozen-n1000-seed0", "real_frozen-n1000-seed1"]


def test_rows_sizes_and_seeds_choose():
    assert names(["s_real", "r0_real"], ["3"], COUNTS, [250], True) == ["r0_real-n250-seed3", "s_real-n250-seed3"]
    assert names(["oracle"], ["0"], COUNTS, [], True)[:2] == ["r0_real_long-n1000-seed0", "uniform_c-n1000-seed0"]
    assert names(["r0_real_long"], ["0"], COUNTS, [], True) == ["r0_real_long-n1000-seed0"]
    without = names([], [], COUNTS, [], False)
    assert not [name for name in without if "mixed" in name or "style" in name] and "teacher_md-n1000-seed2" in without
    for rows, seeds in ((["reel"], ["0"]), (["real"], ["-1"])):
        with pytest.raises(UserError, match=r"--rows|--seeds"):
            planned_runs(rows, seeds, COUNTS, [], True)


def test_where_fewer_photographs_exist_all_are_taken_once():
    assert plan.available_counts(COUNTS, 1000) == (250, 1000)
    assert plan.available_counts((4000, 1000), 500) == (500,)
    assert plan.table_count((250, 1000)) == 250 and plan.table_count(COUNTS) == 1000


def test_only_runs_without_a_result_are_made_and_lost_starts_again(tmp_path):
    made = Study(tmp_path / "w", Path("study"), tmp_path / "starts", SMALL)
    runs = planned_runs(["real", "synthetic"], ["0"], COUNTS, [], True)
    assert [run.row.name for run in runs] == ["r0_real_long", "real", "synthetic"]
    for name in ("r0_real_long", "synthetic"):
        (tmp_path / f"{name}-n1000-seed0.json.gz").write_text("a result")
    assert [run.row.name for run in study.still_to_run(runs, made, tmp_path)] == ["r0_real_long", "real"]
    made.start_dir.mkdir()
    (made.start_dir / "r0_real_long-n1000-seed0.npz").write_text("weights")
    assert [run.row.name for run in study.still_to_run(runs, made, tmp_path)] == ["real"]


def test_after_two_marks_half_synthetic_rows_have_seen_as_many_real_crops():
    by_name = plan.BY_NAME
    assert by_name["s_real"].marks(SMALL) == (SMALL.steps, 2 * SMALL.steps)
    assert by_name["r0_real_long"].marks(SMALL) == (SMALL.start_steps + 2 * SMALL.steps,)
    assert SMALL.steps % SMALL.checkpoint_every == SMALL.start_steps % SMALL.checkpoint_every == 0


@pytest.mark.parametrize("row", [*plan.ALL_ROWS, plan.RENDERED_ONLY], ids=lambda row: row.name)
def test_each_row_trains_on_its_data_with_its_settings(row):
    made = Study(Path("w"), Path("study"), Path("s"), SMALL)
    text = (ROOT / "study" / f"{row.settings or row.name}.flags").read_text()
    assert "--flagfile=study/common.flags" in text and text.startswith("# Paper (arXiv 1908.00967)")
    assert ("--masked_synthetic_loss" in text) == row.name.endswith("masks")
    assert ("--grouping=" in text) == (row.command == plan.WITH_TEACHER)
    assert ("--batch_norm" in text) == (row.start == plan.RANDOM)
    if row is plan.RENDERED_ONLY:
        command = stages.start_stages(made)[0].command
        assert "--synthetic_records=w/records/synthetic" in command and not [f for f in command if "real" in f]
        return
    run = Run(row, 1000, 3)
    command = stages.run_stages(made, run)[0].command
    assert command[0] == row.command and "--seed=3" in command
    assert ("--real_records=w/draws/n1000-seed3/real" in command) == row.real
    where = {"synthetic": "w/records/synthetic", "mixed": "w/draws/n1000-seed3/mixed", None: ""}
    where["style"] = "w/draws/n1000-seed3/style"
    assert (f"--synthetic_records={where[row.synthetic]}" in command) == bool(row.synthetic)
    starts = {
        "random": None,
        "rendered_only": "study/starts/rendered_only.npz",
        "r0_real_long": "s/r0_real_long-n1000-seed3.npz",
    }
    assert (f"--init_checkpoint={starts[row.start]}" in command) == (row.start != plan.RANDOM)
    assert set(row.flags) <= set(command)


def test_the_rendered_only_student_beside_the_flagfiles_saves_its_training_at_full_size(tmp_path):
    made = Study(tmp_path, tmp_path / "study", tmp_path / "own", SMALL)
    given, own = tmp_path / "study" / "starts" / "rendered_only.npz", tmp_path / "own" / "rendered_only.npz"
    assert made.rendered_only == own
    files.write_bytes(given, b"weights")
    assert made.rendered_only == given
    assert dataclasses.replace(made, size=plan.SIZES["smoke"]).rendered_only == own
    files.write_bytes(own, b"weights")
    assert made.rendered_only == own


def test_a_mark_is_scored_as_the_mean_of_the_last_checkpoints():
    made = Study(Path("w"), Path("study"), Path("s"), SMALL)
    run = Run(plan.BY_NAME["s_real"], 250, 0)
    exports = [stage.command for stage in stages.run_stages(made, run) if stage.name.startswith("export")]
    last = 2 * SMALL.steps
    assert ",".join(f"w/runs/s_real-n250-seed0/model/ckpt-{step}" for step in (last - 200, last - 100, last)) in (
        exports[1][1].removeprefix("--checkpoint=")
    )


def test_rendered_people_stand_before_the_user_s_own_photographs():
    behind = tuple(Photographs(f"{name}/images", f"{name}.json", "coco", "boxes.json") for name in "ab")
    style, plain = (Run(plan.BY_NAME[name], 250, 0) for name in ("real_style", "real_mixed"))
    parts = (Part(0, 0, ("x",)), Part(1, 0, ("y",)), Part(1, 1, ("z",)))
    given = Sources(("ra", "rb"), behind, ("v",))
    made = Study(Path("w"), Path("study"), Path("s"), SMALL, given, counts=(250, 500), parts=parts)
    commands = {stage.name: stage.command for stage in stages.data_stages(made)}
    assert "render_standin" not in commands and "records_standin" not in commands
    commands = {stage.name: stage.command for stage in stages.mixed_stages(made, style)}
    own = commands["render_mixed_1_0"]
    assert {"--images=b/images", "--annotations=b.json", "--people_boxes=boxes.json"} <= set(own)
    assert "--include_list=w/photographs_1_0.txt" in own
    assert "--input_dir=w/images/mixed_0_0" in commands["render_style_0_0"] and "render_mixed_1_1" not in commands
    assert [stage.name for stage in stages.mixed_stages(made, plain)][::2] == ["render_mixed_0_0", "render_mixed_1_0"]
    assert len(stages.mixed_stages(made, Run(style.row, 500, 0))) == len(
        stages.mixed_stages(made, Run(style.row, 250, 9))
    )
    assert stages.mixed_stages(made, Run(plan.BY_NAME["real"], 250, 0)) == []
    seeds = {
        flag for stage in stages.mixed_stages(made, Run(plain.row, 500, 0)) for flag in stage.command if "seed" in flag
    }
    assert len(seeds) == 3
    assert [stage.name for stage in stages.model_stages(made, [plain, style])] == ["models"]
    standin = dataclasses.replace(made, sources=Sources())
    assert [stage.name for stage in stages.mixed_stages(dataclasses.replace(standin, parts=STANDIN), style)] == [
        *("render_mixed", "records_mixed", "render_style", "records_style")
    ]
    assert stages.model_stages(made, [plain]) == stages.model_stages(standin, [style]) == []
    assert "--records=ra,rb" in stages.draw_stage(made, Run(plan.BY_NAME["real"], 250, 0)).command


def test_a_draw_takes_the_images_of_d_m_that_have_a_record(tmp_path):
    parts = (Part(0, 0, ("p0", "p1", "p2")), Part(0, 1, ("p3",)), Part(1, 0, ("q0",)))
    made = Study(tmp_path, Path("study"), Path("s"), SMALL, Sources(("ra", "rb"), (), ("v",)), "float32", (2, 4), parts)
    for part in parts:
        with RecordWriter(made.records(part.name("mixed")), "mixed", "train", 1) as writer:
            for number in (0, 1):
                writer.add(dataclasses.replace(person_sample(number, True), image_id=f"{number:06d}"))
        behind = "".join(f'{{"image_id": "{one}"}}\n' for one in part.ids)
        files.write_bytes(made.images(part.name("mixed")) / stages.PHOTOGRAPH_LIST, behind.encode())
    run = Run(plan.BY_NAME["real_mixed"], 4, 0)
    for number, drawn in enumerate((["p1", "p2", "p3"], ["q9"])):
        splits.write_list(made.draw(run) / "real" / stages.LIST_NAME.format(number), drawn, "drawn")
    command = stages.draw_mixed_stage(made, run).command
    lists = [tmp_path / "draws" / "n4-seed0" / f"mixed_0_{layer}.txt" for layer in (0, 1)]
    assert f"--image_ids={lists[0]},{lists[1]}" in command
    assert [splits.read_list(path) for path in lists] == [["000001"], ["000000"]]  # p2 has no record, q0 is not drawn
    splits.write_list(made.draw(run) / "real" / stages.LIST_NAME.format(0), ["p2"], "drawn")
    with pytest.raises(UserError, match="no record of D_M"):
        stages.draw_mixed_stage(made, run)


def test_flags_that_do_not_belong_together_are_refused():
    for arguments, message in (
        ((["r"], [], [], [], ["coco"]), "needs --validation"),
        ((["r"], ["v"], ["p"], [], ["coco"]), "belong together"),
        ((["r", "q"], ["v"], ["p"], ["a"], ["coco"]), "give one each"),
        ((["r"], ["v"], ["p"], ["a"], ["coko"]), "--photograph_format=coko"),
        ((["r"], ["v"], ["p"], ["a"], ["coco"], ["b", "c"]), "--photograph_boxes"),
    ):
        with pytest.raises(UserError, match=message):
            sources_of(*arguments)
    only_scored = sources_of([], [], ["p"], ["a"], ["coco"])  # as ever: without records they are scored on
    assert only_scored.is_standin and only_scored.scored == Photographs("p", "a")


def test_results_of_other_data_are_not_mixed(tmp_path):
    there = [result("real", 0, [14])]
    shared = there[0].values["settings"]
    study_results.check_settings(there, shared, tmp_path)
    other = shared | {"validation": {"standin": "another"}}
    with pytest.raises(UserError, match="was made with validation") as told:  # not precision, which a flag allows
        study_results.check_settings(there, other | {"precision": "bfloat16"}, tmp_path)
    assert "--allow_other_settings" not in str(told.value)
    for changed in (shared | {"precision": "bfloat16"}, shared | {"real": [["lsp", "1"]]}, other):
        with pytest.raises(UserError, match=r"real-n1000-seed0\.json\.gz was made with"):
            study_results.check_settings(there, changed, tmp_path)
    there = [result("real", 0, [14], real=[["lsp", "1"], ["coco", "2"]])]
    shared = there[0].values["settings"]
    again = shared | {"precision": "bfloat16", "real": [["lsp", "3"], ["coco", "4"]]}  # elsewhere, records made again
    with pytest.raises(UserError, match="--allow_other_settings"):
        study_results.check_settings(there, again, tmp_path)
    study_results.check_settings(there, again, tmp_path, allow_other=True)
    for changed in (
        shared | {"real": [["lsp", "1"]]},
        shared | {"real": "stand-in"},
        other,
        shared | {"size": {"T": 1}},
    ):
        with pytest.raises(UserError, match="was made with"):
            study_results.check_settings(there, changed, tmp_path, allow_other=True)


def test_the_page_says_which_runs_have_other_settings(tmp_path):
    results = [result(row, seed, [4, 6]) for row in ("real", "synthetic") for seed in (0, 1)]
    report.write(results, tmp_path)
    assert "same precision" not in (tmp_path / "RESULTS.md").read_text()
    report.write([*results, result("real", 2, [4, 6], precision="bfloat16", real=[["lsp", "12ab"]])], tmp_path)
    text = (tmp_path / "RESULTS.md").read_text()
    assert "* bfloat16, lsp 12ab: real (N = 1000, seed 2)" in text
    assert "* float32, stand-in: all others" in text


def test_wrong_input_ends_before_anything_is_rendered(tmp_path):
    command = ["eval.study", f"--work_dir={tmp_path / 'w'}", f"--output_dir={tmp_path / 'o'}", "--size=smoke"]
    missing = f"--real_records={tmp_path / 'no'}"
    assert "--validation" in run_command(*command, missing, code=2).stderr
    (tmp_path / "v").mkdir()
    stderr = run_command(*command, missing, f"--validation={tmp_path / 'v'}", code=2).stderr
    assert "annotations.json" in stderr
    assert not (tmp_path / "w" / "images").exists()


def test_results_of_other_data_are_not_taken_for_ones_own_where_nothing_is_left_to_run(tmp_path):
    work = tmp_path / "work"
    write_result(work / "results", result("r0_real", 0, [14, 3], 3))
    flags = ("--size=smoke", "--rows=r0_real", "--sizes=3", "--seeds=0", f"--work_dir={work}")
    assert "r0_real-n3-seed0.json.gz was made with size" in run_command("eval.study", *flags, code=2).stderr
    assert not (work / "RESULTS.md").exists()


def test_the_page_tells_every_part(tmp_path):
    rows = {"r0_real": [0, 2, 4], "s_real": [10, 12, 13]}
    results = [result(row, s, hits, n) for n in (250, 1000) for row, hits in rows.items() for s in (0, 1)]
    rows = {"real": [14, 14, 0], "real_synthetic": [14, 0, 0], "uniform_c": [0, 0, 0], "r0_real_long": [3, 3, 3]}
    results += [result(row, 0, hits) for row, hits in rows.items()]
    results.append(result("teacher_c", 0, [14, 14, 14], made_by=teacher()))
    report.write(results, tmp_path)
    text = (tmp_path / "RESULTS.md").read_text()
    for heading in (
        *("What this design can see", "The figure: N photographs", "Tables 1 to 3", "In plain words", "What shows"),
        *(
            "What has not been run",
            "The teacher",
            "Could any choice",
            "What to do with your N photographs",
            "More photographs",
        ),
        *("number of people in the image", "Fig. 6", "camera pitch", "Learning curves", "Held-out rendered sets"),
    ):
        assert heading in text, heading
    assert "* pre-training on rendered people helps (equal steps on real crops, N = 250): shows" in text
    assert (
        "**N = 250**\n\n* start from a student of rendered people instead of random numbers: **do** (equal steps"
        in text
    )
    assert "| M_DR, here, 1 seed |" in text and "| M_DR, paper | 91.3 |" in text
    assert "| M_DS, paper (not run here) |" in text
    power = text.partition("What this design can see")[2].partition("## ")[0]
    assert "| standin | 2 |" in power and "| standin | 3 |" in power and "| synthetic" not in power
    assert "standin has no joints of" not in text  # it has head boxes: the paper's own metric
    assert "synthetic (all)" in text.partition("Not run:")[2]
    assert (
        "the largest probability was higher in the first quarter than in the last, by 0.05 at least, in 1 of 1 runs"
        in text
    )
    for name in ("figure.png", "teacher.png", "learning.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_a_page_names_the_joints_that_its_total_leaves_out(tmp_path):
    """PCK asks about annotated joints only; the paper's total holds the head."""
    made = result("real", 0, [14, 3], mpii=False)
    report.write([made], tmp_path)
    assert "has no joints of" not in (tmp_path / "RESULTS.md").read_text()
    unnamed = {"head_top": "other", "neck": "another"}
    sets = {
        name: {
            mark: dataclasses.replace(one, joints=tuple(unnamed.get(joint, joint) for joint in one.joints))
            for mark, one in marks.items()
        }
        for name, marks in made.sets.items()
    }
    report.write([dataclasses.replace(made, sets=sets)], tmp_path)
    assert "standin has no joints of Head: total here leaves out" in (tmp_path / "RESULTS.md").read_text()


def test_a_page_of_one_run_says_that_nothing_can_be_told(tmp_path):
    report.write([result("s_real", 0, [14, 3], 250)], tmp_path)
    text = (tmp_path / "RESULTS.md").read_text()
    assert "Not known yet: it is simulated from two runs" in text
    assert "s_real (N = 250 seed 1, N = 1000 seed 0, N = 1000 seed 1)" in text.partition("Not run:")[2]
    assert "What shows" not in text and "## The teacher\n\nNot run." in text
    assert "N = 250, standin)\n\nNot run." in text and "paper (not run here)" not in text


def test_a_page_without_runs_of_the_tables_n_has_no_empty_parts(tmp_path):
    report.write([result("s_real", 0, [14, 3], 1000)], tmp_path)
    text = (tmp_path / "RESULTS.md").read_text()
    assert "Learning curves" not in text and "Fig. 6" not in text and "camera pitch, held-out" not in text
    assert not (tmp_path / "learning.png").exists()
    parts = text.split("\n## ")
    assert all(part.partition("\n")[2].strip() for part in parts[1:])


def test_results_that_are_not_packed_are_not_made_again(tmp_path):
    (tmp_path / "s_real-n250-seed0.json").write_text("{}")
    with pytest.raises(UserError, match=r"s_real-n250-seed0\.json: results are packed now; keep them by `gzip"):
        study_results.read_results(tmp_path)


def write_result(folder, one):
    """Writes a result into its file and returns the path."""
    values = dict(one.values) | {"format": study_results.FORMAT, "row": one.row, "count": one.count, "seed": one.seed}
    values["sets"] = {name: score_files.to_json(marks) for name, marks in one.sets.items()}
    path = study_results.path_of(folder, Run(plan.BY_NAME[one.row], one.count, one.seed))
    files.write_json(path, values)
    return path


def test_results_come_back_from_their_files(tmp_path):
    before = result("s_real", 4, [14, 3], 250, mpii=False)
    path = write_result(tmp_path, before)
    back = study_results.read_results(tmp_path)[0]
    assert dataclasses.replace(back, sets={}, values={}) == dataclasses.replace(before, sets={}, values={})
    files.write_json(path, {})
    with pytest.raises(UserError, match=r"is not a result of eval\.study"):
        study_results.read_result(path)


@pytest.mark.slow
@pytest.mark.blender
@pytest.mark.timeout(1500)
def test_the_whole_pipeline_at_smoke_size(tmp_path):
    command = ["eval.study", "--size=smoke", "--seeds=0", "--sizes=3", f"--work_dir={tmp_path / 'work'}"]
    command += ["--rows=s_real_mixed_masks,real_style_masks,easiest_c"]
    run_command(*command, timeout=1400)
    results = study_results.read_results(tmp_path / "work" / "results")
    assert {r.row for r in results} == {"s_real_mixed_masks", "r0_real_long", "real_style_masks", "easiest_c"}
    taught = next(r for r in results if r.row == "easiest_c")
    assert taught.marks == (4, 8) and taught.values["teacher"]["decisions"] >= 3
    assert len(taught.sets["standin"][8].oks) == 3
    assert sorted(p.name for p in (tmp_path / "work" / "starts").iterdir()) == [
        "r0_real_long-n3-seed0.npz",
        "rendered_only.npz",
    ]
    assert "## The teacher" in (tmp_path / "work" / "RESULTS.md").read_text()
    assert "0 runs of this call" in run_command(*command, timeout=100).stdout
