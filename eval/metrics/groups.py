"""One evaluation entry of the MPII benchmark as plain arrays, and its checks. NumPy only."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from openpose_tf.common.errors import UserError
from openpose_tf.skeleton import NUM_MPII_JOINTS


@dataclasses.dataclass(frozen=True)
class GroupTruth:
    """The people of one group, joints in MPII order.

    Attributes:
        xy: [G, 16, 2] float64 pixels, NaN = not annotated.
        visible: [G, 16] float64; 1 visible, 0 occluded, NaN = flag empty or joint not annotated.
        head_boxes: [G, 4] float64 (x1, y1, x2, y2); NaN for a person without joints that has no box.
        objpos: [G, 2] float64, NaN where unknown.
        scales: [G] float64 (person height / 200 px), NaN where unknown.
        image: name of the image, "" where unknown.
    """

    xy: np.ndarray
    visible: np.ndarray
    head_boxes: np.ndarray
    objpos: np.ndarray
    scales: np.ndarray
    image: str = ""


@dataclasses.dataclass(frozen=True)
class GroupPredictions:
    """The people predicted in one group, joints in MPII order.

    Attributes:
        xy: [P, 16, 2] float64 pixels, NaN = not predicted.
        scores: [P, 16] float64 finite, NaN = not predicted.
        image: name of the image, "" where unknown.
    """

    xy: np.ndarray
    scores: np.ndarray
    image: str = ""


Point = Mapping[str, Any]  # "id", "x", "y" and "is_visible" or "score", as read from a file


def number(value: Any, what: str) -> float:
    """Returns `value` as a finite float.

    Raises:
        UserError: it is not a number, NaN or infinite; the message begins with `what`.
    """
    try:
        result = float(value)
    except (TypeError, ValueError):
        raise UserError(f"{what} is {value!r}, not a number") from None
    if not math.isfinite(result):
        raise UserError(f"{what} is {result}: NaN and infinite numbers are not allowed")
    return result


def joint_id(value: Any, what: str) -> int:
    """Returns an MPII joint id 0..15.

    Raises:
        UserError: it is something else; the message begins with `what`.
    """
    result = number(value, what)
    if result != int(result) or not 0 <= result < NUM_MPII_JOINTS:
        raise UserError(f"{what} is {result:g}: MPII joint ids are 0 to {NUM_MPII_JOINTS - 1}")
    return int(result)


def visibility(value: Any) -> float:
    """Returns is_visible as 1, 0 or NaN.

    Files hold numbers, text ('0', '1') or nothing (docs/reference/evaluation.md section 11), copies of them also -1 for
    nothing. The metric does not use the flag, so anything else is "not known" instead of an error.
    """
    try:
        result = float(value)
    except (TypeError, ValueError):
        return np.nan
    return result if result in (0.0, 1.0) else np.nan


def place(points: Sequence[Point], third: str, what: str) -> np.ndarray:
    """Returns a point list as an array; of a repeated id the first point wins.

    Args:
        points: each with "id", "x", "y" and `third`.
        third: "score" (a finite number) or "is_visible" (0, 1; else NaN).
        what: whose points these are, for messages.

    Returns:
        [16, 3] float64 (x, y, third), NaN = absent.

    Raises:
        UserError: a number is missing, NaN or infinite, or an id is out of range.
    """
    names = ("id", "x", "y", "score") if third == "score" else ("id", "x", "y")
    result = [[math.nan] * 3 for _ in range(NUM_MPII_JOINTS)]
    for index, point in enumerate(points):
        here = f"{what}, point {index + 1}: "
        for name in names:
            if point.get(name) is None:
                raise UserError(f"{what}, point {index + 1} has no {name}")
        joint = joint_id(point["id"], here + "id")
        x, y = number(point["x"], here + "x"), number(point["y"], here + "y")
        last = number(point["score"], here + "score") if third == "score" else visibility(point.get("is_visible"))
        if math.isnan(result[joint][0]):
            result[joint] = [x, y, last]
    return np.array(result)


def head_box(corners: Sequence[Any], has_points: bool, what: str) -> np.ndarray:
    """Returns [4] float64 (x1, y1, x2, y2); NaN where absent and not needed.

    Raises:
        UserError: a person with joints has no complete head box.
    """
    if any(corner is None or np.size(corner) == 0 for corner in corners):
        if has_points:
            raise UserError(f"{what} has joints but no head box (x1, y1, x2, y2): the metric measures in head sizes")
        return np.full(4, np.nan)
    return np.array([number(c, f"{what}: {name}") for c, name in zip(corners, ("x1", "y1", "x2", "y2"))])


def stack_truth(people: Sequence[Mapping[str, Any]], what: str, image: str = "") -> GroupTruth:
    """Returns people ("points", "x1".., "objpos" (x, y) or None, "scale") as arrays; `what` names the group."""
    names = [f"{what}, person {index + 1}" for index in range(len(people))]
    joints = [place(p["points"], "is_visible", name) for p, name in zip(people, names)]
    boxes = [
        head_box([p.get(c) for c in ("x1", "y1", "x2", "y2")], len(p["points"]) > 0, name)
        for p, name in zip(people, names)
    ]
    stacked = np.array(joints).reshape(-1, NUM_MPII_JOINTS, 3)
    return GroupTruth(
        xy=stacked[..., :2],
        visible=stacked[..., 2],
        head_boxes=np.array(boxes).reshape(-1, 4),
        objpos=np.array([_optional(p.get("objpos"), 2) for p in people]).reshape(-1, 2),
        scales=np.array([_optional(p.get("scale"), 1) for p in people]).reshape(-1),
        image=image,
    )


def _optional(value: Any, size: int) -> np.ndarray:
    """Returns `value` as [size] float64, NaN where it is absent: position and scale play no role in the metric."""
    try:
        result = np.asarray(value, np.float64).reshape(size)
    except (TypeError, ValueError):
        return np.full(size, np.nan)
    return result


def stack_predictions(people: Sequence[Sequence[Point]], what: str, image: str = "") -> GroupPredictions:
    """Returns predicted people (lists of points) as arrays; a person with an empty list stays, without joints."""
    joints = [place(points, "score", f"{what}, person {index + 1}") for index, points in enumerate(people)]
    stacked = np.array(joints).reshape(-1, NUM_MPII_JOINTS, 3)
    return GroupPredictions(stacked[..., :2], stacked[..., 2], image)


def check_same_groups(truth: Sequence[GroupTruth], predictions: Sequence[GroupPredictions]) -> None:
    """Raises UserError unless both lists have one entry per group in the same order (as far as images are named)."""
    if len(truth) != len(predictions):
        raise UserError(
            f"{len(predictions)} entries in the predictions, but {len(truth)} groups in the ground truth: "
            "there must be one entry per group, in the same order, also for groups where nobody was found"
        )
    for index, (people, found) in enumerate(zip(truth, predictions)):
        if people.image and found.image and people.image != found.image:
            raise UserError(
                f"group {index + 1}: the ground truth is of image {people.image}, the prediction of {found.image}: "
                "bring the predictions into the order of the ground truth"
            )
