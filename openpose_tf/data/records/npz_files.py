"""Arrays of .npz files that other programs wrote: plain arrays only, and one kind of error for any damage."""

import math
import os
import sys
import zipfile
from collections.abc import Callable, Iterable
from typing import IO, TypeVar

import numpy as np

Result = TypeVar("Result")
Path = str | os.PathLike[str]


class UnreadableNpz(ValueError):
    """The file is not an .npz archive, or an array in it is damaged; the message says what is wrong."""


def read_arrays(path: Path, names: Iterable[str] | None = None) -> dict[str, np.ndarray]:
    """Returns the arrays of a file by name; pickled entries, which could run code, are left out.

    Args:
        path: the file.
        names: only these, as far as the file has them; None = all.

    Raises:
        UnreadableNpz: see there.
        OSError: the file is missing or may not be read.
    """
    wanted = None if names is None else set(names)

    def read(archive: zipfile.ZipFile) -> dict[str, np.ndarray]:
        members = {name: member for name, member in _members(archive).items() if wanted is None or name in wanted}
        return {name: _array(archive, member) for name, member in members.items() if not _header(archive, member)[1]}

    return _open(path, read)


def read_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Returns the shapes of the plain arrays of a file by name, from their headers alone; errors as `read_arrays`."""

    def read(archive: zipfile.ZipFile) -> dict[str, tuple[int, ...]]:
        headers = {name: _header(archive, member) for name, member in _members(archive).items()}
        return {name: shape for name, (shape, is_pickled) in headers.items() if not is_pickled}

    return _open(path, read)


def _open(path: Path, read: Callable[[zipfile.ZipFile], Result]) -> Result:
    try:
        with zipfile.ZipFile(path) as archive:
            return read(archive)
    except OSError:
        raise
    except Exception as error:  # zipfile, zlib and NumPy raise a dozen kinds for damaged bytes
        raise UnreadableNpz(str(error) or type(error).__name__) from None


def _members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
    if len(members) < len(archive.infolist()):
        raise ValueError("two arrays of one name")
    return members


def _header(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> tuple[tuple[int, ...], bool]:
    """Returns the shape of an array and whether it is pickled."""
    with archive.open(member) as stream:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(stream)
    # Checked before memory is taken for it.
    if not dtype.hasobject and math.prod(shape) * dtype.itemsize > member.file_size:
        raise ValueError(f"{member.filename} is shorter than its shape {shape}")
    return shape, dtype.hasobject


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    stream: IO[bytes]
    with archive.open(member) as stream:
        array: np.ndarray = np.lib.format.read_array(stream, allow_pickle=False)
        stream.read()  # to the end, where the check sum is
    if array.dtype.kind == "U":
        codes = np.frombuffer(array.tobytes(), np.dtype(np.uint32).newbyteorder(array.dtype.byteorder))
        if codes.size and codes.max() > sys.maxunicode:
            raise ValueError(f"{member.filename} holds characters that do not exist")
    return array
