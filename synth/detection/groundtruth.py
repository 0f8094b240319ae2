"""Person masks that are already known: COCO segmentations, or one mask image per photograph."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from absl import logging

from openpose_tf.common import files
from openpose_tf.common.errors import UserError
from openpose_tf.common.file_names import last_part
from openpose_tf.common.imaging import images
from openpose_tf.data.annotations.formats.coco_file import id_key, require_unique
from openpose_tf.data.annotations.segmentations import rasterize
from synth.detection.people import People, PersonSegmenter


def make_groundtruth_segmenter(source: Path) -> PersonSegmenter:
    """Returns the segmenter for a COCO annotation file (.json) or a folder of mask images."""
    if source.is_dir():
        return MaskFolder(source)
    content = files.read_json(source, "a COCO annotation file with segmentations, or a folder of mask images")
    if not isinstance(content, dict) or not {"images", "annotations"} <= content.keys():
        raise UserError(f"{source} is not a COCO annotation file: it has no images or annotations")
    try:
        return _coco_masks(content, source)
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{source} is not a COCO annotation file: {error!r} in one of its entries") from None


def _coco_masks(content: dict[str, Any], source: Path) -> "CocoMasks":
    """The people with segmentation or box by their photograph; counts annotations of images that are not listed."""
    require_unique(content["images"], "id", source, "images")
    names = {id_key(image["id"]): last_part(image["file_name"]) for image in content["images"]}
    if len(set(names.values())) < len(names):
        raise UserError(f"{source}: two images have the same file name without folder: masks are found by it")
    people = {id_key(c["id"]) for c in content.get("categories", []) if c.get("name") == "person"} or {"1"}
    by_name: dict[str, list[dict[str, Any]]] = {}
    unlisted = 0
    for annotation in content["annotations"]:
        name = names.get(id_key(annotation.get("image_id")))
        known = annotation.get("segmentation") or _box(annotation)
        unlisted += name is None
        if name is not None and known and id_key(annotation.get("category_id", 1)) in people:
            by_name.setdefault(name, []).append(annotation)
    if unlisted:
        logging.warning("%s: %d annotations are of images that it does not list: left out", source, unlisted)
    return CocoMasks(by_name)


def _box(annotation: dict[str, Any]) -> list[float] | None:
    """The annotated box (x, y, width, height), None if it is empty."""
    box = annotation.get("bbox")
    return box if box and len(box) == 4 and all(side > 0 for side in box[2:]) else None


@dataclasses.dataclass(frozen=True)
class CocoMasks:
    """Masks from COCO annotations.

    Attributes:
        by_name: annotations with a segmentation (polygons or run lengths) or a box by the photograph's file name.
    """

    by_name: dict[str, list[dict[str, Any]]]

    def segment(self, image: np.ndarray, path: Path) -> People:
        """Returns the annotated people of the photograph [H, W, 3] at `path`, with masks."""
        height, width = image.shape[:2]
        people = self.by_name.get(last_part(path.name), [])
        masks = np.zeros((len(people), height, width), bool)
        for mask, person in zip(masks, people):
            mask[:] = rasterize(person.get("segmentation"), width, height, path.name, _box(person))
        return People(boxes_of(masks), np.ones(len(people), np.float32), masks)


@dataclasses.dataclass(frozen=True)
class MaskFolder:
    """Masks from images: FOLDER/NAME.png for the photograph NAME.jpg, people not 0.

    Attributes:
        folder: the folder.
    """

    folder: Path

    def segment(self, image: np.ndarray, path: Path) -> People:
        """Returns the people of the photograph [H, W, 3] at `path` as one mask; nobody without a mask image.

        Raises:
            UserError: the mask has another size than the photograph.
        """
        mask_path = self.folder / (path.stem + ".png")
        if not mask_path.is_file():
            masks = np.zeros((0, *image.shape[:2]), bool)
            return People(boxes_of(masks), np.zeros(0, np.float32), masks)
        mask = images.read_unchanged(mask_path, f"expected the mask of the people in {path.name}")
        mask = mask if mask.ndim == 2 else mask[..., :3].max(-1)
        if mask.shape != image.shape[:2]:
            raise UserError(
                f"{mask_path} is {mask.shape[1]}x{mask.shape[0]} px, "
                f"its photograph {path.name} {image.shape[1]}x{image.shape[0]}"
            )
        masks = (mask > 0)[None] if mask.any() else np.zeros((0, *mask.shape), bool)
        return People(boxes_of(masks), np.ones(len(masks), np.float32), masks)


def boxes_of(masks: np.ndarray) -> np.ndarray:
    """Returns the tight boxes [N, 4] float32 (x1, y1, x2, y2; edges) of masks [N, H, W] bool; zeros if empty."""
    boxes = np.zeros((len(masks), 4), np.float32)
    for box, mask in zip(boxes, masks):
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        if len(rows):
            box[:] = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    return boxes
