"""Runs the nine rows of the paper's Tables 1 to 3 at a size for two CPU cores.

    python -m eval.study                                    # all rows and seeds, at most five hours on two cores
    python -m eval.study --rows=real,real_synthetic --seeds=0
    python -m eval.study --rows=oracle --seeds=0            # besides: could any choice of groups help?
    python -m eval.study --report_only                      # RESULTS.md of the results that are there

Renders its data, trains, scores, and leaves one small file per row and seed in study/results/, which is all that the
tables need: a row with a file there is never run again, also in another clone. The two students that rows start from
lie in study/starts/. Ctrl-C stops; the same command resumes.
"""

import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from absl import flags, logging

from eval.study import plan, report
from eval.study import results as study_results
from eval.study.plan import ORACLE_ROWS, ROWS, Photographs, Study, StudyRow
from openpose_tf.common import cli, files
from openpose_tf.common.errors import UserError
from openpose_tf.common.stages import StageLog, run_stages
from openpose_tf.config import Precision

ORACLE = "oracle"
FIX = "remove it (it is made again from seeds) or choose another --work_dir"


def run(study: Study, todo: Sequence[tuple[StudyRow, int]], results_dir: Path) -> int:
    """Runs rows and seeds that have no result yet, and writes their results.

    Args:
        study: where and how much.
        todo: rows and seeds in order.
        results_dir: folder of the results.

    Returns:
        0, or the exit code of the first stage that failed.
    """
    if not todo:
        return cli.EXIT_OK
    code = run_stages(plan.data_stages(study), StageLog.open(study.work_dir / "stages.json", FIX))
    if code:
        return code
    for number, (row, seed) in enumerate(todo, 1):
        logging.info("study, run %d of %d: %s, seed %d", number, len(todo), row.model, seed)
        code = _start(study, row) or _row(study, row, seed, results_dir)
        if code:
            return code
    return cli.EXIT_OK


def _start(study: Study, row: StudyRow) -> int:
    """Trains the student that a row starts from, unless its weights are there."""
    if study.start_path(row).exists():
        return cli.EXIT_OK
    start = plan.start_of(row)
    log = StageLog.open(study.run_dir(start.name, plan.START_SEED) / "stages.json", FIX)
    return run_stages(plan.start_stages(study, start), log)


def _row(study: Study, row: StudyRow, seed: int, results_dir: Path) -> int:
    """Runs one row and seed, writes its result and deletes what nobody needs any more."""
    folder = study.run_dir(row.name, seed)
    log = StageLog.open(folder / "stages.json", FIX)
    code = run_stages(plan.row_stages(study, row, seed), log)
    if code:
        return code
    seconds = {name: stage["seconds"] for name, stage in log.rows.items()}
    path = study_results.path_of(results_dir, row.name, seed)
    result = study_results.collect(study, row, seed, seconds)
    files.write_json(path, result, indent=None)
    scores = ", ".join(f"{name} {value:.1f}" for name, value in result["mAP"].items() if value is not None)
    logging.info("%s, seed %d: mAP on held-out %s, %.0f s: %s", row.model, seed, scores, sum(seconds.values()), path)
    shutil.rmtree(folder / "saved_model", ignore_errors=True)
    return cli.EXIT_OK


def which_runs(rows: Sequence[str], seeds: Sequence[str], results_dir: Path) -> list[tuple[StudyRow, int]]:
    """Returns the rows and seeds that were asked for and have no result, seed by seed.

    Args:
        rows: names; `oracle` stands for all of `plan.ORACLE_ROWS`.
        seeds: numbers as text.
        results_dir: folder of the results.

    Raises:
        UserError: a row or seed that does not exist.
    """
    known = {row.name: row for row in (*ROWS, *ORACLE_ROWS)}
    names = {name for row in rows for name in ([o.name for o in ORACLE_ROWS] if row == ORACLE else [row])}
    unknown = sorted(names - known.keys())
    if unknown:
        raise UserError(f"--rows: {unknown[0]!r} is none of {', '.join([*known, ORACLE])}")
    if not all(seed.isdecimal() for seed in seeds):
        raise UserError(f"--seeds={','.join(seeds)}: expected numbers such as 0,1,2")
    requested = [(row, int(seed)) for seed in seeds for row in known.values() if row.name in names]
    return [(row, seed) for row, seed in requested if not study_results.path_of(results_dir, row.name, seed).exists()]


def define_flags() -> None:
    """Defines this command's flags."""
    flags.DEFINE_list(
        "rows", list(plan.ROW_NAMES), "Rows to run; oracle: the rows that tell what groups could give at best."
    )
    flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds of data order, augmentation and teacher.")
    flags.DEFINE_enum("size", "small", list(plan.SIZES), "small: the study; smoke: the same road in minutes.")
    flags.DEFINE_string("study_dir", "study", "Folder of the flagfiles, results/, starts/ and RESULTS.md.")
    flags.DEFINE_string("output_dir", None, "Folder of results/, starts/ and RESULTS.md, if not --study_dir.")
    flags.DEFINE_string("work_dir", "runs/study", "Folder of images, records and runs, made again from seeds.")
    flags.DEFINE_enum("precision", "float32", list(Precision), "Of training; bfloat16 is faster where the CPU has it.")
    flags.DEFINE_string("photographs", None, "Folder of real photographs with people, to score on besides.")
    flags.DEFINE_string("photograph_annotations", None, "COCO person keypoints of --photographs.")
    flags.DEFINE_bool("report_only", False, "Write RESULTS.md of the results that are there, run nothing.")


def main() -> int:
    """Runs what is missing and writes RESULTS.md."""
    values = flags.FLAGS
    if bool(values.photographs) != bool(values.photograph_annotations):
        raise UserError("--photographs and --photograph_annotations belong together: give both, or none")
    photographs = Photographs(values.photographs, values.photograph_annotations) if values.photographs else None
    output = files.writable_dir(values.output_dir or values.study_dir)
    results_dir, starts = files.writable_dir(output / "results"), files.writable_dir(output / "starts")
    size = plan.SIZES[values.size]
    study = Study(Path(values.work_dir), Path(values.study_dir), starts, size, photographs, values.precision)
    start = time.monotonic()
    todo = [] if values.report_only else which_runs(values.rows, values.seeds, results_dir)
    if todo:
        study_results.check_precision(study_results.read_results(results_dir), study.precision, results_dir)
    code = run(study, todo, results_dir)
    results = study_results.read_results(results_dir)
    if results:
        report.write(results, output)
        minutes = (time.monotonic() - start) / 60
        print(f"{len(results)} results, {len(todo)} runs of this call, {minutes:.0f} min: {output / 'RESULTS.md'}")
    return code


if __name__ == "__main__":
    cli.run(main, define_flags)
