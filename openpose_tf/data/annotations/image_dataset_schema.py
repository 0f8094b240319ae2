"""The image dataset on disk: its schema, the names of its files, and which of its images are complete.

`synth` writes it, `image_dataset` reads it. `DIR/dataset.json` is the header; an image has one file in each of
`images/`, `masks/`, `annotations/` and, where requested, `depth/`. No NumPy, so that render workers can use it.
"""

from pathlib import Path
from typing import Any

from openpose_tf.common import files
from openpose_tf.common.errors import UserError

SCHEMA = 1
KINDS = ("synthetic", "real_standin", "mixed", "stylized")
HEADER = "dataset.json"
_ANNOTATIONS = "annotations"


def image_name(index: int) -> str:
    """Returns the id of an image: its scene's index with six digits."""
    return f"{index:06d}"


def sample_paths(folder: Path, name: str) -> dict[str, Path]:
    """Returns the files of one image by role; `depth` and `ignore_mask` exist only where there is something to say."""
    return {
        "image": folder / "images" / f"{name}.jpg",
        "mask": folder / "masks" / f"{name}.png",
        "depth": folder / "depth" / f"{name}.png",
        "ignore_mask": folder / "ignore_masks" / f"{name}.png",
        "annotation": folder / _ANNOTATIONS / f"{name}.json",
    }


def annotation_paths(folder: Path) -> list[Path]:
    """Returns the annotations of the complete images, sorted by id.

    An image is complete when its annotation file exists: it is written last, under a hidden name until it is whole.
    """
    return sorted(path for path in (folder / _ANNOTATIONS).glob("*.json") if not path.name.startswith("."))


def require_annotations(folder: Path, maker: str = "render it first (python -m synth.render)") -> list[Path]:
    """Returns `annotation_paths`.

    Args:
        folder: the dataset.
        maker: how the images are made, for the message.

    Raises:
        UserError: no image is complete.
    """
    paths = annotation_paths(folder)
    if not paths:
        raise UserError(f"{folder / _ANNOTATIONS} holds no complete image: {maker}")
    return paths


def read_annotation(path: Path) -> dict[str, Any]:
    """Returns the content of one annotation file.

    Raises:
        UserError: it is missing, or not a JSON object.
    """
    row = files.read_json(path, "the annotation of one image")
    if not isinstance(row, dict):
        raise UserError(f"{path} is not an annotation of schema {SCHEMA}: expected an object")
    return row
