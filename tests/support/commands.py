"""Runs the project's commands as a user does: each in a process of its own, in the checkout."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support.checkout import ROOT


def command_line(*words: object) -> list[str]:
    """Returns `python -m MODULE FLAG ...`, or `python WORD ...` where the first word is an option of Python."""
    line = [str(word) for word in words]
    return [sys.executable, *line] if line[0].startswith("-") else [sys.executable, "-m", *line]


def run_command(
    *words: object,
    code: int | None = 0,
    timeout: float = 280,
    env: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
    stdin: str | None = None,
    prefix: Sequence[str] = (),
) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end; returns its exit code and what it printed.

    Args:
        words: a module and its flags, or options of Python such as `-c`.
        code: the exit code it must have; 2 must come without a traceback. None: any.
        timeout: seconds after which it is killed and `subprocess.TimeoutExpired` raised.
        env: variables on top of this process's own.
        cwd: folder it starts in.
        stdin: text for its standard input.
        prefix: words before Python, such as `setpriv`.
    """
    line = [*prefix, *command_line(*words)]
    done = subprocess.run(
        line, cwd=cwd, env={**os.environ, **(env or {})}, input=stdin, capture_output=True, text=True, timeout=timeout
    )
    if code is not None:
        check_ended(done, code)
    return done


def check_ended(done: subprocess.CompletedProcess[str], code: int) -> None:
    """Asserts an exit code, and that a user's mistake (2) or a stop (130) shows no traceback."""
    shown = f"{' '.join(map(str, done.args))}\nended with {done.returncode}, not {code}:\n{done.stderr[-3000:]}"
    assert done.returncode == code, shown
    assert code not in (2, 130) or "Traceback" not in done.stderr, shown


def start_command(
    *words: object, env: Mapping[str, str] | None = None, prefix: Sequence[str] = (), **options: Any
) -> subprocess.Popen[str]:
    """Starts a command and returns its process; `prefix` as above, `options` are those of `subprocess.Popen`."""
    options = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, **options}
    return subprocess.Popen(
        [*prefix, *command_line(*words)], cwd=ROOT, env={**os.environ, **(env or {})}, text=True, **options
    )


def finish_command(process: subprocess.Popen[str], code: int = 0, timeout: float = 280) -> str:
    """Waits for a started command, asserts its exit code, returns its standard error."""
    _, error = process.communicate(timeout=timeout)
    check_ended(subprocess.CompletedProcess(process.args, process.returncode, stderr=error), code)
    return error


def wait_until(condition: Callable[[], object], process: subprocess.Popen[str], seconds: float = 200) -> None:
    """Waits until a running command has brought about a condition; else kills it and fails."""
    deadline = time.monotonic() + seconds
    while not condition():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise AssertionError(f"it ended or {seconds} s passed first:\n{(process.communicate()[1] or '')[-3000:]}")
        time.sleep(0.005)
