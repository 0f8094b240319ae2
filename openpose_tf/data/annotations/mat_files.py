"""Reads and writes MATLAB files, with their habits: arrays of one element, empty for nothing, numbers as text.

Values are as SciPy loads them: a struct array is a record array, a cell array holds objects, and nothing is squeezed.
"""

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import scipy.io

from openpose_tf.common import files
from openpose_tf.common.errors import UserError
from openpose_tf.data.annotations import mat_structure

PathLike = str | os.PathLike[str]


def variables(path: PathLike, what: str) -> list[str]:
    """Returns the names of the variables of a .mat file.

    Args:
        path: the file.
        what: what the file should be, for the error message.

    Raises:
        UserError: the file is missing or is not a MATLAB 5 file.
    """
    return [name for name, _, _ in _read(scipy.io.whosmat, path, what)]


def load_variable(path: PathLike, name: str, what: str) -> np.ndarray:
    """Returns a variable of a .mat file.

    Raises:
        UserError: the file is missing, is not a MATLAB 5 file or lacks the variable.
    """
    content = _read(lambda file: scipy.io.loadmat(file, variable_names=[name]), path, what)
    if name not in content:
        raise missing_variable(path, name, variables(path, what), what)
    return np.asarray(content[name])


def missing_variable(path: PathLike, name: str, held: Sequence[str], what: str) -> UserError:
    """Returns the error of a file that holds other variables."""
    return UserError(f"{path} holds no variable {name} (it holds {', '.join(held) or 'nothing'}): expected {what}")


def _read(read: Callable[[str], Any], path: PathLike, what: str) -> Any:
    if not os.path.isfile(path):
        raise UserError(f"{path} does not exist: expected {what}")
    try:
        _check_structure(os.fspath(path), os.stat(path).st_mtime_ns)
        return read(os.fspath(path))
    except PermissionError:
        raise
    except NotImplementedError:
        raise UserError(f"{path} is a MATLAB 7.3 file: save it with save(..., '-v7'); expected {what}") from None
    except Exception as error:  # SciPy raises many kinds for a file that is not a .mat, or is cut off
        raise UserError(f"{path} is not a MATLAB file ({error}): expected {what}") from None


@functools.lru_cache(maxsize=8)
def _check_structure(path: str, time_ns: int) -> None:
    """Raises ValueError for a damaged file, which SciPy may read beyond its end; once per file and its time."""
    del time_ns
    with open(path, "rb") as file:
        mat_structure.check(file.read())


def field(struct: Any, name: str) -> Any:
    """Returns a field of a struct (of a struct array, of its first): None where it is missing or empty.

    A single number or text is taken out of its array; a cell of one element gives that element.
    """
    if isinstance(struct, np.ndarray) and struct.dtype.names and struct.size:
        struct = struct.reshape(-1)[0]
    if not isinstance(struct, np.void) or name not in (struct.dtype.names or ()):
        return None
    return _plain(struct[name])


def _plain(value: Any) -> Any:
    while isinstance(value, np.ndarray) and value.size == 1 and value.dtype.names is None:
        value = value.item()
    return None if isinstance(value, np.ndarray) and value.size == 0 else value


def rows(structs: Any, names: Sequence[str]) -> list[dict[str, Any]]:
    """Returns the named fields of each element of a struct array, of those fields that it has; [] for None."""
    if not isinstance(structs, np.ndarray) or structs.dtype.names is None:
        return [{name: field(struct, name) for name in names} for struct in as_list(structs)]
    # By columns: a field of the whole array is many times faster to take than of each of its elements.
    columns = {name: [_plain(value) for value in structs[name].flat] for name in names if name in structs.dtype.names}
    return [{name: column[k] for name, column in columns.items()} for k in range(structs.size)]


def as_list(value: Any) -> list[Any]:
    """Returns the elements of a struct array, cell or vector; [] for nothing, [value] for a single element."""
    if value is None:
        return []
    return list(value.reshape(-1)) if isinstance(value, np.ndarray) else [value]


def number(value: Any) -> float:
    """Returns a number given as number or text; NaN for nothing or for anything else."""
    try:
        return float(_plain(value))
    except (TypeError, ValueError):
        return float("nan")


def struct(elements: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Returns a struct array [1, N] to be saved; fields that an element lacks are empty; no element gives []."""
    if not elements:
        return np.zeros((0, 0))
    names = list(dict.fromkeys(name for element in elements for name in element))
    result = np.empty((1, len(elements)), dtype=[(name, object) for name in names])
    for index, element in enumerate(elements):
        for name in names:
            result[name][0, index] = element.get(name, np.zeros((0, 0)))
    return result


def save(path: PathLike, content: Mapping[str, Any]) -> None:
    """Writes variables to a .mat file, whole or not at all."""
    with files.atomic_path(path) as temporary, open(temporary, "wb") as stream:
        scipy.io.savemat(stream, dict(content), oned_as="row", do_compression=True)
