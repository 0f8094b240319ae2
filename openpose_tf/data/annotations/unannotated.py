"""People whom an annotation leaves out, found as boxes by a detector: kept out of the loss, or their photographs out.

Many data sets annotate one person of a photograph (a third of LSP's photographs show others, many of MPII's). A network
that finds all people is then punished for right answers. A box of a detector that overlaps an annotated person is that
person; the others are handled as `Handling` says.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from openpose_tf.common import files
from openpose_tf.common.errors import UserError
from openpose_tf.common.imaging.images import read_header, stored_points
from openpose_tf.data.annotations.segmentations import box_polygon
from openpose_tf.data.annotations.types import AnnotatedImage, Handling, Person, ReadRequest, ReadResult
from openpose_tf.skeleton import JointState

# Chosen on COCO photographs with people hidden: docs/measurements/2026-11-27-unannotated-people.md.
MIN_OVERLAP = 0.3  # intersection over union from which a box can be an annotated person
MIN_COVERED = 0.5  # or this share of the annotated person's box inside it
SAME_OVERLAP, SAME_INSIDE = 0.5, 0.8  # a second box of that person: IoU, or share of it inside the person's box
MIN_SCORE = 0.175  # of a box that counts
_JOINT_MARGIN = 0.1  # of a person's height around the joints: a body is larger than its joints
_WHAT = "boxes of people, written by python -m synth.filter_backgrounds --boxes_output"


@dataclasses.dataclass(frozen=True)
class Unannotated:
    """Result of `handle`.

    Attributes:
        images: the photographs that are used.
        num_people: boxes that are nobody annotated.
        num_images: photographs with such a box.
        num_without_boxes: photographs of which the file says nothing.
    """

    images: list[AnnotatedImage]
    num_people: int
    num_images: int
    num_without_boxes: int


def apply(found: ReadResult, request: ReadRequest) -> ReadResult:
    """Returns the images with `request.unannotated` applied; the counts are the fact "unannotated" of the result.

    Raises:
        UserError: flags that contradict each other, a file that is not of boxes, one without any of these photographs,
            or no photograph is left.
    """
    handling = Handling(request.unannotated or (Handling.MASK if request.people_boxes else Handling.KEEP))
    if not request.people_boxes:
        if handling != Handling.KEEP:
            raise UserError(f"--unannotated={handling} needs --people_boxes: {_WHAT}")
        return found
    result = handle(found.images, read_boxes(request.people_boxes), handling)
    if result.num_without_boxes == len(found.images):
        raise UserError(f"{request.people_boxes} names none of the {len(found.images)} photographs: expected {_WHAT}")
    if not result.images:
        raise UserError(f"--unannotated={handling} leaves no photograph of {request.annotations}: use mask")
    counts = {"people": result.num_people, "photographs": result.num_images, "unknown": result.num_without_boxes}
    num_dropped = len(found.images) - len(result.images)
    dropped = {"photograph with people whom the annotation leaves out": num_dropped} if num_dropped else {}
    return dataclasses.replace(
        found,
        images=result.images,
        facts=found.facts | {"unannotated": {"handling": str(handling), **counts}},
        left_out={**found.left_out, **dropped},
    )


def describe(counts: Mapping[str, Any]) -> str:
    """Returns the fact that `apply` adds as a sentence."""
    return (
        f"people whom the annotation leaves out: {counts['people']} in {counts['photographs']} photographs "
        f"({counts['handling']}); photographs without an entry among the boxes: {counts['unknown']}"
    )


def read_boxes(path: str | Path, min_score: float = MIN_SCORE) -> dict[str, np.ndarray]:
    """Returns the boxes [N, 4] float64 (x1, y1, x2, y2) of each photograph, by file name.

    Args:
        path: JSON: {"images": {name: [[x1, y1, x2, y2, score], ...]}}.
        min_score: boxes below are left out.

    Raises:
        UserError: not such a file, or a box has no area or holds a number that is not finite.
    """
    content = files.read_json(path, _WHAT)
    rows = content.get("images") if isinstance(content, dict) else None
    if not isinstance(rows, dict):
        raise UserError(f"{path} is not a list of {_WHAT}")
    try:
        boxes = {name: np.asarray(found, np.float64).reshape(-1, 5) for name, found in rows.items()}
    except (TypeError, ValueError):
        raise UserError(f"{path}: a box is not [x1, y1, x2, y2, score]; expected {_WHAT}") from None
    for name, found in boxes.items():
        usable = np.isfinite(found).all(1) & (found[:, 2:4] > found[:, :2]).all(1)
        if not usable.all():
            raise UserError(
                f"{path}: {name} has the box {found[~usable][0].tolist()}: corners must be finite, x1 < x2 and y1 < y2"
            )
    return {name: found[found[:, 4] >= min_score, :4] for name, found in boxes.items()}


def handle(images: Sequence[AnnotatedImage], boxes: Mapping[str, np.ndarray], handling: Handling) -> Unannotated:
    """Applies the boxes of a detector to annotated photographs.

    Args:
        images: the photographs.
        boxes: [N, 4] (x1, y1, x2, y2) pixels of the upright photograph by file name; a photograph that is not
            listed keeps its annotation.
        handling: what to do with the people found besides the annotated ones.
    """
    kept: list[AnnotatedImage] = []
    num_people = num_images = num_without_boxes = 0
    for image in images:
        found = _boxes_of(image, boxes)
        if found is None:
            num_without_boxes += 1
            kept.append(image)
            continue
        others = left_out(found, image.people)
        num_people += len(others)
        num_images += bool(len(others))
        if not len(others) or handling == Handling.KEEP:
            kept.append(image)
        elif handling == Handling.MASK:
            sized = np.concatenate([others[:, :2], others[:, 2:] - others[:, :2]], 1).tolist()
            regions = tuple([box_polygon(box)] for box in sized)
            kept.append(dataclasses.replace(image, ignore_segmentations=image.ignore_segmentations + regions))
    return Unannotated(kept, num_people, num_images, num_without_boxes)


def _boxes_of(image: AnnotatedImage, boxes: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """Returns the boxes of an image in its own pixels; their key is its path, or the end of it."""
    parts = image.image_path.parts
    tails = ("/".join(parts[start:]) for start in range(len(parts)))
    found = next((boxes[tail] for tail in tails if tail in boxes), None)
    if found is None or not len(found) or image.orientation == "upright":
        return found
    header = read_header(image.image_path)
    corners = stored_points(found.reshape(-1, 2, 2) - 0.5, header.size("upright"), header.exif_orientation) + 0.5
    return np.concatenate([corners.min(1), corners.max(1)], 1)


def left_out(boxes: np.ndarray, people: Sequence[Person]) -> np.ndarray:
    """Returns the boxes [K, 4] that are not an annotated person.

    Each annotated person takes the box that overlaps it most, and further boxes only where they are clearly of the same
    person: people who stand close have boxes that overlap, too.

    Args:
        boxes: [N, 4] (x1, y1, x2, y2).
        people: the annotated people of the photograph.
    """
    own = [box for box in map(person_box, people) if box is not None]
    if not own or not len(boxes):
        return boxes
    boxes, own_boxes = (rows[np.lexsort(rows.T)] for rows in (boxes, np.array(own)))  # equal overlaps: any order is one
    inside = _intersections(boxes, own_boxes)  # [N, P]
    areas, own_areas = np.maximum(_areas(boxes), 1e-9)[:, None], np.maximum(_areas(own_boxes), 1e-9)
    overlap = inside / (areas + own_areas - inside)
    is_annotated = ((overlap >= SAME_OVERLAP) | (inside / areas >= SAME_INSIDE)).any(1)
    is_candidate = (overlap >= MIN_OVERLAP) | (inside / own_areas >= MIN_COVERED)
    while is_candidate.any():
        box, person = np.unravel_index(np.argmax(np.where(is_candidate, overlap, -1.0)), overlap.shape)
        is_annotated[box] = True
        is_candidate[box], is_candidate[:, person] = False, False
    return boxes[~is_annotated]


def person_box(person: Person) -> np.ndarray | None:
    """Returns the box [4] (x1, y1, x2, y2) of a person's annotated joints with a margin, None without joints."""
    known = person.keypoints[person.keypoints[:, 2] != JointState.MISSING, :2]
    if not len(known):
        return None
    margin = _JOINT_MARGIN * 200.0 * person.scale if np.isfinite(person.scale) else 0.0
    return np.concatenate([known.min(0) - margin, known.max(0) + margin])


def _intersections(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns the areas [N, P] of the intersections of boxes [N, 4] and [P, 4]."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    return np.maximum(high - low, 0.0).prod(-1)


def _areas(boxes: np.ndarray) -> np.ndarray:
    return np.maximum(boxes[:, 2:] - boxes[:, :2], 0.0).prod(-1)
