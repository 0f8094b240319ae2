"""Starts every command: parses its flags and arguments, runs its main, turns errors into exit codes."""

import io
import logging as python_logging
import os
import sys
from collections.abc import Callable, Sequence

from absl import app, flags, logging

from openpose_tf.common import files
from openpose_tf.common.errors import MachineError, UserError
from openpose_tf.common.failures import describe
from openpose_tf.common.keras_choice import choose_keras

# TensorFlow tells of every library it did not find; what matters comes as an exception. Set before it is imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# TensorFlow has oneDNN's faster convolutions on by itself only where the CPU has AVX-512
# (docs/measurements/2026-11-26-bundled-student.md).
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
choose_keras()

EXIT_OK, EXIT_MACHINE, EXIT_USER, EXIT_INTERRUPTED = 0, 1, 2, 130


flags.disclaim_key_flags()  # flags that `define_flags` defines are the command's own in its --help


def run(
    main: Callable[[], int | None], define_flags: Callable[[], None] | None = None, positional: str | None = None
) -> None:
    """Defines the flags, parses `sys.argv`, runs `main` and ends the process.

    Args:
        main: runs the command; returns an exit code or None.
        define_flags: defines the flags of the command.
        positional: flag that must be given, and whose value may stand without `--flag=`; several values if the flag
            takes several.

    Exit codes: 0 success, 1 failing machine, 2 wrong input or flags, 130 interrupted by Ctrl-C.
    """
    formatter = python_logging.Formatter("%(asctime)s %(levelname).1s %(message)s", "%H:%M:%S")
    logging.get_absl_handler().python_handler.setFormatter(formatter)
    if define_flags is not None:
        define_flags()
    try:
        app.run(
            lambda _: _run_and_flush(main),
            flags_parser=lambda argv: _parse_flags(argv, positional),
        )
    except UserError as error:
        _stop(str(error), EXIT_USER)
    except MachineError as error:
        _stop(str(error), EXIT_MACHINE)
    except KeyboardInterrupt:
        _stop("interrupted; run the same command again: it resumes where it can", EXIT_INTERRUPTED)
    except Exception as error:
        failure = describe(error)
        if failure is None:
            raise
        logging.debug("where it failed (--verbosity=1 shows this):", exc_info=True)
        _stop(failure.message, EXIT_USER if failure.is_user else EXIT_MACHINE)


def _run_and_flush(main: Callable[[], int | None]) -> int | None:
    for stream in (sys.stdout, sys.stderr):  # file names may hold what the terminal's encoding does not
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    code = main()
    sys.stdout.flush()  # a full disk or a closed pipe is noticed here, not when the process ends
    return code


def _parse_flags(argv: Sequence[str], positional: str | None) -> list[str]:
    argv = _expand_flagfiles(argv)
    try:
        program, *arguments = flags.FLAGS(argv, known_only=False)
        _unset_empty()
    except SystemExit:  # of --help and its kin only; absl ends them with 1
        sys.exit(EXIT_OK)
    except flags.Error as error:
        raise UserError(f"{error}\n(--help lists the flags of this command)") from None
    if positional:
        arguments = _take_positional(flags.FLAGS[positional], arguments)
    _expand_home()
    given = f"--{positional} is given already, and " if positional else ""
    for extra in arguments:
        raise UserError(f"unexpected argument {extra!r}: {given}every option is --flag=value")
    return [program]


def _expand_flagfiles(argv: Sequence[str], opened: Sequence[str] = ()) -> list[str]:
    """Returns arguments with the lines of each --flagfile=PATH in its place.

    As absl does, which reads only the encoding of this machine: a file of Windows begins with a byte-order mark.
    """
    expanded, rest = [], list(argv)
    while rest:
        name, sign, path = (argument := rest.pop(0)).partition("=")
        if name not in ("--flagfile", "-flagfile") or not (sign or rest):
            expanded.append(argument)
        elif argument := os.path.expanduser((path if sign else rest.pop(0)).strip()):
            if argument in opened:
                raise UserError(f"{argument} includes itself: remove that --flagfile")
            lines = files.read_lines(argument, "a file of flags, one --flag=value per line")
            expanded += _expand_flagfiles([one for one in lines if not one.startswith("//")], (*opened, argument))
        if argument == "--":
            return expanded + rest
    return expanded


def _take_positional(flag: flags.Flag, arguments: list[str]) -> list[str]:
    """Sets a flag to the arguments that it takes and returns the others."""
    if flag.value is None and not arguments:
        raise UserError(f"--{flag.name} is missing: {flag.help}")
    if flag.value is not None:
        return arguments
    if isinstance(flag, flags.MultiFlag):
        flag.value = arguments
        return []
    flag.value, *others = arguments
    return others


def _unset_empty() -> None:
    """Takes `--init_checkpoint=` as not given: an empty value on the command line undoes that of a flagfile."""
    for name in flags.FLAGS:
        if flags.FLAGS[name].default is None and flags.FLAGS[name].value in ("", [""]):
            flags.FLAGS[name].value = None
    flags.FLAGS.validate_all_flags()  # a required flag is missing now


def _expand_home() -> None:
    """Replaces ~ at the start of paths, as in --output_dir=~/results or --scores=name=~/a.json, which shells leave."""
    for name in flags.FLAGS:
        value = flags.FLAGS[name].value
        if isinstance(value, str) and "~" in value:
            flags.FLAGS[name].value = _without_tilde(value)
        elif isinstance(value, list) and "~" in "".join(map(str, value)):
            flags.FLAGS[name].value = [_without_tilde(str(item)) for item in value]


def _without_tilde(value: str) -> str:
    before, sign, path = value.rpartition("=")
    return before + sign + os.path.expanduser(path)


def _stop(message: str, code: int) -> None:
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # else Python complains once more at its end
    print(f"error: {message}" if code != EXIT_INTERRUPTED else message, file=sys.stderr, flush=True)
    sys.exit(code)
