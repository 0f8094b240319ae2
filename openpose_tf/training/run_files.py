"""What a run writes about itself before it starts: flags.txt and versions.json."""

import platform
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from openpose_tf.common import file_names, files
from openpose_tf.common.errors import UserError

FLAGS_NAME, VERSIONS_NAME = "flags.txt", "versions.json"
PACKAGES = ("tensorflow", "keras", "tensorflow-addons", "numpy", "opencv-python", "absl-py")


def write_run_files(model_dir: str | Path, flags_text: str, data: Mapping[str, Any]) -> None:
    """Writes flags.txt (a --flagfile of this run) and versions.json.

    Args:
        model_dir: folder of the run.
        flags_text: `flags.FLAGS.flags_into_string()`.
        data: per record set a hash of its index, or any other JSON value that identifies it.
    """
    folder = Path(model_dir)
    files.write_bytes(folder / FLAGS_NAME, flags_text.encode())
    versions = {
        "python": platform.python_version(),
        "packages": _packages(),
        "commit": git_commit(),
        "data": dict(data),
    }
    files.write_json(folder / VERSIONS_NAME, versions)


def require_no_teacher(model_dir: str | Path) -> None:
    """Raises UserError for the folder of a run of teacher.train, which cannot be resumed without its teacher."""
    path = Path(model_dir) / file_names.GROUPS
    if path.exists():
        raise UserError(f"{path}: this run has a teacher: resume it with teacher.train, or choose another --model_dir")


def git_commit() -> str | None:
    """Returns the commit of this checkout, or None outside of one."""
    try:
        return subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def _packages() -> dict[str, str | None]:
    versions: dict[str, str | None] = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = None
    return versions
