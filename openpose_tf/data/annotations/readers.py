"""The registry of dataset readers: every format that becomes records, photographs of D_M, or ground truth.

A new format is one module with a function `read(ReadRequest) -> ReadResult` and one line in `READERS`. Its name is then
a value of every `--format`, and the evaluation takes it where `recognizes` tells it from the others.
"""

import collections
import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from absl import logging

from openpose_tf.common.errors import UserError
from openpose_tf.data.annotations import image_dataset, pixels, splits, unannotated
from openpose_tf.data.annotations.formats import coco, coco_file, lsp, mpii_reader, ochuman, openpose_json, posetrack18
from openpose_tf.data.annotations.formats.coco_file import CocoFile
from openpose_tf.data.annotations.types import TRAIN, VALIDATION, AnnotatedImage, ReadRequest, ReadResult


@dataclasses.dataclass(frozen=True)
class Reader:
    """One format.

    Attributes:
        read: returns the annotated images; it writes nothing.
        needs_images: the images are in a folder of their own, `--images`.
        has_split: `--split` is "train" or "val" and chooses the images; else it is only a name.
        min_joints: least number of joints in the image for a sample.
        recognizes: tells by content whether a path has this format, so that no `--format` is needed; or None.
        parse: returns the people in the joints of the file itself, for OKS; None = those of `read` count.
    """

    read: Callable[[ReadRequest], ReadResult]
    needs_images: bool = True
    has_split: bool = False
    min_joints: int = 1
    recognizes: Callable[[Path], bool] | None = None
    parse: Callable[[str | Path], CocoFile] | None = None


READERS = {
    # At least 5 joints: as OpenPose.
    "coco": Reader(coco.read, min_joints=5, recognizes=coco_file.recognizes, parse=coco_file.parse),
    "mpii": Reader(mpii_reader.read, has_split=True),
    "openpose_json": Reader(openpose_json.read, has_split=True),
    "lsp": Reader(lsp.read, min_joints=5),
    "ochuman": Reader(ochuman.read, min_joints=5),
    "posetrack18": Reader(posetrack18.read, min_joints=5),
    "image_dataset": Reader(image_dataset.read, needs_images=False, recognizes=Path.is_dir),
}
FORMATS = tuple(READERS)


def read(name: str, request: ReadRequest) -> ReadResult:
    """Returns the images of an annotation that the lists of the request choose and that can be read.

    Args:
        name: one of FORMATS.
        request: which images.

    Raises:
        UserError: a flag is missing, the annotation or an image is not what it should be, or no image is left.
    """
    reader = READERS[name]
    if not request.annotations:
        raise UserError(f"--annotations is needed for --format={name}")
    if reader.needs_images and not request.images:
        raise UserError(f"--images is needed for --format={name}: the folder of the images")
    if reader.has_split and request.split not in (TRAIN, VALIDATION):
        raise UserError(f"--split={request.split}: --format={name} knows {TRAIN} and {VALIDATION}")
    found = reader.read(request)
    _require_distinct(found.images, request.annotations)
    facts = {"format": name, "annotations": request.annotations, **found.facts}
    found = pixels.settle(splits.choose(dataclasses.replace(found, facts=facts), request), request.orientation)
    found = unannotated.apply(found, request)
    for reason, count in found.left_out.items():
        logging.info("%s: %d left out: %s", request.annotations, count, reason)
    for reason, count in found.notes.items():
        logging.info("%s: %d: %s", request.annotations, count, reason)
    return found


def _require_distinct(found: Sequence[AnnotatedImage], source: str) -> None:
    """Refuses two images with one id, or of one file: each would have only a part of its people, or a foreign one's."""
    for what in ("image_id", "image_path"):
        number = collections.Counter(getattr(image, what) for image in found)
        twice = [key for key, count in number.items() if count > 1]
        if twice:
            raise UserError(
                f"{source}: {len(twice)} images are listed twice, such as {twice[0]}: where files were merged, give "
                "every image an id and a file of its own"
            )


def parse_recognized(path: str | Path) -> CocoFile | None:
    """Returns the people of a path, in the joints of its own, whose format its content tells and has such; else None.

    Raises:
        UserError: the format is recognized, but the content is not what it should be.
    """
    for reader in READERS.values():
        if reader.parse is not None and reader.recognizes is not None and reader.recognizes(Path(path)):
            return reader.parse(path)
    return None


def read_recognized(path: str | Path) -> list[AnnotatedImage] | None:
    """Returns the images of a path whose format its content tells and that holds its own images; else None.

    Raises:
        UserError: the format is recognized, but the content is not what it should be.
    """
    for reader in READERS.values():
        if not reader.needs_images and reader.recognizes is not None and reader.recognizes(Path(path)):
            return reader.read(ReadRequest(str(path))).images
    return None
