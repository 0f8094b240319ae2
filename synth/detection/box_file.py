"""Boxes of the people in many photographs, in one JSON file that a later call extends.

{"detector": name, "images": {name of a photograph: [[x1, y1, x2, y2, score], ...]}}: pixels of the photograph
turned upright, best score first. `openpose_tf.data.to_tfrecords --people_boxes` reads it.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from openpose_tf.common import files
from openpose_tf.common.errors import UserError
from synth.detection.people import People

LEAST_SCORE = 0.05  # boxes below are noise and would only fill the file
SAVE_EVERY = 100  # photographs between two writes of the file
_WHAT = "a file of people's boxes that --boxes_output wrote"


class BoxFile:
    """The file and what it will hold; a photograph is named by its path in the folder that all of them share.

    Args:
        path: the JSON file; read where it exists.
        detector: `score_cache.detector_name`.
        photographs: all that will be added, absolute.

    Raises:
        UserError: the file is of another detector, or something else.
    """

    def __init__(self, path: Path, detector: str, photographs: Sequence[Path]) -> None:
        files.writable_dir(path.parent)
        self._path, self._detector = path, detector
        self._root = Path(os.path.commonpath([photograph.parent for photograph in photographs]))
        self.rows: dict[str, Any] = self._read()
        self._num_unsaved = 0

    def __contains__(self, photograph: Path) -> bool:
        return self._name(photograph) in self.rows

    def add(self, photograph: Path, people: People) -> None:
        """Adds the people of a photograph; boxes are in pixels of the photograph turned upright."""
        self.rows[self._name(photograph)] = [
            [*(round(float(value), 1) for value in box), round(float(score), 4)]
            for box, score in zip(people.boxes.reshape(-1, 4), people.scores)
            if score >= LEAST_SCORE
        ]
        self._num_unsaved += 1
        if self._num_unsaved >= SAVE_EVERY:
            self.save()

    def save(self) -> None:
        """Writes the file."""
        files.write_json(self._path, {"detector": self._detector, "images": self.rows}, indent=None)
        self._num_unsaved = 0

    def _name(self, photograph: Path) -> str:
        return photograph.relative_to(self._root).as_posix()

    def _read(self) -> dict[str, Any]:
        if not self._path.exists():
            return {}
        content = files.read_json(self._path, _WHAT)
        if not isinstance(content, dict) or not isinstance(content.get("images"), dict):
            raise UserError(f"{self._path} is not {_WHAT}: choose a different --boxes_output, or delete it")
        if content.get("detector") != self._detector:
            raise UserError(
                f"{self._path} holds boxes of {content.get('detector')}, not of {self._detector}: choose a different "
                "--boxes_output, or delete it"
            )
        return dict(content["images"])
