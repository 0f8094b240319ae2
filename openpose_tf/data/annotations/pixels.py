"""Pixels of annotated images: the picture in RGB and the mask of its un-annotated people."""

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np

from openpose_tf.common.errors import UserError
from openpose_tf.data.annotations.types import AnnotatedImage

# Above this grey level an ignore mask means "un-annotated person" (reference: the release's > 30 after resizing).
IGNORE_LEVEL = 30
MISSING_SHOWN = 10


def require_pictures(paths: Sequence[Path]) -> None:
    """Checks that the picture files exist.

    Raises:
        UserError: some do not; the message names the first ten and the count.
    """
    missing = [str(path) for path in paths if not path.is_file()]
    if missing:
        shown = "\n  ".join(missing[:MISSING_SHOWN])
        raise UserError(
            f"{len(missing)} of {len(paths)} pictures are missing; the first are\n  {shown}\n"
            "check the images folder, or leave them out by --exclude_list"
        )


def picture_size(path: Path) -> tuple[int, int]:
    """Returns (width, height) of a picture file; of a JPEG or PNG from its header alone.

    Raises:
        UserError: the file cannot be read as a picture.
    """
    with open(path, "rb") as file:
        start = file.read(26)
        if start[:8] == b"\x89PNG\r\n\x1a\n" and len(start) >= 24:
            width, height = struct.unpack(">II", start[16:24])
            return width, height
        size = _jpeg_size(file) if start[:2] == b"\xff\xd8" else None
    if size is None:
        height, width = read_rgb(path).shape[:2]
        return width, height
    return size


def _jpeg_size(file: BinaryIO) -> tuple[int, int] | None:
    """Walks over the segments of a JPEG to its frame header (SOF0 to SOF15 without DHT, JPG and DAC)."""
    file.seek(2)
    while (marker := file.read(2)) and len(marker) == 2 and marker[0] == 0xFF:
        if marker[1] == 0xFF:  # fill byte
            file.seek(-1, 1)
            continue
        head = file.read(7)
        if len(head) < 7:
            return None
        if 0xC0 <= marker[1] <= 0xCF and marker[1] not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", head[3:7])
            return width, height
        file.seek(struct.unpack(">H", head[:2])[0] - 7, 1)
    return None


def read_rgb(path: Path) -> np.ndarray:
    """Returns a picture file as [H, W, 3] uint8 RGB; grey and CMYK files are converted, EXIF rotation is not applied.

    Raises:
        UserError: the file is missing or is not a picture.
    """
    if not path.is_file():
        raise UserError(f"picture {path} does not exist: check the images folder")
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if pixels is None:
        raise UserError(f"{path} cannot be read as a picture: replace it or leave it out")
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


def read_image(image: AnnotatedImage) -> np.ndarray:
    """Returns the picture of an annotated image, [height, width, 3] uint8 RGB.

    Raises:
        UserError: missing, unreadable, or of another size than its annotation says.
    """
    pixels = read_rgb(image.image_path)
    if pixels.shape[:2] != (image.height, image.width):
        found = f"{pixels.shape[1]}x{pixels.shape[0]}"
        raise UserError(
            f"{image.image_path} is {found} pixels, its annotation says {image.width}x{image.height}: "
            "use the pictures the annotation was made for"
        )
    return pixels


def read_ignore_mask(image: AnnotatedImage) -> np.ndarray | None:
    """Returns [height, width] bool, True at un-annotated people; None where there are none.

    Raises:
        UserError: the mask file is missing, unreadable or of another size than the picture.
    """
    mask = None
    if image.ignore_mask_path is not None:
        level = cv2.imread(str(image.ignore_mask_path), cv2.IMREAD_GRAYSCALE)
        if level is None:
            raise UserError(f"mask {image.ignore_mask_path} is missing or cannot be read as a picture")
        if level.shape != (image.height, image.width):
            raise UserError(
                f"mask {image.ignore_mask_path} is {level.shape[1]}x{level.shape[0]} pixels, "
                f"its picture {image.width}x{image.height}: they must be of the same size"
            )
        mask = level > IGNORE_LEVEL
    for segmentation in image.ignore_segmentations:
        region = rasterise(segmentation, image.width, image.height)
        mask = region if mask is None else mask | region
    return mask if mask is not None and mask.any() else None


def rasterise(segmentation: object, width: int, height: int) -> np.ndarray:
    """Returns a COCO segmentation (polygons, or run lengths) as [height, width] bool."""
    from pycocotools import mask as coco_mask

    if isinstance(segmentation, dict) and isinstance(segmentation["counts"], list):
        runs = coco_mask.frPyObjects(segmentation, height, width)
    elif isinstance(segmentation, dict):
        runs = segmentation
    else:
        runs = coco_mask.merge(coco_mask.frPyObjects(segmentation, height, width))
    return coco_mask.decode(runs).astype(bool)
