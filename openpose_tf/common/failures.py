"""Says in one line what stopped a command where no check of ours did: the operating system, memory, TensorFlow, Ray.

Anything else is a bug of ours and keeps its traceback.
"""

import errno
import sys
from typing import NamedTuple

MAX_TEXT = 300  # characters of another program's message


class Failure(NamedTuple):
    """What to print, and whether the user's input is to blame (exit code 2) or the machine (1)."""

    message: str
    is_user: bool = False


USER_FIXES = {
    errno.ENAMETOOLONG: "the name is too long for this disk: give a shorter one",
    errno.EROFS: "the disk is read-only: choose another path",
    errno.ELOOP: "its symbolic links form a circle: name the file itself",
    errno.EILSEQ: "this disk does not take such a name: rename it",
}
MACHINE_FIXES = {
    errno.ENOSPC: "the disk is full: free some space and run the same command again",
    errno.EDQUOT: "your disk quota is used up: free some space and run the same command again",
    errno.EFBIG: "a file may not grow that large here: raise the limit (ulimit -f) or write to another disk",
    errno.EMFILE: "too many files are open: raise the limit (ulimit -n) and run the same command again",
    errno.ENFILE: "too many files are open on this machine: close some programs and run the same command again",
    errno.ENOMEM: "the memory is full: close other programs, or use fewer workers or a smaller batch",
    errno.EIO: "the disk failed (input/output error): check it, then run the same command again",
    errno.ESTALE: "the network drive lost the file: mount it again, then run the same command again",
}
# What TensorFlow raises for the machine, not for wrong shapes or values; its messages name files and addresses.
TENSORFLOW_FIXES = {
    "ResourceExhaustedError": "memory or disk are full: free some, or give a smaller --batch_size",
    "UnavailableError": "another worker is gone: run the same command again on all machines; it resumes",
    "AbortedError": "another worker is gone: run the same command again on all machines; it resumes",
    "DeadlineExceededError": "another worker does not answer: run the same command again on all machines; it resumes",
    "DataLossError": "a file is damaged: make or copy it again",
    "NotFoundError": "a file is gone: check the path, then run the same command again",
    "PermissionDeniedError": "a file may not be read or written: change its access rights",
    "UnknownError": "the disk or the network failed: check them, then run the same command again",
}


def describe(error: BaseException) -> Failure | None:
    """Returns what to tell the user about an exception, None for a bug of ours."""
    if isinstance(error, OSError):
        return _describe_os_error(error)
    if isinstance(error, MemoryError) or (type(error).__module__ == "cv2" and "Insufficient memory" in str(error)):
        return Failure(f"{MACHINE_FIXES[errno.ENOMEM]} ({_short(error)})")
    if (tensorflow := sys.modules.get("tensorflow")) and isinstance(error, tensorflow.errors.OpError):
        fix = TENSORFLOW_FIXES.get(type(error).__name__)
        return None if fix is None else Failure(f"{fix} ({_short(error)})")
    if (ray := sys.modules.get("ray")) and isinstance(error, ray.exceptions.RayError):
        return Failure(f"Ray stopped ({_short(error)}): run the same command again; what is done is kept")
    return None


def _describe_os_error(error: OSError) -> Failure:
    name = f"{error.filename}: " if error.filename is not None else ""
    if isinstance(error, BrokenPipeError):
        return Failure("the program that reads the output has ended")
    if isinstance(error, PermissionError):
        return Failure(f"{name}no permission: choose another path or change its access rights", is_user=True)
    if isinstance(error, FileNotFoundError):
        return Failure(f"{error.filename or 'a file'} does not exist: check the path", is_user=True)
    if isinstance(error, (IsADirectoryError, NotADirectoryError, FileExistsError)):
        return Failure(f"{name}{error.strerror}: choose another path", is_user=True)
    if error.errno in USER_FIXES:
        return Failure(f"{name}{USER_FIXES[error.errno]}", is_user=True)
    return Failure(name + MACHINE_FIXES.get(error.errno or 0, _short(error)))


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:MAX_TEXT] or type(error).__name__
