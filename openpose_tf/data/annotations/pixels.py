"""Pixels of annotated images: RGB, and the mask of their un-annotated people."""

import collections
import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from absl import logging

from openpose_tf.common.errors import UserError
from openpose_tf.common.imaging import images
from openpose_tf.common.imaging.images import Header, Orientation
from openpose_tf.common.imaging.orientation import ORIENTATIONS
from openpose_tf.data.annotations.segmentations import rasterize
from openpose_tf.data.annotations.types import AnnotatedImage, ReadResult

# Above this grey level an ignore mask means "un-annotated person" (reference: the release's > 30 after resizing).
IGNORE_LEVEL = 30
SHOWN = 10
HINT = "replace it, or leave it out by --exclude_list"
UNREADABLE = "image that cannot be read"
TURNED = "photograph turned upright by its EXIF tag"
DOUBTFUL = "photograph with an EXIF orientation that the annotated size does not decide (--orientation does)"


def require_pictures(paths: Sequence[Path]) -> None:
    """Checks that the image files exist.

    Raises:
        UserError: some do not; the message names the first ten and the count.
    """
    missing = [str(path) for path in paths if not os.path.isfile(path)]
    if missing:
        shown = "\n  ".join(missing[:SHOWN])
        raise UserError(
            f"{len(missing)} of {len(paths)} images are missing; the first are\n  {shown}\n"
            "check the images folder, or leave them out by --exclude_list"
        )


def size_in_file(path: Path, orientation: Orientation) -> tuple[int, int]:
    """Returns (width, height) of an image whose annotation says none; (0, 0) if damaged: `settle` leaves it out."""
    try:
        return images.image_size(path, orientation=orientation)
    except images.UnreadableImage:
        return 0, 0


def settle(found: ReadResult, preferred: Orientation) -> ReadResult:
    """Returns what a reader found without damaged images, and with the orientation of each of the others.

    The stored or the turned size that equals the annotation's decides.

    Args:
        found: of a reader.
        preferred: orientation where both do (180 degrees, squares); COCO's tools read photographs as stored.

    Raises:
        UserError: images are missing or have another size than their annotation says, or none can be read.
    """
    paths = list(dict.fromkeys(image.image_path for image in found.images))
    require_pictures(paths)
    unreadable = images.find_unreadable(paths)
    for path, problem in unreadable.items():
        logging.error("left out: %s cannot be read (%s): %s", path, problem, HINT)
    kept = [image for image in found.images if image.image_path not in unreadable]
    if found.images and not kept:
        problem = f"{paths[0]} cannot be read ({unreadable[paths[0]]})"
        raise UserError(f"none of the {len(paths)} images can be read, {problem}: copy them again")
    headers = {path: images.read_header(path) for path in paths if path not in unreadable}
    _check_sizes(kept, headers)
    notes = collections.Counter(found.notes)
    turned = [
        dataclasses.replace(image, orientation=decide(headers[image.image_path], _size(image), preferred, notes))
        for image in kept
    ]
    left_out, names = dict(found.left_out), {name for path in unreadable for name in (path.name, path.stem)}
    number = len(found.images) - len(kept)
    return dataclasses.replace(
        found,
        images=turned,
        notes={reason: count for reason, count in notes.items() if count},
        num_unreadable=number,
        left_out=left_out | {UNREADABLE: number} if number else left_out,
        left_out_images=found.left_out_images | names,
    )


def _size(image: AnnotatedImage) -> tuple[int, int] | None:
    return (image.width, image.height) if image.size_is_annotated else None


def _check_sizes(kept: Sequence[AnnotatedImage], headers: dict[Path, Header]) -> None:
    wrong = []
    for image in kept:
        size, header = (image.width, image.height), headers[image.image_path]
        sizes = {image.image_path: {header.size(orientation) for orientation in ORIENTATIONS}}
        if image.ignore_mask_path is not None:
            sizes[image.ignore_mask_path] = {images.image_size(image.ignore_mask_path, orientation="stored")}
        wrong += [
            f"{path} is {' or '.join(f'{w}x{h}' for w, h in sorted(found))}, the annotation says {size[0]}x{size[1]}"
            for path, found in sizes.items()
            if size not in found
        ]
    if wrong:
        shown = "\n  ".join(wrong[:SHOWN])
        raise UserError(
            f"{len(wrong)} images have another size than their annotation; the first are\n  {shown}\n"
            "use the images the annotation was made for"
        )


def decide(
    header: Header, size: tuple[int, int] | None, preferred: Orientation, notes: collections.Counter[str]
) -> Orientation:
    """Returns the orientation that an annotation of this size was made for; counts turned and doubtful photographs.

    Args:
        header: of the photograph.
        size: (width, height) in pixels, one of the header's two; None = not known.
        preferred: where the size does not decide.
        notes: what is counted.
    """
    if header.exif_orientation == 1:
        return "stored"
    fitting = [orientation for orientation in ORIENTATIONS if size is None or header.size(orientation) == size]
    chosen = fitting[0] if len(fitting) == 1 else preferred
    notes[DOUBTFUL] += len(fitting) > 1
    notes[TURNED] += chosen == "upright"
    return chosen


def read_image(image: AnnotatedImage) -> np.ndarray:
    """Returns the pixels of an annotated image, [height, width, 3] uint8 RGB.

    Raises:
        UserError: missing, unreadable, or of another size than its annotation says.
    """
    pixels = images.read_rgb(image.image_path, orientation=image.orientation, hint=HINT)
    if pixels.shape[:2] != (image.height, image.width):
        found = f"{pixels.shape[1]}x{pixels.shape[0]}"
        raise UserError(
            f"{image.image_path} is {found} pixels, its annotation says {image.width}x{image.height}: "
            "use the images the annotation was made for"
        )
    return pixels


def read_ignore_mask(image: AnnotatedImage) -> np.ndarray | None:
    """Returns [height, width] bool, True at un-annotated people; None where there are none.

    Raises:
        UserError: the mask file is missing or unreadable, or a mask is of another size than the image.
    """
    mask = None
    if image.ignore_mask_path is not None:
        level = images.read_gray(image.ignore_mask_path)
        if level.shape != (image.height, image.width):
            raise UserError(
                f"mask {image.ignore_mask_path} is {level.shape[1]}x{level.shape[0]} pixels, "
                f"its image {image.width}x{image.height}: they must be of the same size"
            )
        mask = level > IGNORE_LEVEL
    for segmentation in image.ignore_segmentations:
        region = rasterize(segmentation, image.width, image.height, image.image_path)
        mask = region if mask is None else mask | region
    return mask if mask is not None and mask.any() else None
