"""The small built-in networks: CenterNet for boxes; selfie and pose-landmark segmentation for masks.

Of the freely installable networks that were tried, CenterNet on the whole image, stretched to 512x512, separated
photographs with and without people best at its cost; the mean of both segmenters gave the best masks
(docs/measurements/2026-11-23-people-filter-and-style.md).
"""

from pathlib import Path

import cv2
import numpy as np
import tensorflow as tf

from synth.detection import model_files, tfjs_graph
from synth.detection.people import People, non_maximum_suppression

_CENTERNET_SIDE, _MASK_SIDE = 512, 256
_PERSON_CLASS = 0
_MAX_OVERLAP = 0.55
_CROP_FACTOR = 1.25  # of the longer side of the box
_MASK_THRESHOLD = 0.45  # of the mean of both networks; chosen by hand on 4 COCO images
_BOX_MARGIN = 0.05  # of the box's sides; beyond it a mask is cut off


class CenterNetDetector:
    """CenterNet with a MobileNet trunk (COCO classes); person boxes.

    Args:
        models_dir: folder with centernet.json and centernet.bin.
    """

    def __init__(self, models_dir: Path) -> None:
        model_files.require(models_dir, "centernet.bin")  # the shard that the .json names
        path = model_files.require(models_dir, "centernet.json")
        self._model = tfjs_graph.load(path, outputs=("tower_0/detections:0",))

    @property
    def identity(self) -> str:
        """Name with the start of the weights' check sum."""
        sha256 = next(f.sha256 for f in model_files.BUILTIN_FILES if f.name == "centernet.bin")
        return f"centernet-{sha256[:12]}"

    def detect(self, image: np.ndarray) -> People:
        """Returns the people of an image [H, W, 3] uint8 RGB, best score first."""
        height, width = image.shape[:2]
        stretched = cv2.resize(image, (_CENTERNET_SIDE, _CENTERNET_SIDE), interpolation=cv2.INTER_LINEAR)
        # [1, 100, 6]: x1, y1, x2, y2 on the 512 grid, score, class
        found = self._model.function(tf.constant(stretched[None], tf.float32))[0].numpy()[0]
        found = found[found[:, 5] == _PERSON_CLASS]
        boxes = found[:, :4] * (np.array([width, height, width, height]) / _CENTERNET_SIDE)
        boxes = np.clip(boxes, 0, [width, height, width, height]).astype(np.float32)
        kept = non_maximum_suppression(boxes, found[:, 4], _MAX_OVERLAP)
        return People(boxes[kept], found[kept, 4].astype(np.float32))


class BuiltinSegmenter:
    """Person masks: boxes of CenterNet, inside each the mean of two small segmentation networks.

    Args:
        models_dir: folder of all built-in files.
        min_score: boxes below are left out; the default of the people filter. On 68 COCO photographs 0.25 finds someone
            in three more than 0.3 at the same precision (0.86).

    """

    def __init__(self, models_dir: Path, min_score: float = 0.25) -> None:
        self._detector = CenterNetDetector(models_dir)
        self._min_score = min_score
        model_files.require(models_dir, "selfie.bin")
        self._selfie = tfjs_graph.load(model_files.require(models_dir, "selfie.json"))
        self._pose = _TfliteSegmentation(model_files.require(models_dir, "pose_landmark_full.tflite"))

    def segment(self, image: np.ndarray, path: Path) -> People:
        """Returns the people, with masks, of an image [H, W, 3] uint8 RGB; `path` is not used."""
        del path
        found = self._detector.detect(image)
        sure = found.scores >= self._min_score
        boxes = found.boxes[sure]
        masks = np.zeros((len(boxes), *image.shape[:2]), bool)
        for mask, box in zip(masks, boxes):
            mask[:] = self._mask_in_box(image, box)
        return People(boxes, found.scores[sure], masks)

    def _mask_in_box(self, image: np.ndarray, box: np.ndarray) -> np.ndarray:
        height, width = image.shape[:2]
        to_crop = crop_matrix(box, _CROP_FACTOR, _MASK_SIDE)
        crop = cv2.warpAffine(image, to_crop, (_MASK_SIDE, _MASK_SIDE), flags=cv2.INTER_AREA)
        batch = crop[None].astype(np.float32) / 255
        selfie = self._selfie.function(tf.constant(batch))[0].numpy()[0, ..., 0]
        probability = (selfie + self._pose(batch)) / 2
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        full = cv2.warpAffine(probability, to_crop, (width, height), flags=flags)
        return (full > _MASK_THRESHOLD) & _box_mask(box, width, height)


def crop_matrix(box: np.ndarray, factor: float, side: int) -> np.ndarray:
    """Returns the [2, 3] affine map from image pixels to a square crop of `side` pixels around a box.

    Args:
        box: (x1, y1, x2, y2).
        factor: the square's side over the box's longer side.
        side: pixels of the crop.
    """
    length = max(box[2] - box[0], box[3] - box[1], 1.0) * factor
    scale = side / length
    centre = np.array([box[0] + box[2], box[1] + box[3]]) / 2
    shift = side / 2 - 0.5 - scale * (centre - 0.5)  # edges at half pixels on both sides
    return np.array([[scale, 0, shift[0]], [0, scale, shift[1]]], np.float64)


def _box_mask(box: np.ndarray, width: int, height: int) -> np.ndarray:
    margin = _BOX_MARGIN * (box[2:] - box[:2])
    x1, y1 = np.maximum(np.floor(box[:2] - margin), 0).astype(int)
    x2, y2 = np.ceil(box[2:] + margin).astype(int)
    inside = np.zeros((height, width), bool)
    inside[y1:y2, x1:x2] = True
    return inside


class _TfliteSegmentation:
    """The segmentation output of pose_landmark: [1, 256, 256, 3] in 0..1 -> [256, 256] probability."""

    def __init__(self, path: Path) -> None:
        self._interpreter = tf.lite.Interpreter(model_path=str(path))
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        shape = (1, _MASK_SIDE, _MASK_SIDE, 1)
        outputs = self._interpreter.get_output_details()
        self._output = next(entry["index"] for entry in outputs if tuple(entry["shape"]) == shape)

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        self._interpreter.set_tensor(self._input, batch)
        self._interpreter.invoke()
        logits = self._interpreter.get_tensor(self._output)[0, ..., 0]
        return 1 / (1 + np.exp(-np.clip(logits, -50, 50)))
