"""A user's detection network with the output names of the TF Object Detection API, in either of its two containers.

`input_tensor` (or `image_tensor`) uint8 or float32 [1, H, W, 3] in 0..255, or as the exporter's other input type string
[1], an encoded image (`encoded_image_string_tensor`) -> detection_boxes [1, N, 4] normalized (ymin, xmin, ymax, xmax),
detection_classes [1, N] float (1 = person), detection_scores [1, N], num_detections [1], and from Mask R-CNN
detection_masks [1, N, h, w] in 0..1, relative to the box. Mask R-CNN weights cannot be shipped; the TF1 and TF2
detection zoos have them (mask_rcnn_inception_v2_coco, mask_rcnn_inception_resnet_v2).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from openpose_tf.common.errors import UserError
from openpose_tf.common.fingerprints import fingerprint
from synth.detection.people import People

REQUIRED = ("detection_boxes", "detection_classes", "detection_scores", "num_detections")
MASKS = "detection_masks"
_INPUTS = ("image_tensor", "encoded_image_string_tensor")  # nodes of a frozen graph
_PERSON_CLASS = 1
_MASK_THRESHOLD = 0.5  # TF Object Detection API's own

Function = Callable[[Any], dict[str, Any]]


class TfodDetector:
    """Detector and, with masks, segmenter.

    Args:
        path: SavedModel folder, or a frozen graph (.pb), or a zoo folder that holds either.
        masks_required: refuse a network without `detection_masks`.
        min_score: people below are left out of `segment`.
    """

    def __init__(self, path: Path, masks_required: bool = False, min_score: float = 0.5) -> None:
        path = _find_container(path)
        self._function = _load_saved_model(path) if path.is_dir() else _load_frozen(path, masks_required)
        self._min_score, self._masks_required, self._path = min_score, masks_required, path
        weights = path / "saved_model.pb" if path.is_dir() else path
        variables = sorted((path / "variables").glob("*.index")) if path.is_dir() else []
        self._identity = f"tfod-{fingerprint(weights, *variables, digits=12)}"

    @property
    def identity(self) -> str:
        """Name with the start of the model file's check sum."""
        return self._identity

    def detect(self, image: np.ndarray) -> People:
        """Returns the people of an image [H, W, 3] uint8 RGB, best score first; no masks."""
        boxes, scores, _ = self._run(image, 0.0)
        return People(boxes, scores)

    def segment(self, image: np.ndarray, path: Path) -> People:
        """Returns the people, with masks, of an image [H, W, 3] uint8 RGB; `path` is not used."""
        del path
        boxes, scores, masks = self._run(image, self._min_score)
        full = np.zeros((len(boxes), *image.shape[:2]), bool)
        for target, box, mask in zip(full, boxes, masks):
            paste_mask(target, box, mask)
        return People(boxes, scores, full)

    def _run(self, image: np.ndarray, min_score: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns boxes [N, 4] in pixels, scores [N], box-relative masks [N, h, w] (empty without masks)."""
        outputs = {name: np.asarray(value) for name, value in self._function(tf.constant(image[None])).items()}
        needed = (*REQUIRED, MASKS) if self._masks_required else REQUIRED
        missing = [name for name in needed if name not in outputs]
        if missing:
            raise UserError(
                f"{self._path} has no output {', '.join(missing)}; its outputs: {', '.join(sorted(outputs))}"
            )
        count = int(outputs["num_detections"][0])
        scores = outputs["detection_scores"][0, :count].astype(np.float32)
        is_person = np.rint(outputs["detection_classes"][0, :count]) == _PERSON_CLASS
        chosen = np.flatnonzero(is_person & (scores >= min_score))
        chosen = chosen[np.argsort(-scores[chosen], kind="stable")]
        height, width = image.shape[:2]
        corners = outputs["detection_boxes"][0, chosen][:, [1, 0, 3, 2]]
        boxes = (np.clip(corners, 0, 1) * [width, height, width, height]).astype(np.float32)
        masks = outputs[MASKS][0, chosen] if MASKS in outputs else np.zeros((len(chosen), 0, 0))
        return boxes, scores[chosen], masks


def paste_mask(target: np.ndarray, box: np.ndarray, mask: np.ndarray) -> None:
    """Sets the pixels of `target` that a box-relative mask covers.

    Args:
        target: [H, W] bool, changed in place.
        box: (x1, y1, x2, y2), edges in pixels.
        mask: [h, w] in 0..1, stretched over the box; above 0.5 counts.
    """
    x1, y1 = np.floor(box[:2]).astype(int)
    x2, y2 = np.ceil(box[2:]).astype(int)
    if x2 <= x1 or y2 <= y1:
        return
    height, width = mask.shape
    scale_x, scale_y = width / max(box[2] - box[0], 1e-6), height / max(box[3] - box[1], 1e-6)
    # Pixel x of the crop has its centre at x1 + x + 0.5 in edge coordinates.
    columns = (np.arange(x1, x2) + 0.5 - box[0]) * scale_x - 0.5
    rows = (np.arange(y1, y2) + 0.5 - box[1]) * scale_y - 0.5
    grid_x, grid_y = np.meshgrid(columns.astype(np.float32), rows.astype(np.float32))
    full = cv2.remap(mask.astype(np.float32), grid_x, grid_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    target[y1:y2, x1:x2] = (full > _MASK_THRESHOLD)[: target.shape[0] - y1, : target.shape[1] - x1]


def _find_container(path: Path) -> Path:
    """Returns the SavedModel folder or the frozen graph that `path` means."""
    candidates = [path, path / "saved_model"] if path.is_dir() else []
    for folder in candidates:
        if (folder / "saved_model.pb").is_file():
            return folder
    frozen = path / "frozen_inference_graph.pb" if path.is_dir() else path
    if frozen.is_file():
        return frozen
    raise UserError(f"{path} is neither a SavedModel folder (saved_model.pb) nor a frozen graph (.pb file)")


def _load_saved_model(path: Path) -> Function:
    try:
        model = tf.saved_model.load(str(path))
    except (OSError, ValueError, DecodeError) as error:
        raise UserError(f"{path} could not be loaded as a SavedModel: {str(error).splitlines()[0]}") from None
    if "serving_default" not in model.signatures:
        raise UserError(f"{path} has no signature serving_default; it has: {', '.join(model.signatures) or 'none'}")
    signature = model.signatures["serving_default"]
    inputs = signature.structured_input_signature[1]
    if len(inputs) != 1:
        raise UserError(f"{path}: serving_default takes {list(inputs)}; expected one image tensor")
    ((name, spec),) = inputs.items()
    convert = _converter(path, spec.dtype)

    def call(image: Any, _owner: Any = model) -> dict[str, Any]:  # the model object keeps the variables alive
        return _named_failure(path, lambda: signature(**{name: convert(image)}))

    return call


def _converter(path: Path, dtype: tf.DType) -> Callable[[Any], Any]:
    """Returns what turns an image [1, H, W, 3] uint8 into the input of a network.

    Raises:
        UserError: the input is of another type than the exporter of the TF Object Detection API makes.
    """
    if dtype == tf.string:
        return lambda image: tf.io.encode_png(image[0])[None]
    if dtype == tf.uint8 or dtype.is_floating:  # floats are in 0..255, too: the network normalizes by itself
        return lambda image: tf.cast(image, dtype)
    raise UserError(f"{path}: its input is {dtype.name}; export it with --input_type=image_tensor (uint8 images)")


def _named_failure(path: Path, run: Callable[[], Any]) -> Any:
    """Runs a network; an input that it does not take becomes an error that names it."""
    try:
        return run()
    except (tf.errors.InvalidArgumentError, ValueError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path} does not take an image ({reason}): export it with --input_type=image_tensor") from None


def _load_frozen(path: Path, masks_required: bool) -> Function:
    graph = tf.compat.v1.GraphDef()
    try:
        graph.ParseFromString(path.read_bytes())
    except DecodeError:
        raise UserError(f"{path} is not a frozen TensorFlow graph") from None
    nodes = {node.name for node in graph.node}
    needed = (*REQUIRED, MASKS) if masks_required else REQUIRED
    inputs = [name for name in _INPUTS if name in nodes]
    missing = [*([] if inputs else _INPUTS[:1]), *(name for name in needed if name not in nodes)]
    if missing:
        raise UserError(f"{path} has no node {', '.join(missing)}: expected the names of the TF Object Detection API")
    names = [name for name in (*REQUIRED, MASKS) if name in nodes]
    whole = tf.compat.v1.wrap_function(lambda: tf.import_graph_def(graph, name=""), [])
    feed = f"{inputs[0]}:0"
    pruned = whole.prune(feed, [f"{name}:0" for name in names])
    convert = _converter(path, whole.graph.as_graph_element(feed).dtype)
    return lambda image: dict(zip(names, _named_failure(path, lambda: pruned(convert(image)))))
