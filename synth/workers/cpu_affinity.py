"""Pins a render worker to one free core of its machine: one single-core process per core renders fastest."""

import fcntl
import functools
import os
import tempfile
import time
from pathlib import Path
from typing import IO

WAIT_S = 5.0  # a worker that was replaced may still be ending


def _lock_dir() -> Path:
    folder = Path(tempfile.gettempdir()) / f"synth_cores_{os.getuid()}"
    folder.mkdir(exist_ok=True)
    return folder


def _try_lock(core: int) -> IO[str] | None:
    handle = (_lock_dir() / f"core_{core}.lock").open("a")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.close()
        return None
    return handle


@functools.cache
def claim_core(wait_s: float = WAIT_S) -> tuple[int, IO[str]] | None:
    """Pins this process to a core that no other worker holds; to be called before bpy is imported.

    The lock is a file lock, so it ends with the process however it ends. Cycles counts the cores it may use when it is
    loaded; its own thread setting does not limit the CPU use (measured).

    Args:
        wait_s: seconds to wait for a core while all are taken.

    Returns:
        the core and its lock, or None when all cores stayed taken (the process is then not pinned).
    """
    cores = sorted(os.sched_getaffinity(0))
    deadline = time.monotonic() + wait_s
    while True:
        for core in cores:
            handle = _try_lock(core)
            if handle is not None:
                os.sched_setaffinity(0, {core})
                return core, handle
        if time.monotonic() > deadline:
            return None
        time.sleep(0.1)
