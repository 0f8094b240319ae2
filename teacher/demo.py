"""The main job in one command: render, record, train with the teacher, export, predict, score, report.

Every stage is one of the project's own commands, run as a user would run it. A stage that has finished is not run
again, so the demo goes on where it was interrupted.

    python -m teacher.demo --output_dir=demo
"""

import dataclasses
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags, logging

from openpose_tf.common import cli, files
from openpose_tf.common.errors import UserError
from teacher import demo_stages
from teacher.demo_stages import Stage

_OUTPUT_DIR = flags.DEFINE_string("output_dir", "demo", "Folder for everything the demo makes.")
_SIZE = flags.DEFINE_enum(
    "size", "small", list(demo_stages.SIZES), "small: 15 minutes on two cores; smoke: the same road in a few minutes."
)


@dataclasses.dataclass
class StageLog:
    """Which stages are done, with their commands and seconds, in `stages.json`.

    Attributes:
        path: the file.
        rows: per stage name a dict with `command`, `seconds` (all calls together) and `done`.
    """

    path: Path
    rows: dict[str, dict[str, Any]]

    @classmethod
    def open(cls, path: Path) -> "StageLog":
        """Returns the log in `path`, or an empty one."""
        return cls(path, files.read_json(path, "the demo's list of stages") if path.exists() else {})

    def is_done(self, stage: Stage) -> bool:
        """Returns whether the stage has finished.

        Raises:
            UserError: it was made by another command line.
        """
        row = self.rows.get(stage.name)
        if row and row["command"] != list(stage.command):
            raise UserError(
                f"{self.path.parent} was made with other settings (stage {stage.name!r}); "
                "remove it (make clean-demo) or choose another --output_dir"
            )
        return bool(row and row["done"])

    def add(self, stage: Stage, seconds: float, done: bool) -> None:
        """Adds the time of one call of a stage and writes the file."""
        before = self.rows.get(stage.name, {"seconds": 0.0})["seconds"]
        self.rows[stage.name] = {"command": list(stage.command), "seconds": round(before + seconds, 1), "done": done}
        files.write_json(self.path, self.rows)


def main(argv: Sequence[str]) -> int | None:
    """Runs all stages that are not done and names the files to look at."""
    if len(argv) > 1:
        raise UserError(f"unknown argument {argv[1]!r}: all settings are flags (--help lists them)")
    output_dir = files.writable_dir(_OUTPUT_DIR.value)
    stages = demo_stages.build(output_dir, demo_stages.SIZES[_SIZE.value])
    log = StageLog.open(output_dir / "stages.json")
    for number, stage in enumerate(stages, 1):
        heading = f"[{number}/{len(stages)}] {stage.title}"
        if log.is_done(stage):
            logging.info("%s: done before (%.0f s)", heading, log.rows[stage.name]["seconds"])
            continue
        logging.info("%s", heading)
        if stage.name == "report":
            demo_stages.write_summary(output_dir, log.rows)
        code = _run(stage, log)
        if code:
            logging.error("stage %r ended with exit code %d; its message stands above", stage.name, code)
            return code
    summary = demo_stages.write_summary(output_dir, log.rows)
    print(_closing_words(output_dir, summary))
    return cli.EXIT_OK


def _run(stage: Stage, log: StageLog) -> int:
    """Runs one stage in its own process and returns its exit code; at Ctrl-C the stage ends in order first."""
    start = time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", *stage.command])
    try:
        code = process.wait()
    except KeyboardInterrupt:
        process.wait()
        log.add(stage, time.monotonic() - start, done=False)
        raise
    log.add(stage, time.monotonic() - start, done=code == 0)
    if code == cli.EXIT_INTERRUPTED:
        raise KeyboardInterrupt
    return code


def _closing_words(folder: Path, summary: dict[str, Any]) -> str:
    minutes = sum(summary["seconds"].values()) / 60
    before, after = (100 * (summary[key] or 0) for key in ("oks_ap_before", "oks_ap"))
    look_at = {
        "report.html": "the whole run on one page: open it in a browser",
        "sheet_synthetic.jpg": "rendered people with their keypoints",
        "predictions/after": "what the trained student sees in new pictures",
        "model_dir": "checkpoints, metrics.jsonl, decisions.jsonl, TensorBoard events",
        "saved_model": "the student, for python -m openpose_tf.predict --saved_model=...",
        "summary.json": "the numbers",
    }
    lines = [
        f"{summary['images_rendered']} pictures with {summary['people']} people rendered, {summary['steps']} steps "
        f"trained with {summary['decisions']} decisions of the teacher, {minutes:.1f} minutes in all.",
        f"Loss {summary['student_loss_first']:.1f} -> {summary['student_loss_last']:.1f}; "
        f"OKS AP on pictures it never saw {before:.1f} % -> {after:.1f} %.",
        "The real half of every batch is a stand-in: rendered too, in another style (real_standin).",
        "",
        "Look at",
        *(f"  {folder / name!s:32} {what}" for name, what in look_at.items()),
    ]
    return "\n".join(["", *lines])


if __name__ == "__main__":
    cli.run(main)
