"""Pixels of annotated images: the picture in RGB and the mask of its un-annotated people."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from openpose_tf.common import images
from openpose_tf.common.errors import UserError
from openpose_tf.data.annotations.segmentations import rasterize
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


def read_image(image: AnnotatedImage) -> np.ndarray:
    """Returns the picture of an annotated image, [height, width, 3] uint8 RGB.

    Raises:
        UserError: missing, unreadable, or of another size than its annotation says.
    """
    pixels = images.read_rgb(
        image.image_path, orientation="stored", whole=False, hint="replace it, or leave it out by --exclude_list"
    )
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
        UserError: the mask file is missing or unreadable, or a mask is of another size than the picture.
    """
    mask = None
    if image.ignore_mask_path is not None:
        level = images.read_gray(image.ignore_mask_path)
        if level.shape != (image.height, image.width):
            raise UserError(
                f"mask {image.ignore_mask_path} is {level.shape[1]}x{level.shape[0]} pixels, "
                f"its picture {image.width}x{image.height}: they must be of the same size"
            )
        mask = level > IGNORE_LEVEL
    for segmentation in image.ignore_segmentations:
        region = rasterize(segmentation, image.width, image.height, image.image_path)
        mask = region if mask is None else mask | region
    return mask if mask is not None and mask.any() else None
