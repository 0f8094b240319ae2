"""Files that appear whole or not at all, and checks of the paths a user gives."""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from absl import logging

from openpose_tf.common.errors import UserError


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yields a temporary path beside `path`; renames it to `path` when the block ends without an error.

    The temporary name keeps the suffix of `path`, because encoders choose the format by it.
    """
    final = Path(path)
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = final.with_name(f".{final.stem}.{os.getpid()}.part{final.suffix}")
    try:
        yield temporary
        os.replace(temporary, final)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Writes `data` to `path`, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_json(path: str | os.PathLike[str], value: Any, indent: int | None = 1) -> None:
    """Writes `value` as JSON (NaN refused), whole or not at all."""
    write_bytes(path, (json.dumps(value, indent=indent, allow_nan=False) + "\n").encode())


def read_json(path: str | os.PathLike[str], what: str) -> Any:
    """Returns the content of a JSON file.

    Args:
        path: the file.
        what: what the file should be, for the error message, such as "a COCO annotation file".

    Raises:
        UserError: the file is missing, or is not JSON.
    """
    if not os.path.isfile(path):
        raise UserError(f"{path} does not exist: expected {what}")
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # JSON, its encoding, or brackets without end
        raise UserError(f"{path} is not JSON ({error}): expected {what}") from None


def read_jsonl(path: str | os.PathLike[str], what: str, *, skip_unreadable: bool = False) -> list[dict[str, Any]]:
    """Returns the rows of a file with one JSON object per line.

    A last line that a killed run left unfinished is left out; every line left out is counted in a warning.

    Args:
        path: the file.
        what: what the file should be, for the error message.
        skip_unreadable: leave out any line that is not JSON, instead of refusing the file.

    Raises:
        UserError: the file is missing, or, unless they are skipped, a line other than the last is not JSON.
    """
    if not os.path.isfile(path):
        raise UserError(f"{path} does not exist: expected {what}")
    lines = Path(path).read_bytes().splitlines()
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            rows.append(json.loads(line))
        except ValueError as error:  # JSON or its encoding
            if number < len(lines) and not skip_unreadable:
                raise UserError(f"{path}, line {number} is not JSON ({error}): expected {what}") from None
    if len(rows) < len(lines):
        logging.warning("%s: %d of %d lines are not JSON and left out", path, len(lines) - len(rows), len(lines))
    return rows


def require_dir(path: str | os.PathLike[str], what: str) -> Path:
    """Returns `path` as a Path if it is a folder that can be listed.

    Raises:
        UserError: it is missing, is a file, or may not be read.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder: expected {what}")
    if not os.access(folder, os.R_OK | os.X_OK):
        raise UserError(f"{folder} may not be read: expected {what}; change its access rights")
    return folder


def writable_dir(path: str | os.PathLike[str]) -> Path:
    """Makes the folder `path` where it is missing and returns it.

    Raises:
        UserError: it cannot be made or written to.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".write_test.{os.getpid()}"
        probe.touch()
        probe.unlink()
    except (PermissionError, FileExistsError, NotADirectoryError) as error:
        raise UserError(f"cannot write to {folder} ({error.strerror}): choose another output folder") from None
    except OSError as error:
        if error.errno == 30:  # EROFS
            raise UserError(f"cannot write to {folder} (read-only): choose another output folder") from None
        raise
    return folder
