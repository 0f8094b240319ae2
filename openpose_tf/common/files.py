"""Files that appear whole or not at all, text files in any encoding, and checks of the paths a user gives."""

import contextlib
import gzip
import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from absl import logging

from openpose_tf.common.errors import UserError
from openpose_tf.common.failures import describe
from openpose_tf.common.fingerprints import fingerprint

MAX_NAME_BYTES = 255  # of the usual file systems
GZIP = ".gz"


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yields a temporary path beside `path`; renames it to `path` when the block ends without an error.

    The temporary name keeps the suffix of `path`, because encoders choose the format by it.
    """
    final = Path(path)
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = final.with_name(f".{final.stem}.{os.getpid()}.part{final.suffix}")
    if len(os.fsencode(temporary.name)) > MAX_NAME_BYTES:  # though `final` may be short enough
        temporary = final.with_name(f".{fingerprint(os.fsencode(final.name))}.{os.getpid()}.part{final.suffix}")
    try:
        yield temporary
        os.replace(temporary, final)
    except OSError as error:  # a full disk names no file, other errors name one that the user never gave
        if error.filename in (None, str(temporary)):
            error.filename, error.filename2 = str(final), None
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Writes `data` to `path`, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_json(path: str | os.PathLike[str], value: Any, indent: int | None = 1) -> None:
    """Writes `value` as JSON (NaN refused), whole or not at all; compressed if the name of `path` ends with .gz."""
    data = (json.dumps(value, indent=indent, allow_nan=False) + "\n").encode()
    write_bytes(path, gzip.compress(data, mtime=0) if Path(path).suffix == GZIP else data)


def read_text(path: str | os.PathLike[str], what: str, fallback: str | None = None) -> str:
    """Returns the content of a text file in UTF-8 or, as Windows writes, UTF-16; line ends become those of Unix.

    Args:
        path: the file.
        what: what the file should be, for the error message, such as "a list of image names".
        fallback: encoding of a file that is not UTF-8, such as "latin-1", for formats where only ASCII matters.

    Raises:
        UserError: the file is missing, or not text.
    """
    data = _utf8(path, what)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        if fallback is None:
            raise UserError(f"{path} is not a text file in UTF-8 or UTF-16 ({error.reason}): expected {what}") from None
        text = data.decode(fallback)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_lines(path: str | os.PathLike[str], what: str) -> list[str]:
    """Returns the lines of a list: stripped, without empty lines and those that begin with #.

    Raises:
        UserError: as `read_text`.
    """
    lines = (line.strip() for line in read_text(path, what).split("\n"))
    return [line for line in lines if line and not line.startswith("#")]


def _utf8(path: str | os.PathLike[str], what: str) -> bytes:
    """Returns the bytes of a text file; of UTF-8 with a byte-order mark, UTF-16 and UTF-32 those of its text in UTF-8.

    Editors of Windows and PowerShell's `>` write such files. What does not decode stays, for its reader to complain of.
    A file whose name ends with .gz is unpacked first.
    """
    if not os.path.isfile(path):
        raise UserError(f"{path} does not exist: expected {what}")
    data = Path(path).read_bytes()
    if Path(path).suffix == GZIP:
        try:
            data = gzip.decompress(data)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise UserError(f"{path} cannot be unpacked ({error}): expected {what}") from None
    encoding = json.detect_encoding(data[:4])  # by the mark, or by the zeros in the first two characters
    with contextlib.suppress(UnicodeDecodeError):
        return data if encoding == "utf-8" else data.decode(encoding).encode()
    return data


def list_json(folder: Path, recursive: bool = False) -> list[Path]:
    """Returns the .json files of a folder, sorted, without hidden ones: unfinished ones, and those that macOS adds."""
    found = folder.rglob("*.json") if recursive else folder.glob("*.json")
    return sorted(path for path in found if path.name[0] != ".")


def read_json(path: str | os.PathLike[str], what: str) -> Any:
    """Returns the content of a JSON file.

    Args:
        path: the file.
        what: what the file should be, for the error message, such as "a COCO annotation file".

    Raises:
        UserError: the file is missing, or is not JSON.
    """
    try:
        return json.loads(_utf8(path, what).decode())
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
    lines = _utf8(path, what).splitlines()
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            rows.append(json.loads(line))
        except (ValueError, RecursionError) as error:  # JSON or its encoding
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
    except OSError as error:
        failure = describe(error)
        if failure is not None and not failure.is_user:
            raise
        raise UserError(f"cannot write to {folder} ({error.strerror}): choose another output folder") from None
    return folder
