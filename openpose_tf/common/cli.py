"""The one door of every command: parses absl flags, runs main, turns errors into exit codes."""

import errno
import logging as python_logging
import os
import sys
from collections.abc import Callable, Sequence

from absl import app, flags, logging

from openpose_tf.common.errors import MachineError, UserError

# TensorFlow tells of every library it did not find; what matters comes as an exception. Set before it is imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# TensorFlow has oneDNN's faster convolutions on by itself only where the CPU has AVX-512 (BUILD_NOTES.md).
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

EXIT_OK, EXIT_MACHINE, EXIT_USER, EXIT_INTERRUPTED = 0, 1, 2, 130


def run(main: Callable[[Sequence[str]], int | None], argv: Sequence[str] | None = None) -> None:
    """Runs `main` as absl does, with this project's exit codes, and ends the process.

    Args:
        main: receives the positional arguments (program name first); returns an exit code or None.
        argv: command line, program name first; `sys.argv` by default.

    Exit codes: 0 success, 1 failing machine, 2 wrong input or flags, 130 interrupted by Ctrl-C.
    """
    formatter = python_logging.Formatter("%(asctime)s %(levelname).1s %(message)s", "%H:%M:%S")
    logging.get_absl_handler().python_handler.setFormatter(formatter)
    try:
        app.run(main, argv=list(argv) if argv is not None else None, flags_parser=_parse_flags)
    except UserError as error:
        _stop(str(error), EXIT_USER)
    except MachineError as error:
        _stop(str(error), EXIT_MACHINE)
    except KeyboardInterrupt:
        _stop("interrupted; run the same command again to go on", EXIT_INTERRUPTED)
    except OSError as error:
        _stop(*_describe_os_error(error))


def _parse_flags(argv: Sequence[str]) -> list[str]:
    try:
        return flags.FLAGS(argv, known_only=False)
    except SystemExit:  # of --help and its kin only; absl ends them with 1
        sys.exit(EXIT_OK)
    except flags.Error as error:
        raise UserError(f"{error}\n(--help lists the flags of this command)") from None


def _describe_os_error(error: OSError) -> tuple[str, int]:
    """Returns a message and an exit code for an operating-system error; other errors are bugs and go on."""
    name = error.filename or "a file"
    if error.errno == errno.ENOSPC:
        return f"the disk is full while writing {name}: free some space and run the same command again", EXIT_MACHINE
    if isinstance(error, PermissionError):
        return f"no permission for {name}: choose another path or change its access rights", EXIT_USER
    if isinstance(error, FileNotFoundError):
        return f"{name} does not exist: check the path", EXIT_USER
    if isinstance(error, (IsADirectoryError, NotADirectoryError, FileExistsError)):
        return f"{name}: {error.strerror}", EXIT_USER
    raise error


def _stop(message: str, code: int) -> None:
    print(f"error: {message}" if code != EXIT_INTERRUPTED else message, file=sys.stderr, flush=True)
    sys.exit(code)
