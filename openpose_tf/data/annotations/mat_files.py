"""Reads MATLAB files with their habits: a single element for a list of one, empty for nothing, numbers as text."""

from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
from scipy.io.matlab import MatReadError, mat_struct

from openpose_tf.common.errors import UserError


def load_variable(path: str | Path, name: str, what: str) -> Any:
    """Returns a variable of a .mat file (structs as objects, dimensions of size 1 removed).

    Args:
        path: the file.
        name: of the variable.
        what: what the file should be, for the error message.

    Raises:
        UserError: the file is missing, is no MATLAB 5 file or lacks the variable.
    """
    if not Path(path).is_file():
        raise UserError(f"{path} does not exist: expected {what}")
    try:
        content = scipy.io.loadmat(str(path), squeeze_me=True, struct_as_record=False, variable_names=[name])
        if name not in content:
            held = ", ".join(entry[0] for entry in scipy.io.whosmat(str(path))) or "nothing"
            raise UserError(f"{path} holds no variable {name} (it holds {held}): expected {what}")
    except NotImplementedError:
        raise UserError(f"{path} is a MATLAB 7.3 file: save it with save(..., '-v7'); expected {what}") from None
    except (MatReadError, ValueError, TypeError, OSError, EOFError, IndexError) as error:
        raise UserError(f"{path} is not a MATLAB file ({error}): expected {what}") from None
    return content[name]


def as_list(value: Any) -> list[Any]:
    """Returns the elements of a struct array, cell or vector; [] for nothing, [value] for a single element."""
    if value is None:
        return []
    if isinstance(value, np.ndarray):
        return list(value.reshape(-1))
    return [value]


def field(struct: Any, name: str) -> Any:
    """Returns a field of a struct, or None where it is missing or empty."""
    value = getattr(struct, name, None) if isinstance(struct, mat_struct) else None
    if isinstance(value, (np.ndarray, str)) and len(np.atleast_1d(value)) == 0:
        return None
    return value


def number(value: Any) -> float:
    """Returns a number given as number or text; NaN for nothing or for anything else."""
    if isinstance(value, np.ndarray):
        value = value.reshape(-1)[0] if value.size == 1 else None
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")
