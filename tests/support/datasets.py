"""What image datasets hold, for comparing two of them; and flat ones, as older versions made them."""

import json
import shutil
from pathlib import Path
from typing import Any

import cv2

from openpose_tf.data.annotations import image_dataset_schema as schema
from openpose_tf.data.annotations.store import listing


def annotations(folder: Path) -> dict[str, dict[str, Any]]:
    """Returns the annotations of a dataset by image id."""
    return {name: row for part in listing.parts(folder) for name, row in part.rows()}


def contents(folder: Path) -> dict[str, object]:
    """Returns decoded pixels of a dataset by file and annotations by id; the card's pictures are left out."""
    found: dict[str, object] = dict(annotations(folder))
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".jpg", ".png") and path.parent.name != "card":
            found[str(path.relative_to(folder))] = cv2.imread(str(path), cv2.IMREAD_UNCHANGED).tobytes()
    return found


def make_flat(source: Path, folder: Path) -> Path:
    """Returns a flat copy of a dataset, as older versions made it."""
    header = json.loads((source / schema.HEADER).read_text())
    folder.mkdir()
    (folder / schema.HEADER).write_text(json.dumps(header | {"schema": schema.FLAT_SCHEMA}))
    for name, row in annotations(source).items():
        for role, path in schema.sample_paths(folder, name, flat=True).items():
            if row.get(role) or role == "annotation":
                path.parent.mkdir(exist_ok=True)
            if row.get(role):
                path = path.with_suffix(Path(row[role]).suffix)
                shutil.copy(source / row[role], path)
                row[role] = str(path.relative_to(folder))
        path.write_text(json.dumps(row | {"schema": schema.FLAT_SCHEMA}) + "\n")
    return folder
