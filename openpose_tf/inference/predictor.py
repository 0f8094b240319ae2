"""An exported student as a Python object: images of any size in, people in their pixels out, in batches.

predictor = Predictor("exported")  # a folder of openpose_tf.export, a file of its --weights, or "builtin"
for picture, keypoints, scores in predictor.run([Picture("a", pixels)]):
    ...
"""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf

from openpose_tf.common.errors import UserError
from openpose_tf.common.file_names import POSE_DESCRIPTION
from openpose_tf.config import Precision
from openpose_tf.inference import multi_scale, student_file
from openpose_tf.inference.decoder import DecoderConfig
from openpose_tf.inference.image_files import Picture
from openpose_tf.inference.precision import fastest, in_precision
from openpose_tf.inference.rescaling import keypoints_to_picture
from openpose_tf.inference.saved_model import PoseServer, description
from openpose_tf.inference.shown_size import ShownSize
from openpose_tf.weights import bundled

# Images of one shown size go through the network together; at most this many wait for others of their size.
MAX_WAITING = 48
Result: TypeAlias = tuple[Picture, np.ndarray, np.ndarray]  # image, keypoints [K, 15, 3], scores [K]


class Predictor:
    """Runs a SavedModel of `openpose_tf.export`, or a student in one file.

    Args:
        saved_model: folder of the SavedModel, .npz file of `export --weights`, or name of a bundled student.
        longest_side: longer side in pixels at which images are shown; None for what suits the model, which may depend
            on the image and its people (`shown_size`).
        scales: sizes relative to that whose maps are averaged.
        flip: the maps of the mirrored image are averaged, too. With one scale and without, the SavedModel's own
            decoder answers.
        precision: in which a student in one file computes; None for what is fastest here. A SavedModel computes as it
            was exported, in float32.

    Raises:
        UserError: the folder is not a SavedModel of ours, or the file not a student; a precision for a SavedModel.
    """

    def __init__(
        self,
        saved_model: str | os.PathLike[str],
        longest_side: int | None = None,
        scales: Sequence[float] = (1.0,),
        flip: bool = False,
        precision: Precision | None = Precision.FLOAT32,
    ) -> None:
        path = bundled.find(saved_model) or Path(saved_model)
        is_file = path.suffix == student_file.SUFFIX
        if precision not in (None, Precision.FLOAT32) and not is_file:
            raise UserError(
                f"{path}: a SavedModel computes as it was exported, in float32: leave out --precision={precision}"
            )
        self._model, self._function, self._description = _load_file(path, precision) if is_file else _load(path)
        known = self._description
        by_people = ShownSize(int(known["test_side"]), known.get("person_height"))
        self._shown = ShownSize(longest_side) if longest_side else by_people
        self._scales, self._flip = tuple(scales), flip

    def run(self, pictures: Iterable[Picture], batch_size: int = 8) -> Iterator[Result]:
        """Yields (image, keypoints [K, 15, 3], scores [K]) of every image.

        Images that are shown at one size are batched, so the order holds only among images of equal size.
        """
        if len(self._scales) > 1 or self._flip:
            for picture in pictures:
                scale = self._shown.first(*picture.pixels.shape[:2]) / max(picture.pixels.shape[:2])
                yield picture, *self._average(picture.pixels, scale)
            return
        waiting: dict[tuple[int, int], list[Picture]] = {}
        for picture in pictures:
            size = self._size(picture, self._shown.first(*picture.pixels.shape[:2]))
            waiting.setdefault(size, []).append(picture)
            if len(waiting[size]) == batch_size:
                yield from self._look(waiting.pop(size), size)
            elif sum(map(len, waiting.values())) >= MAX_WAITING:
                size = max(waiting, key=lambda key: len(waiting[key]))
                yield from self._look(waiting.pop(size), size)
        for size, group in waiting.items():
            yield from self._look(group, size)

    def _size(self, picture: Picture, side: float) -> tuple[int, int]:
        """Returns (height, width) as shown to the network, of a longer side of `side` at the scale 1."""
        height, width = picture.pixels.shape[:2]
        scale = self._scales[0] * side / max(height, width)
        return max(1, round(height * scale)), max(1, round(width * scale))

    def _look(self, group: Sequence[Picture], size: tuple[int, int]) -> Iterator[Result]:
        """Yields the results of images that are shown at one size, or of a second look where that is wanted."""
        results = list(self._predict(group, size))
        again: dict[tuple[int, int], list[int]] = {}
        for index, (picture, keypoints, _) in enumerate(results):
            side = self._shown.second(max(size) / self._scales[0], keypoints, max(picture.pixels.shape[:2]))
            if side is not None:
                again.setdefault(self._size(picture, side), []).append(index)
        for other, indices in again.items():
            for index, result in zip(indices, self._predict([group[i] for i in indices], other), strict=True):
                results[index] = result
        yield from results

    def _predict(self, group: Sequence[Picture], size: tuple[int, int]) -> Iterator[Result]:
        shown = np.stack([multi_scale.resize(picture.pixels, *size) for picture in group])
        outputs = self._function(images=tf.constant(shown))
        for picture, keypoints, scores in zip(
            group, outputs["keypoints"].numpy(), outputs["scores"].numpy(), strict=True
        ):
            found = keypoints_to_picture(keypoints[scores > 0], size, picture.pixels.shape[:2])
            yield picture, found.numpy(), scores[scores > 0]

    @cached_property
    def _average(self) -> multi_scale.MultiScalePredictor:
        config = multi_scale.MultiScaleConfig(
            factors=self._scales,
            min_side=int(self._description["model"]["input_size"]),
            decoder=DecoderConfig(**self._description["decoder"]),
        )
        maps_of = multi_scale.with_mirrored(self.maps) if self._flip else self.maps
        return multi_scale.MultiScalePredictor(maps_of, config=config)

    def maps(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns confidence maps [N, h/8, w/8, 16] and pafs [N, h/8, w/8, 28] of uint8 RGB images [N, h, w, 3]."""
        outputs = self._function(images=tf.constant(images))
        return outputs["heatmaps"].numpy(), outputs["pafs"].numpy()


def _load_file(path: Path, precision: Precision | None) -> tuple[Any, Any, dict[str, Any]]:
    """Returns the server of a student in one file, its serving function and its description."""
    model, config, serving = student_file.read_student(path)
    server = PoseServer(in_precision(model, config, precision or fastest()), config, serving)
    return server, server.images, description(config, serving)


def _load(folder: Path) -> tuple[Any, Any, dict[str, Any]]:
    """Returns the SavedModel, its serving function and its description."""
    hint = "write one with python -m openpose_tf.export"
    if not (folder / "saved_model.pb").is_file():
        raise UserError(f"{folder} is not a SavedModel: {hint}")
    path = folder / "assets" / POSE_DESCRIPTION
    try:
        stored = json.loads(path.read_bytes())
        if {"test_side", "decoder", "model"} - set(stored):
            raise KeyError("entries are missing")
        model = tf.saved_model.load(str(folder))
        return model, model.signatures["serving_default"], stored
    except FileNotFoundError:
        raise UserError(f"{folder} is a SavedModel of something else ({path} is missing): {hint}") from None
    except (OSError, ValueError, KeyError, tf.errors.OpError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{folder} is a damaged SavedModel ({reason}): {hint}") from None
