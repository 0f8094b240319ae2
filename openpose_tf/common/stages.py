"""Long work in stages: each a command of its own process, run once, gone on with where it stopped."""

import contextlib
import dataclasses
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from absl import logging

from openpose_tf.common import cli, files
from openpose_tf.common.folder_claim import require_same

# `python -m MODULE FLAG ...`, but Ctrl-C during the module's imports, which `cli.run` cannot catch, shows no traceback.
_START = f"""
import runpy, sys
sys.argv = sys.argv[1:]
try:
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
except KeyboardInterrupt:
    sys.exit({cli.EXIT_INTERRUPTED})
"""


@dataclasses.dataclass(frozen=True)
class Stage:
    """One command.

    Attributes:
        name: key in stages.json.
        title: what a person reads.
        command: module and flags, behind `python -m`.
    """

    name: str
    title: str
    command: tuple[str, ...]


@dataclasses.dataclass
class StageLog:
    """Which stages are done, with their commands and seconds, in `stages.json`.

    Attributes:
        path: the file.
        rows: per stage name a dict with `command`, `seconds` (all calls together) and `done`.
        fix: what to do about a folder that was made with other settings.
    """

    path: Path
    rows: dict[str, dict[str, Any]]
    fix: str

    @classmethod
    def open(cls, path: Path, fix: str) -> "StageLog":
        """Returns the log in `path`, or an empty one."""
        return cls(path, files.read_json(path, "a list of stages") if path.exists() else {}, fix)

    def is_done(self, stage: Stage) -> bool:
        """Returns whether the stage has finished.

        Raises:
            UserError: it was made by another command line.
        """
        row = self.rows.get(stage.name)
        if row is None:
            return False
        name = f"stage {stage.name!r}"
        before, now = ({name: _words(command)} for command in (row["command"], stage.command))
        require_same(self.path.parent, before, now, self.fix)
        return bool(row["done"])

    def add(self, stage: Stage, seconds: float, done: bool) -> None:
        """Adds the time of one call of a stage and writes the file."""
        before = self.rows.get(stage.name, {"seconds": 0.0})["seconds"]
        self.rows[stage.name] = {"command": list(stage.command), "seconds": round(before + seconds, 1), "done": done}
        files.write_json(self.path, self.rows)


def _words(command: Sequence[str]) -> str:
    """Returns a command line as text, with --output_file, say, as the --output that it was called in older folders."""
    return re.sub(r"--(input|output)(_dir|_file)?=", r"--\1=", " ".join(command))


def run_stages(stages: Sequence[Stage], log: StageLog, before: Callable[[Stage], None] = lambda stage: None) -> int:
    """Runs the stages that are not done, each in its own process.

    Args:
        stages: in order.
        log: what is done.
        before: called before a stage that runs.

    Returns:
        0, or the exit code of the stage that failed.

    Raises:
        KeyboardInterrupt: Ctrl-C; the stage has ended in order.
        SystemExit: SIGTERM; so has it then.
        UserError: as `StageLog.is_done`.
    """
    for number, stage in enumerate(stages, 1):
        heading = f"[{number}/{len(stages)}] {stage.title}"
        if log.is_done(stage):
            logging.info("%s: done before (%.0f s)", heading, log.rows[stage.name]["seconds"])
            continue
        logging.info("%s", heading)
        before(stage)
        code = _run(stage, log)
        if code:
            logging.error("stage %r ended with exit code %d; its message stands above", stage.name, code)
            return code
    return cli.EXIT_OK


def _run(stage: Stage, log: StageLog) -> int:
    """Runs one stage in its own process; returns its exit code. At Ctrl-C or SIGTERM the stage ends in order first."""
    start = time.monotonic()
    with _started([sys.executable, "-c", _START, *stage.command]) as (process, terminations):
        try:
            code = process.wait()
        except KeyboardInterrupt:
            process.wait()
            log.add(stage, time.monotonic() - start, done=False)
            raise
    log.add(stage, time.monotonic() - start, done=code == 0 and not terminations)
    if terminations:
        raise SystemExit(128 + signal.SIGTERM)
    if code == cli.EXIT_INTERRUPTED:
        raise KeyboardInterrupt
    return code


@contextlib.contextmanager
def _started(command: Sequence[str]) -> Iterator[tuple[subprocess.Popen[bytes], list[int]]]:
    """Starts a process, which gets each SIGTERM of the block (clusters pre-empt with it); yields it and what came.

    Without that it would go on alone. Outside of the main thread nothing is passed on: Python allows it there only.
    """
    process: subprocess.Popen[bytes] | None = None
    received: list[int] = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        del frame
        received.append(number)
        if process is not None:
            process.terminate()

    is_main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, pass_on) if is_main else None
    try:
        process = subprocess.Popen(command)
        if received:  # before there was a process to pass it on to
            process.terminate()
        yield process, received
    finally:
        if is_main:
            signal.signal(signal.SIGTERM, before)
