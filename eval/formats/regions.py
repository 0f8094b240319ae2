"""Where a group of people is, and which predicted people belong to it.

The ground truth of an MPII entry is one group; the evaluator does not know the other people of the image, so whoever
predicts must drop people outside of the group first (docs/reference/evaluation.md section 8). Known at test time are
the group's place and its mean scale, not the number, place or scale of its people.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from eval.metrics.groups import GroupPredictions, GroupTruth
from openpose_tf.common.errors import UserError

# OpenPose's test code: the mean person of the group is (41/35) * 200 px high for the 368 px network input.
TEST_SCALE, INPUT_SIZE = 41 / 35, 368
# Margins around the objpos box in pixels at group scale 1.
OPENPOSE_MARGIN_X = 0.25 * INPUT_SIZE / (2.5 * TEST_SCALE)  # 31.4
OPENPOSE_MARGIN_Y = 0.25 * INPUT_SIZE / (2.0 * TEST_SCALE)  # 39.3
PPN_MARGIN = 50 / 1.1714  # 42.7
RMPE_MARGIN = 50.0  # times each person's own scale
PELVIS, THORAX = 6, 7


@dataclasses.dataclass(frozen=True)
class Region:
    """The place of one group.

    Attributes:
        box: [4] float64 (x1, y1, x2, y2), the extent of the members' objpos.
        scale: mean of the members' scales (person height / 200 px).
        objpos: [G, 2] float64 and
        scales: [G] float64 of the members; read by RMPE's rule only, which the benchmark's protocol forbids.
        width, height: size of the image in pixels.
    """

    box: np.ndarray
    scale: float
    objpos: np.ndarray
    scales: np.ndarray
    width: int
    height: int


@dataclasses.dataclass(frozen=True)
class RegionRule:
    """How people outside of a group are dropped.

    Attributes:
        name: "openpose" (default), "ppn", "rmpe" or "none" (nobody is dropped).
        margin_x, margin_y: margin around the objpos box in pixels at scale 1; RMPE: of each person's own box.
        min_joints: people with fewer joints are dropped.
    """

    name: str
    margin_x: float
    margin_y: float
    min_joints: int = 1


RULES = {
    "openpose": RegionRule("openpose", OPENPOSE_MARGIN_X, OPENPOSE_MARGIN_Y),
    "ppn": RegionRule("ppn", PPN_MARGIN, PPN_MARGIN, min_joints=4),
    "rmpe": RegionRule("rmpe", RMPE_MARGIN, RMPE_MARGIN),
    "none": RegionRule("none", 0.0, 0.0),
}


def region_of(objpos: np.ndarray, scales: np.ndarray, width: int, height: int) -> Region:
    """Returns the place of a group.

    Args:
        objpos: [G, 2] members' positions in pixels.
        scales: [G] members' scales (height / 200 px).
        width, height: size of the image.

    Raises:
        UserError: a member has no position or scale, or there is no member.
    """
    objpos, scales = np.asarray(objpos, np.float64).reshape(-1, 2), np.asarray(scales, np.float64).reshape(-1)
    if not len(objpos) or not (np.isfinite(objpos).all() and np.isfinite(scales).all() and (scales > 0).all()):
        raise UserError("a group needs the objpos and a positive scale of each of its people")
    box = np.concatenate([objpos.min(0), objpos.max(0)])
    return Region(box, float(scales.mean()), objpos, scales, width, height)


def joint_means(xy: np.ndarray) -> np.ndarray:
    """Returns the mean place [P, 2] of each person's joints [P, J, 2] (NaN = absent); NaN without any joint."""
    known = ~np.isnan(xy).any(-1, keepdims=True)
    with np.errstate(invalid="ignore"):
        return np.where(known, xy, 0).sum(1) / known.sum(1)


def torso_means(xy: np.ndarray) -> np.ndarray:
    """Returns the midpoint of pelvis and thorax [P, 2] of people [P, 16, 2].

    If one of the two is absent, the other stands for it (the network's centre part is reported as the pelvis); without
    both, the mean of all joints does.
    """
    torso = joint_means(xy[:, [PELVIS, THORAX]])
    return np.where(np.isnan(torso), joint_means(xy), torso)


def keep_people(xy: np.ndarray, region: Region, rule: RegionRule = RULES["openpose"]) -> np.ndarray:
    """Returns which people belong to a group.

    openpose: the mean of the joints lies strictly inside of the objpos box, widened and clipped to the image.
    ppn: the mean lies inside or on the border of the widened box, clipped and cut to integers; few joints: dropped.
    rmpe: the midpoint of pelvis and thorax lies in one of the members' own boxes.

    Args:
        xy: [P, 16, 2] float64 pixels in MPII order, NaN = absent.
        region: place of the group.
        rule: how people are dropped.

    Returns:
        [P] bool.
    """
    enough = (~np.isnan(xy).any(-1)).sum(-1) >= rule.min_joints
    if rule.name == "none":
        return np.ones(len(xy), bool)
    if rule.name == "rmpe":
        centre = torso_means(xy)[:, None]  # [P, 1, 2]
        margin = region.scales[:, None] * [rule.margin_x, rule.margin_y]  # [G, 2]
        inside = (centre >= region.objpos - margin).all(-1) & (centre <= region.objpos + margin).all(-1)
        return enough & inside.any(-1)
    low, high = group_box(region, rule)
    centre = joint_means(xy)
    if rule.name == "ppn":
        low, high = np.trunc(low), np.trunc(high)
        return enough & (centre >= low).all(-1) & (centre <= high).all(-1)
    return enough & (centre > low).all(-1) & (centre < high).all(-1)


def group_box(region: Region, rule: RegionRule) -> tuple[np.ndarray, np.ndarray]:
    """Returns the upper left and lower right corner ([2], [2]) of the widened objpos box, clipped to the image."""
    margin = region.scale * np.array([rule.margin_x, rule.margin_y])
    last = np.array([region.width - 1, region.height - 1], np.float64)
    return np.clip(region.box[:2] - margin, 0, last), np.clip(region.box[2:] + margin, 0, last)


def restrict(found: GroupPredictions, region: Region, rule: RegionRule) -> GroupPredictions:
    """Returns the predictions of the people that belong to the group."""
    keep = keep_people(found.xy, region, rule)
    return GroupPredictions(found.xy[keep], found.scores[keep], found.image)


def rule_named(name: str, margins: Sequence[float] | None = None) -> RegionRule:
    """Returns a rule by name, with other margins (x, y, pixels at scale 1) if given.

    Raises:
        UserError: no such rule, or margins that are not two numbers of at least 0.
    """
    if name not in RULES:
        raise UserError(f"unknown region rule {name!r}: use one of {', '.join(RULES)}")
    if margins is None:
        return RULES[name]
    if len(margins) != 2 or not all(np.isfinite(m) and m >= 0 for m in margins):
        raise UserError(f"region margins must be two numbers of at least 0 (x, y), not {list(margins)}")
    return dataclasses.replace(RULES[name], margin_x=float(margins[0]), margin_y=float(margins[1]))


def truth_region(group: GroupTruth, width: int, height: int, what: str) -> Region:
    """Returns the place of a ground-truth group; `what` names it in the error."""
    try:
        return region_of(group.objpos, group.scales, width, height)
    except UserError as error:
        raise UserError(f"{what}: {error}") from None


def parse_margins(values: Sequence[str] | None) -> list[float] | None:
    """Returns --region_margins as numbers.

    Raises:
        UserError: one of them is not a number.
    """
    try:
        return [float(value) for value in values] if values else None
    except ValueError:
        raise UserError(f"--region_margins={','.join(values or [])}: expected two numbers x,y") from None
