"""Skeletons on images, and sheets of images. NumPy and OpenCV only, so that every package can use it.

picture = draw_people(image, keypoints)             # one colour per limb
sheet = contact_sheet([picture, other], columns=2)
"""

import colorsys
import math
from collections.abc import Sequence

import cv2
import numpy as np

from openpose_tf.skeleton import MPI, Skeleton

# Sub-pixel drawing: OpenCV takes coordinates in 1/16 pixel.
SHIFT = 4
FONT = cv2.FONT_HERSHEY_SIMPLEX
Colour = tuple[int, int, int]


def limb_colours(count: int) -> list[Colour]:
    """Returns `count` clear RGB colours around the colour circle."""
    rgb = [colorsys.hsv_to_rgb(index / max(count, 1), 0.85, 1.0) for index in range(count)]
    return [(round(255 * r), round(255 * g), round(255 * b)) for r, g, b in rgb]


def draw_people(
    image: np.ndarray,
    keypoints: np.ndarray,
    skeleton: Skeleton = MPI,
    *,
    min_score: float = 0.0,
    hollow: np.ndarray | None = None,
    opacity: float = 0.8,
    line_width: float | None = None,
) -> np.ndarray:
    """Returns a copy of the image with people drawn on it.

    Limbs are half-transparent strokes, one colour each; parts are dots. Stroke width follows the size of the person.

    Args:
        image: [H, W, 3] uint8 RGB.
        keypoints: [num_people, parts, 3] (x, y, score or state) in pixels; parts whose third number is not above
            `min_score`, or whose position is not finite, are left out.
        skeleton: parts and limbs.
        min_score: see above.
        hollow: [num_people, parts] bool, parts drawn as rings (for example occluded ones); None for none.
        opacity: of the limbs, 0 to 1.
        line_width: pixels; None chooses by each person's size.
    """
    keypoints = np.asarray(keypoints, np.float64).reshape(-1, skeleton.num_parts, 3)
    shown = (keypoints[..., 2] > min_score) & np.isfinite(keypoints[..., :2]).all(-1)
    widths = [line_width or _line_width(p[s]) for p, s in zip(keypoints, shown, strict=True)]
    colours = limb_colours(skeleton.num_limbs)
    strokes = np.ascontiguousarray(image).copy()
    for person, seen, width in zip(keypoints, shown, widths, strict=True):
        for (a, b), colour in zip(skeleton.limbs, colours, strict=True):
            if seen[a] and seen[b]:
                cv2.line(
                    strokes, _point(person[a]), _point(person[b]), colour, max(1, round(width)), cv2.LINE_AA, SHIFT
                )
    drawn = cv2.addWeighted(strokes, opacity, np.ascontiguousarray(image), 1 - opacity, 0)
    part_colours = _part_colours(skeleton, colours)
    for index, (person, seen, width) in enumerate(zip(keypoints, shown, widths, strict=True)):
        for part in np.flatnonzero(seen):
            ring = hollow is not None and bool(hollow[index][part])
            _dot(drawn, person[part], 0.8 * width, part_colours[part], ring)
    return drawn


def _line_width(points: np.ndarray) -> float:
    """Returns about 1/45 of the person's extent, between 1.5 and 12 px."""
    if len(points) < 2:
        return 2.0
    extent = float(np.hypot(*np.ptp(points[:, :2], axis=0)))
    return min(max(extent / 45, 1.5), 12.0)


def _point(keypoint: np.ndarray) -> tuple[int, int]:
    # Far outside points would overflow OpenCV's fixed-point numbers.
    x, y = np.clip(keypoint[:2], -10000, 30000)
    return round(float(x) * 2**SHIFT), round(float(y) * 2**SHIFT)


def _part_colours(skeleton: Skeleton, colours: list[Colour]) -> list[Colour]:
    """Returns each part's colour: that of the limb that leads to it, or away from it."""
    result = [(255, 255, 255)] * skeleton.num_parts
    for (first, _), colour in reversed(list(zip(skeleton.limbs, colours, strict=True))):
        result[first] = colour
    for (_, second), colour in zip(skeleton.limbs, colours, strict=True):
        result[second] = colour
    return result


def _dot(image: np.ndarray, keypoint: np.ndarray, radius: float, colour: Colour, ring: bool) -> None:
    centre, size = _point(keypoint), round(max(radius, 1.5) * 2**SHIFT)
    outline = max(1, round(radius / 3))
    if ring:
        cv2.circle(image, centre, size, colour, outline, cv2.LINE_AA, SHIFT)
        return
    cv2.circle(image, centre, size, colour, -1, cv2.LINE_AA, SHIFT)
    cv2.circle(image, centre, size, (255, 255, 255), outline, cv2.LINE_AA, SHIFT)


def contact_sheet(
    images: Sequence[np.ndarray],
    columns: int | None = None,
    *,
    cell_width: int = 240,
    cell_height: int | None = None,
    gap: int = 6,
    background: Colour = (24, 24, 24),
    captions: Sequence[str] | None = None,
) -> np.ndarray:
    """Returns one image [H, W, 3] uint8 with all images in rows, each shrunk or enlarged to fit its cell.

    Args:
        images: images [h, w, 3] uint8 RGB of any sizes, at least one.
        columns: images per row; None for a sheet that is about square.
        cell_width: pixels.
        cell_height: pixels; None for the median shape of the images.
        gap: pixels between and around cells.
        background: RGB.
        captions: one short line per image, written on its lower edge; None for none.
    """
    if not images:
        raise ValueError("a contact sheet needs at least one image")
    if cell_height is None:
        cell_height = max(1, round(cell_width * float(np.median([i.shape[0] / i.shape[1] for i in images]))))
    columns = min(columns or math.ceil(math.sqrt(len(images) * cell_height / cell_width)), len(images))
    rows = math.ceil(len(images) / columns)
    step_y, step_x = cell_height + gap, cell_width + gap
    sheet = np.full((rows * step_y + gap, columns * step_x + gap, 3), background, np.uint8)
    for index, image in enumerate(images):
        cell = _fit(image, cell_width, cell_height)
        if captions:
            _write(cell, captions[index])
        top = gap + index // columns * step_y + (cell_height - cell.shape[0]) // 2
        left = gap + index % columns * step_x + (cell_width - cell.shape[1]) // 2
        sheet[top : top + cell.shape[0], left : left + cell.shape[1]] = cell
    return sheet


def _fit(image: np.ndarray, width: int, height: int) -> np.ndarray:
    scale = min(width / image.shape[1], height / image.shape[0])
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    return np.array(cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC))


def _write(image: np.ndarray, text: str) -> None:
    """Writes one line on the lower edge: white on a dark outline."""
    place, scale = (5, image.shape[0] - 7), max(0.35, image.shape[1] / 600)
    cv2.putText(image, text, place, FONT, scale, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.putText(image, text, place, FONT, scale, (255, 255, 255), 1, cv2.LINE_AA)
