"""The main job in one command: render, train with the teacher, export, predict, score.

Every stage is one of the project's own commands, run as a user would run it. A stage that has finished is not run
again, so the demo resumes where it was interrupted.

    python -m teacher.demo --output_dir=demo
    python -m teacher.demo --output_dir=demo --photo=me.jpg    # adds a photograph of yours to the report
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags

from openpose_tf.common import cli, files
from openpose_tf.common.errors import UserError
from openpose_tf.common.imaging import images
from openpose_tf.common.stages import Stage, StageLog, run_stages
from teacher.demo import stages


def define_flags() -> None:
    """Defines this command's flags."""
    flags.DEFINE_string("output_dir", "demo", "Folder for everything the demo makes.")
    flags.DEFINE_string("photo", None, "A photograph of yours: the report shows whom the bundled student finds in it.")
    flags.DEFINE_integer("seed", 0, "Of images and training.", lower_bound=0)
    flags.DEFINE_enum(
        "size",
        "small",
        list(stages.SIZES),
        "small: 8 minutes on two cores; smoke: the same stages in a few minutes, from random initialization.",
    )


def _photograph(path: str, output_dir: Path) -> Path:
    """Returns the path of a photograph that can be read; found out before anything is rendered.

    Raises:
        UserError: it cannot be read, or lies where what was found in it will lie.
    """
    images.read_rgb(path, orientation="upright")
    folder = output_dir / stages.PHOTO_DIR
    if Path(path).resolve().parent == folder.resolve():
        raise UserError(f"--photo={path} lies in {folder}, where the demo writes: give it from another folder")
    return Path(path)


def main() -> int | None:
    """Runs all stages that are not done and names the files to look at."""
    photo = _photograph(flags.FLAGS.photo, Path(flags.FLAGS.output_dir)) if flags.FLAGS.photo else None
    output_dir = files.writable_dir(flags.FLAGS.output_dir)
    log = StageLog.open(output_dir / "stages.json", "remove it (make clean-demo) or choose another --output_dir")
    for name in stages.LATE:
        log.rows.pop(name, None)

    def before(stage: Stage) -> None:
        if stage.name == "report":
            stages.write_summary(output_dir, log.rows)

    code = run_stages(stages.build(output_dir, stages.SIZES[flags.FLAGS.size], photo, flags.FLAGS.seed), log, before)
    if code:
        return code
    summary = stages.write_summary(output_dir, log.rows)
    print(_closing_words(output_dir, summary))
    return cli.EXIT_OK


def _closing_words(folder: Path, summary: dict[str, Any]) -> str:
    minutes = sum(summary["seconds"].values()) / 60
    before, after = (100 * (summary[key] or 0) for key in ("oks_ap_before", "oks_ap"))
    gain = summary["oks_ap_difference"]
    look_at = {
        "report.html": "the whole run on one page: open it in a browser",
        "sheet_synthetic.jpg": "rendered people with their keypoints",
        "predictions/after": "what the trained student sees in new images",
        "model_dir": "checkpoints, metrics.jsonl, decisions.jsonl, TensorBoard events",
        "saved_model": "the student, for python -m openpose_tf.predict --saved_model=...",
        "summary.json": "the numbers",
    }
    lines = [
        f"{summary['images_rendered']} images with {summary['people']} people rendered, {summary['steps']} steps "
        f"trained with {summary['decisions']} decisions of the teacher, {minutes:.1f} minutes in all.",
        f"Loss of the stand-in half {summary['loss_real_first']:.1f} -> {summary['loss_real_last']:.1f}, of the half "
        f"that the teacher picks {summary['loss_synthetic_first']:.1f} -> {summary['loss_synthetic_last']:.1f}; "
        f"OKS AP on images it never saw {before:.1f} % -> {after:.1f} % (95 % interval of the difference "
        f"{100 * gain['low']:+.1f} to {100 * gain['high']:+.1f}).",
        "The real half of every batch is a stand-in: rendered too, in another style (real_standin).",
        "",
        "Look at",
        *(f"  {folder / name!s:32} {what}" for name, what in look_at.items()),
    ]
    return "\n".join(["", *lines])


if __name__ == "__main__":
    cli.run(main, define_flags)
