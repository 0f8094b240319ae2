"""Finds out what synthetic people, mixed images and the teacher add to N photographs.

    python -m eval.study                       # on rendered people who stand in for photographs; no data needed
    python -m eval.study --real_records=runs/lsp,runs/coco --validation=lsp_test --photographs=lsp/images,coco/images \
        --photograph_annotations=lsp/coco.json,coco/coco.json
    python -m eval.study --rows=figure --sizes=250 --seeds=0      # a part of it
    python -m eval.study --report_only --output_dir=study         # RESULTS.md of the results that are there

First the figure (four ways to use N photographs, for three N), then the nine rows of the paper's Tables 1 to 3, then
oracles: could any choice of groups help? At last other teachers, and a control. Every finished run leaves one small
file in results/, which is all that the page needs: a run with a file there is never made again, also in another clone.
Ctrl-C stops; the same command resumes.
"""

import dataclasses
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from absl import flags, logging

from eval.study import plan, sources, stages, validation
from eval.study import results as study_results
from eval.study.page import report
from eval.study.plan import RENDERED, RENDERED_SETS, Run
from eval.study.sources import Sources
from eval.study.stages import Study
from eval.study.validation import ValidationSet
from openpose_tf.common import cli, files
from openpose_tf.common.errors import UserError
from openpose_tf.common.stages import Stage, StageLog, run_stages
from openpose_tf.config import Precision
from openpose_tf.data.annotations import splits

FIX = "remove it (it is made again from seeds) or choose another --work_dir"


def run(study: Study, todo: Sequence[Run], given: Sequence[ValidationSet], results_dir: Path) -> int:
    """Makes runs that have no result yet, and writes their results.

    Args:
        study: where and how much.
        todo: runs in order, a start before what goes on from it.
        given: the user's validation sets; the rendered ones come behind them.
        results_dir: folder of the results.

    Returns:
        0, or the exit code of the first stage that failed.
    """
    if not todo:
        return cli.EXIT_OK
    _write_mixed_lists(study)
    first = [*stages.model_stages(study, todo), *stages.data_stages(study)]
    code = _stages(first, study.work_dir)
    if code:
        return code
    rendered = [validation.open_set(study.images(f"validation_{name}"), name, study.work_dir) for name in RENDERED_SETS]
    sets = [*given, *rendered]
    for scored in sets:
        scored.copy_images(study.validation / scored.name)
    for number, one in enumerate(todo, 1):
        logging.info("study, run %d of %d: %s", number, len(todo), one.name)
        code = _prepare(study, one) or _run(study, one, sets, results_dir)
        if code:
            return code
    return cli.EXIT_OK


def _stages(todo: Sequence[Stage], folder: Path) -> int:
    return run_stages(todo, StageLog.open(folder / "stages.json", FIX))


def _write_mixed_lists(study: Study) -> None:
    """Writes the lists of photographs that people are rendered in front of."""
    files.writable_dir(study.work_dir)
    for part in study.parts:
        if part.ids:
            comment = f"photographs of {study.sources.real[part.number]}"
            splits.write_list(stages.mixed_list(study, part), part.ids, comment)


def _prepare(study: Study, one: Run) -> int:
    """Makes what a run needs and is not there: D_M or D_Style, its draw, the student that it starts from."""
    code = _stages(stages.mixed_stages(study, one), study.work_dir)
    if code:
        return code
    code = _stages([stages.draw_stage(study, one)], study.draw(one))
    if code == cli.EXIT_OK and one.row.needs_mixed:
        code = _stages([stages.draw_mixed_stage(study, one)], study.draw(one))
    if code == cli.EXIT_OK and one.row.start == RENDERED and not study.rendered_only.exists():
        code = _stages(stages.start_stages(study), study.work_dir / "runs" / RENDERED)
    return code


def _run(study: Study, one: Run, sets: Sequence[ValidationSet], results_dir: Path) -> int:
    """Makes one run, writes its result and deletes what nobody needs any more."""
    folder = study.run_dir(one)
    log = StageLog.open(folder / "stages.json", FIX)
    code = run_stages(stages.run_stages(study, one), log)
    if code:
        return code
    seconds = {name: stage["seconds"] for name, stage in log.rows.items()}
    path = study_results.path_of(results_dir, one)
    shared = study_results.settings(study, sets)
    files.write_json(path, study_results.collect(study, one, sets, seconds, shared), indent=None)
    scores = report.describe_run(study_results.read_result(path))
    logging.info("%s, %.0f s: %s: %s", one.name, sum(seconds.values()), scores, path)
    for leftover in [folder / "saved_model", *folder.glob("predictions_*"), *(folder / "model").glob("ckpt-*")]:
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
    return cli.EXIT_OK


def still_to_run(runs: Sequence[Run], study: Study, results_dir: Path) -> list[Run]:
    """Returns the runs without a result, and starts whose student something without a result goes on from."""
    missing = {one.name for one in runs if not study_results.path_of(results_dir, one).exists()}
    starts = {one.start.name: study.start_path(one) for one in runs if one.name in missing and one.start is not None}
    gone = {name for name, path in starts.items() if path is not None and not path.exists()}
    return [one for one in runs if one.name in missing | gone]


def open_given(given: Sources, work_dir: Path) -> list[ValidationSet]:
    """Returns the user's validation sets, checked.

    Raises:
        UserError: as `validation.open_set`.
    """
    taken = [*RENDERED_SETS, *(["photographs"] if given.scored else [])]
    names = validation.set_names(given.validation, taken)
    unpacked = work_dir / "unpacked"
    sets = [validation.open_set(path, name, unpacked) for path, name in zip(given.validation, names)]
    return sets + ([validation.open_photographs(given.scored, "photographs")] if given.scored else [])


def warn_of_overlap(given: Sources, sets: Sequence[ValidationSet]) -> None:
    """Says so where images of a validation set have the ids of photographs that are trained on."""
    known = set() if given.is_standin else set().union(*given.record_ids)
    for scored in sets:
        common = sorted(known & scored.sources)
        if common:
            logging.warning(
                "--validation: %d images of %s have ids of --real_records, such as %s: if they are the same "
                "photographs, hold others out",
                len(common),
                scored.name,
                common[0],
            )


def define_flags() -> None:
    """Defines this command's flags."""
    words = ", ".join([*plan.PHASES, *plan.BY_NAME])
    flags.DEFINE_list("rows", [], f"Only these rows or parts, of {words}; default: all, in that order.")
    flags.DEFINE_list("sizes", [], "Only these N, numbers of photographs; where there are fewer, all.")
    flags.DEFINE_list("seeds", [], "Only these seeds, of draw, data order, augmentation and teacher; such as 0,1.")
    flags.DEFINE_list(
        "real_records", [], "Record sets of photographs (openpose_tf.data.to_tfrecords); none: the rendered stand-in."
    )
    flags.DEFINE_list(
        "validation",
        [],
        "Folders held out, only scored on: images/ with annotations.json (COCO keypoints), an image dataset, or a "
        "record set.",
    )
    flags.DEFINE_list(
        "photographs",
        [],
        "Folders of the photographs of --real_records, one for each, to render people in front of (D_M, D_Style); "
        "without them these rows are left out. Without --real_records: photographs to score on besides.",
    )
    flags.DEFINE_list("photograph_annotations", [], "Annotations of --photographs, one for each.")
    flags.DEFINE_list("photograph_format", ["coco"], "Their format, one for all or one for each.")
    flags.DEFINE_list(
        "photograph_boxes",
        [],
        "Boxes of their people (synth.filter_backgrounds), one file each, or nothing between two commas; keeps D_M's "
        "loss off people whom nobody annotated.",
    )
    flags.DEFINE_enum("size", "small", list(plan.SIZES), "small: the study; smoke: the same pipeline in minutes.")
    flags.DEFINE_string("study_dir", "study", "Folder of the flagfiles, and of the rendered-only student in starts/.")
    flags.DEFINE_string("output_dir", None, "Folder of results/, starts/ and RESULTS.md; default: --work_dir.")
    flags.DEFINE_string("work_dir", "runs/study", "Folder of images, records and runs, made again from seeds.")
    flags.DEFINE_enum("precision", "float32", list(Precision), "Of training; bfloat16 is faster where the CPU has it.")
    flags.DEFINE_bool(
        "allow_other_settings",
        False,
        "Add runs with another --precision, or records made again, to the results that are there; rows are compared "
        "within equal ones only.",
    )
    flags.DEFINE_bool("report_only", False, "Write RESULTS.md of the results that are there, run nothing.")


def _numbers(words: Sequence[str]) -> tuple[int, ...]:
    if not all(word.isdecimal() and int(word) for word in words):
        raise UserError(f"--sizes={','.join(words)}: expected numbers of photographs such as 250,1000")
    return tuple(map(int, words))


def _planned(study: Study, values: flags.FlagValues) -> tuple[Study, list[Run]]:
    """Returns the study with its N, and the runs that the flags ask for, after a check of the photographs."""
    count, size = sources.check(study.sources), study.size
    usual = size.standin_counts if count is None else size.real_counts
    available = size.standin if count is None else count
    chosen = _numbers(values.sizes)
    for requested in chosen or usual:
        if requested > available:
            logging.warning("N = %d: there are %d photographs, all are taken", requested, available)
    counts, only = (plan.available_counts(some, available) for some in (usual, chosen))
    runs = plan.planned_runs(values.rows, values.seeds, counts, only, study.sources.has_mixed)
    return dataclasses.replace(study, counts=counts, parts=study.sources.parts(counts)), runs


def main() -> int:
    """Makes what is missing and writes RESULTS.md."""
    values = flags.FLAGS
    behind = (values.photographs, values.photograph_annotations, values.photograph_format, values.photograph_boxes)
    given = sources.sources_of(values.real_records, values.validation, *behind)
    work_dir = Path(values.work_dir)
    output = files.writable_dir(values.output_dir or work_dir)
    results_dir, starts = files.writable_dir(output / "results"), files.writable_dir(output / "starts")
    study = Study(work_dir, Path(values.study_dir), starts, plan.SIZES[values.size], given, values.precision)
    start, todo, code = time.monotonic(), [], cli.EXIT_OK
    if not values.report_only:
        sets = open_given(given, work_dir)
        study, planned = _planned(study, values)
        warn_of_overlap(given, sets)
        there, shared = study_results.read_results(results_dir), study_results.settings(study, sets)
        study_results.check_settings(there, shared, results_dir, values.allow_other_settings)
        todo = still_to_run(planned, study, results_dir)
        try:
            code = run(study, todo, sets, results_dir)
        finally:
            _write_page(results_dir, output)
    elif not _write_page(results_dir, output):
        raise UserError(f"--report_only: no results in {results_dir}; give the --output_dir of a study")
    minutes = (time.monotonic() - start) / 60
    print(f"{len(todo)} runs of this call, {minutes:.0f} min: {output / 'RESULTS.md'}")
    return code


def _write_page(results_dir: Path, output: Path) -> bool:
    """Writes RESULTS.md of the results that are there; returns whether there is one."""
    results = study_results.read_results(results_dir)
    if results:
        report.write(results, output)
    return bool(results)


if __name__ == "__main__":
    cli.run(main, define_flags)
