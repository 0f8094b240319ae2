"""What image datasets hold, for comparing two of them."""

import json
from pathlib import Path

import cv2


def contents(folder: Path) -> dict[str, object]:
    """Returns decoded pixels and annotations of a dataset by file; the card's pictures are left out."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.suffix == ".json" and path.parent.name == "annotations":
            found[name] = json.loads(path.read_text())
        elif path.suffix in (".jpg", ".png") and path.parent.name != "card":
            found[name] = cv2.imread(str(path), cv2.IMREAD_UNCHANGED).tobytes()
    return found
