"""Reads the predictor's JSON files: one file per image, people as 15 MPI parts in full-image pixels."""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from openpose_tf.common import files
from openpose_tf.common.errors import UserError
from openpose_tf.common.file_names import last_part
from openpose_tf.skeleton import MPI

_WHAT = 'a prediction file of openpose_tf.predict ({"image", "width", "height", "people": [{"keypoints", "score"}]})'


@dataclasses.dataclass(frozen=True)
class ImagePrediction:
    """The people predicted in one image.

    Attributes:
        name: file name of the image.
        keypoints: [P, 15, 3] float64 (x, y, score) of the MPI parts in pixels; score 0 = part not found.
        scores: [P] float64, one score per person as the predictor gave it.
        width, height: size of the image in pixels; 0 where the file does not say.
        exif_orientation: the tag by which it was turned upright before, 1 to 8.
        is_ranked: `scores` rank the people, as in COCO result lists, instead of the mean score of their found parts.
    """

    name: str
    keypoints: np.ndarray
    scores: np.ndarray
    width: int = 0
    height: int = 0
    exif_orientation: int = 1
    is_ranked: bool = False


ListReader = Callable[[list[Any], Path], dict[str, ImagePrediction]]


def image_key(name: str) -> str:
    """Returns what predictions and ground truth share: the file name without folders and suffix, see `last_part`."""
    return Path(last_part(name)).stem


def read_predictions(folder: str | os.PathLike[str], read_list: ListReader | None = None) -> dict[str, ImagePrediction]:
    """Returns the predictions of every JSON file of a folder and of those within, or of one file, by image key.

    Args:
        folder: the folder or file.
        read_list: reads a COCO result list; None = refuse it, because nothing says which images its ids are.

    Raises:
        UserError: no such folder, no JSON in it, a file of another form, or two files for one image.
    """
    is_file = read_list is not None and os.path.isfile(folder)
    root = Path(folder) if is_file else files.require_dir(folder, "prediction JSON files of openpose_tf.predict")
    found: dict[str, ImagePrediction] = {}
    for path in [root] if is_file else files.list_json(root, recursive=True):
        value = files.read_json(path, _WHAT)
        if isinstance(value, list) and read_list is None:
            raise UserError(f"{path} is a list, perhaps of COCO results: eval.oks reads it; here it must be {_WHAT}")
        read = read_list(value, path) if isinstance(value, list) and read_list else _of_image(_parse(value, path))
        for key, prediction in read.items():
            if key in found:
                raise UserError(f"{path}: a second prediction of image {key!r}: keep one file per image in {root}")
            found[key] = prediction
    if not found and is_file:
        raise UserError(f"{root} holds nobody predicted: expected COCO results, or {_WHAT}")
    if not found:
        raise UserError(f"{root} holds no prediction JSON: run openpose_tf.predict with --output_dir={root} first")
    return found


def _of_image(prediction: ImagePrediction | None) -> dict[str, ImagePrediction]:
    return {} if prediction is None else {image_key(prediction.name): prediction}


def _parse(value: Any, path: Path) -> ImagePrediction | None:
    """Returns one file's prediction; None for a JSON that is not a prediction at all (such as a summary)."""
    if isinstance(value, dict) and not {"people", "image"} & value.keys():
        return None
    if not isinstance(value, dict) or "people" not in value or "image" not in value:
        raise UserError(f"{path} is not {_WHAT}")
    people = value["people"]
    if not isinstance(people, list) or not all(isinstance(person, dict) for person in people):
        raise UserError(f"{path}: 'people' must be a list of objects with 'keypoints' and 'score'")
    keypoints = np.zeros((len(people), MPI.num_parts, 3))
    scores = np.zeros(len(people))
    for index, person in enumerate(people):
        try:
            keypoints[index] = np.array(person["keypoints"], np.float64).reshape(MPI.num_parts, 3)
            scores[index] = float(person.get("score", 0.0))
        except (KeyError, TypeError, ValueError, OverflowError):
            raise UserError(
                f"{path}: person {index} needs 'keypoints' as {MPI.num_parts} triples (x, y, score) and a 'score'"
            ) from None
    if not (np.isfinite(keypoints).all() and np.isfinite(scores).all()):
        raise UserError(f"{path}: NaN or infinite numbers among the predicted people: predict this image again")
    width, height = (_side(value.get(side)) for side in ("width", "height"))
    tag = value.get("exif_orientation")
    tag = tag if isinstance(tag, int) and 1 <= tag <= 8 else 1
    return ImagePrediction(str(value["image"]), keypoints, scores, width, height, tag)


def _side(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0
