"""The image dataset on disk: its schemas and the names of its files.

`synth` writes it, `image_dataset` reads it. `DIR/dataset.json` is the header; an image has one file in each of
`images/`, `masks/` and, where requested, `depth/`. Its annotation is written last, as `annotations/.../000123.json`.
Schema 2 has a folder for every thousand images, whose annotations become one file, see `store/packs.py`; schema 1, of
older datasets, is flat. No NumPy, so that render workers can use it.
"""

from pathlib import Path
from typing import Any

from openpose_tf.common import files
from openpose_tf.common.errors import UserError

FLAT_SCHEMA, SCHEMA = 1, 2
SCHEMAS = (FLAT_SCHEMA, SCHEMA)
PER_FOLDER = 1000
KINDS = ("synthetic", "real_standin", "mixed", "stylized")
HEADER = "dataset.json"
ANNOTATIONS = "annotations"
# Folder and suffix of an image's files by role. `depth` and `ignore_mask` exist only where there is something to say.
ROLES = {
    "image": ("images", ".jpg"),
    "mask": ("masks", ".png"),
    "depth": ("depth", ".png"),
    "ignore_mask": ("ignore_masks", ".png"),
    "annotation": (ANNOTATIONS, ".json"),
}


def image_name(index: int) -> str:
    """Returns the id of an image: its scene's index with at least six digits."""
    return f"{index:06d}"


def thousand_name(thousand: int) -> str:
    """Returns the folder of images 1000 * thousand to 1000 * thousand + 999."""
    return f"{thousand:04d}"


def is_flat(folder: Path) -> bool:
    """Returns whether a dataset keeps its files in flat folders, by its header; without one it is new, and does not."""
    try:
        header = files.read_json(folder / HEADER, "the header of an image dataset")
    except UserError:  # who needs a header reads it with `image_dataset.read_header`
        return False
    return isinstance(header, dict) and header.get("schema") == FLAT_SCHEMA


def schema_of(folder: Path) -> int:
    """Returns the schema of a dataset, of a new one the latest."""
    return FLAT_SCHEMA if is_flat(folder) else SCHEMA


def sample_paths(folder: Path, name: str, flat: bool | None = None) -> dict[str, Path]:
    """Returns the files of one image by role; the annotation's is there until it is packed.

    Args:
        folder: the dataset.
        name: id of the image.
        flat: `is_flat` where it is known.
    """
    flat = is_flat(folder) if flat is None else flat
    inner = "" if flat else thousand_name(int(name) // PER_FOLDER)
    return {role: folder / where / inner / f"{name}{suffix}" for role, (where, suffix) in ROLES.items()}


def read_annotation(path: Path) -> dict[str, Any]:
    """Returns the content of one annotation file.

    Raises:
        UserError: it is missing, or not a JSON object.
    """
    row = files.read_json(path, "the annotation of one image")
    if not isinstance(row, dict):
        raise UserError(f"{path} is not an annotation of an image dataset: expected an object")
    return row
