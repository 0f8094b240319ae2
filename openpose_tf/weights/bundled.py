"""The bundled students: their names, which stand in place of a path, and their files."""

import os
from pathlib import Path

from openpose_tf.common.errors import UserError

ASSETS = Path(__file__).resolve().parents[1] / "assets"
BUILTIN = "builtin"  # trained on rendered people only: a start for --init_checkpoint
BUILTIN_REAL = "builtin_real"  # trained on photographs
FILES = {BUILTIN: ASSETS / "student.npz", BUILTIN_REAL: ASSETS / "student_real.npz"}
DEFAULT = BUILTIN_REAL  # the student of `openpose_tf.predict`, and so of the demo's PHOTO


def find(name: str | os.PathLike[str]) -> Path | None:
    """Returns the file of a bundled student, or None where `name` is not the name of one.

    Raises:
        UserError: the student is not in this installation.
    """
    path = FILES.get(str(name))
    if path is not None and not path.is_file():
        there = ", ".join(other for other, file in FILES.items() if file.is_file()) or "none"
        raise UserError(f"{name}: {path} is missing; bundled students of this installation: {there}")
    return path
