"""Draws the ground truth of a rendered dataset: keypoints coloured by state, masks, boxes, depth."""

import colorsys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from openpose_tf.common.imaging import images
from openpose_tf.skeleton import JointState

Colour = tuple[int, int, int]
STATE_COLOURS: dict[JointState, Colour] = {
    JointState.VISIBLE: (40, 220, 60),
    JointState.SELF_OCCLUDED: (255, 200, 0),
    JointState.OCCLUDED_BY_OTHER: (255, 50, 40),
    JointState.TRUNCATED: (255, 0, 255),
}
# Limbs and rings of the joints where real and rendered people are in one image.
REAL_COLOUR: Colour = (40, 150, 255)
RENDERED_COLOUR: Colour = (255, 140, 0)
# Limbs between MPII joints, head to feet.
MPII_HEAD_AND_ARMS = ((9, 8), (8, 7), (7, 12), (12, 11), (11, 10), (7, 13), (13, 14), (14, 15))
MPII_LIMBS = (*MPII_HEAD_AND_ARMS, (7, 6), (6, 2), (2, 1), (1, 0), (6, 3), (3, 4), (4, 5))
HINT = "delete it and run the command that made the dataset"
FAR_M = 15.0  # depth that is drawn darkest


def person_colour(number: int) -> Colour:
    """Returns a colour for a person; neighbours in number differ."""
    r, g, b = colorsys.hsv_to_rgb((number * 0.381966) % 1.0, 0.75, 1.0)
    return int(r * 255), int(g * 255), int(b * 255)


def read_picture(folder: Path, annotation: Mapping[str, Any]) -> np.ndarray:
    """Returns the image of an annotation, [height, width, 3] uint8 RGB."""
    return images.read_rgb(folder / annotation["image"], orientation="upright", hint=HINT)


def draw_keypoints(image: np.ndarray, people: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Returns a copy with limbs in each person's colour and joints in the colours of their states.

    Where real and rendered people are mixed, limbs and rings of the joints are blue for real people and orange for
    rendered ones.
    """
    out = image.copy()
    mixed = any(not person.get("is_synthetic", True) for person in people)
    size = max(image.shape[:2])
    thickness, radius = max(1, round(size / 500)), max(2, round(size / 220))
    for number, person in enumerate(people):
        points = np.asarray(person["keypoints"], np.float64)
        origin = RENDERED_COLOUR if person.get("is_synthetic", True) else REAL_COLOUR
        drawable = (points[:, 2] > 0) & (np.abs(points[:, :2]) < 4 * size).all(1)
        pixels = np.rint(np.where(drawable[:, None], points[:, :2], 0)).astype(int)
        for a, b in MPII_LIMBS:
            if drawable[a] and drawable[b]:
                limb = origin if mixed else person_colour(number)
                cv2.line(out, tuple(pixels[a]), tuple(pixels[b]), limb, thickness, cv2.LINE_AA)
        for joint in np.flatnonzero(drawable):
            colour = STATE_COLOURS[JointState(int(points[joint, 2]))]
            cv2.circle(
                out, tuple(pixels[joint]), radius + 1 + mixed, origin if mixed else (20, 20, 20), -1, cv2.LINE_AA
            )
            cv2.circle(out, tuple(pixels[joint]), radius, colour, -1, cv2.LINE_AA)
    return out


def draw_masks(image: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Returns a copy with each person's visible pixels tinted."""
    out = image.copy()
    for number in np.unique(ids[ids > 0]):
        where = ids == number
        out[where] = (0.45 * out[where] + 0.55 * np.array(person_colour(int(number) - 1))).astype(np.uint8)
    return out


def draw_boxes(image: np.ndarray, people: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Returns a copy with visible boxes (full), amodal boxes (thin), head boxes and centres."""
    out = image.copy()
    for number, person in enumerate(people):
        colour = person_colour(number)
        for name, thickness in (("amodal_box", 1), ("box", 2), ("head_box", 1)):
            if person.get(name):
                x1, y1, x2, y2 = (round(float(value)) for value in np.clip(person[name], -9999, 9999))
                cv2.rectangle(out, (x1, y1), (x2, y2), colour, thickness, cv2.LINE_AA)
        if person["objpos"]:
            x, y = (round(float(value)) for value in np.clip(person["objpos"], -9999, 9999))
            cv2.drawMarker(out, (x, y), colour, cv2.MARKER_CROSS, 10, 2)
    return out


def draw_depth(millimetres: np.ndarray) -> np.ndarray:
    """Returns depth as an image: near is bright, nothing is black; input uint16 millimetres, 0 = background."""
    near = 1 - np.clip(millimetres / 1000 / FAR_M, 0, 1)
    shown = cv2.applyColorMap((near * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)[:, :, ::-1].copy()
    shown[millimetres == 0] = 0
    return shown


def panels(folder: Path, annotation: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Returns the views of one image by name: image, keypoints, masks, boxes, and depth where there is one."""
    image, people = read_picture(folder, annotation), annotation["people"]
    ids = images.read_unchanged(folder / annotation["mask"], HINT)
    shown = {
        "image": image,
        "keypoints": draw_keypoints(image, people),
        "masks": draw_masks(image, ids),
        "boxes": draw_boxes(image, people),
    }
    if annotation.get("depth"):
        shown["depth"] = draw_depth(images.read_unchanged(folder / annotation["depth"], HINT))
    return shown
