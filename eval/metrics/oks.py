"""Object keypoint similarity (OKS) of predicted people, scored by pycocotools; pure functions on arrays.

OKS of a pair = mean over the labelled joints of exp(-d^2 / (2 area (2 sigma)^2)) (COCO keypoint evaluation). It needs
no head box and counts people that were missed altogether, but ignores predicted joints that are not annotated.
"""

import contextlib
import dataclasses
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

STAT_NAMES = ("AP", "AP50", "AP75", "AP_medium", "AP_large", "AR", "AR50", "AR75", "AR_medium", "AR_large")
MATCH_OKS = 0.5  # a person counts as found from this OKS on, where per-joint similarity is averaged

# Per-joint standard deviations by name of the set (docs/reference/evaluation.md section 12).
_LIMBS = {"shoulder": 0.079, "elbow": 0.072, "wrist": 0.062, "hip": 0.107, "knee": 0.087, "ankle": 0.089}
_BOTH_SIDES = {f"{side}_{joint}": sigma for joint, sigma in _LIMBS.items() for side in "lr"}
_TORSO = {"head_top": 0.079, "neck": 0.079, "upper_neck": 0.079, "thorax": 0.079, "pelvis": 0.107, "centre": 0.107}
SIGMA_SETS: dict[str, dict[str, float]] = {
    # COCO's values; head top, neck and thorax take CrowdPose's, the pelvis (and OpenPose's centre) the hip's.
    "recommended": {**_BOTH_SIDES, **_TORSO},
    # mmpose's MPII file: torso and head joints carry the nose's value, shoulders a large one.
    "mmpose": {
        **_BOTH_SIDES,
        **{f"{side}_knee": 0.083 for side in "lr"},
        **{f"{side}_shoulder": 0.179 for side in "lr"},
        **dict.fromkeys(_TORSO, 0.026),
    },
    "coco": {
        "nose": 0.026,
        **{f"{side}_eye": 0.025 for side in "lr"},
        **{f"{side}_ear": 0.035 for side in "lr"},
        **_BOTH_SIDES,
    },
    "crowdpose": {**_BOTH_SIDES, "head_top": 0.079, "neck": 0.079, "upper_neck": 0.079},
}


def sigmas_of(set_name: str, joints: Sequence[str]) -> np.ndarray:
    """Returns the sigmas [K] float64 of joints, by name of the set.

    Raises:
        KeyError: the set does not define one of the joints.
    """
    table = SIGMA_SETS[set_name]
    return np.array([table[joint] for joint in joints])


@dataclasses.dataclass(frozen=True)
class OksImage:
    """Ground truth and predictions of one image, K joints.

    Attributes:
        gt_keypoints: [G, K, 3] float64 (x, y, v); v = 0 not labelled, 1 occluded, 2 visible.
        gt_areas: [G] float64 square pixels.
        gt_boxes: [G, 4] float64 (x, y, width, height).
        gt_ignored: [G] bool; a prediction on an ignored person is neither right nor wrong. People without labelled
            joints are always ignored.
        dt_keypoints: [P, K, 3] float64 (x, y, score); score 0 = joint not found.
        dt_scores: [P] float64.
        dt_areas: [P] float64 square pixels, or None for COCO's rule: the box around the joints, absent ones at (0, 0).
            They only decide which unmatched detections count among medium or large people.
    """

    gt_keypoints: np.ndarray
    gt_areas: np.ndarray
    gt_boxes: np.ndarray
    gt_ignored: np.ndarray
    dt_keypoints: np.ndarray
    dt_scores: np.ndarray
    dt_areas: np.ndarray | None = None

    @property
    def gt_counted(self) -> np.ndarray:
        """[G] bool: people who count as positives."""
        return ~self.gt_ignored & (self.gt_keypoints[..., 2] > 0).any(-1)

    def joint(self, index: int) -> "OksImage":
        """Returns the same image with one joint; a prediction's score becomes that joint's score."""
        pick = slice(index, index + 1)
        found = self.dt_keypoints[:, index, 2] > 0
        dt = self.dt_keypoints[found][:, pick]
        return dataclasses.replace(
            self,
            gt_keypoints=self.gt_keypoints[:, pick],
            dt_keypoints=dt,
            dt_scores=dt[:, 0, 2],
            dt_areas=box_areas(self.dt_keypoints)[found] if self.dt_areas is None else self.dt_areas[found],
        )


@dataclasses.dataclass(frozen=True)
class OksScores:
    """What COCO's evaluation gives.

    Attributes:
        stats: the ten numbers of STAT_NAMES, in [0, 1]; NaN where there is no such ground truth.
        matches: (image, prediction, person) index triples found at MATCH_OKS.
    """

    stats: dict[str, float]
    matches: list[tuple[int, int, int]]


def similarity(predicted: np.ndarray, labelled: np.ndarray, area: float, sigmas: np.ndarray) -> np.ndarray:
    """Returns each joint's similarity exp(-d^2 / (2 area (2 sigma)^2)).

    Args:
        predicted: [K, 3] (x, y, score); score 0 gives similarity 0.
        labelled: [K, 3] (x, y, v); v = 0 gives NaN.
        area: square pixels, positive.
        sigmas: [K].

    Returns:
        [K] float64 in [0, 1], NaN where not labelled.
    """
    squared = ((predicted[:, :2] - labelled[:, :2]) ** 2).sum(-1)
    value = np.exp(-squared / (2 * (area + np.spacing(1)) * (2 * sigmas) ** 2))
    value = np.where(predicted[:, 2] > 0, value, 0.0)
    return np.where(labelled[:, 2] > 0, value, np.nan)


def person_scores(keypoints: np.ndarray) -> np.ndarray:
    """Returns one score per person [P]: the mean score of its found joints; keypoints [P, K, 3] (x, y, score)."""
    found = keypoints[..., 2] > 0
    return np.where(found, keypoints[..., 2], 0).sum(-1) / np.maximum(found.sum(-1), 1)


def evaluate(images: Sequence[OksImage], sigmas: np.ndarray) -> OksScores:
    """Returns COCO's ten keypoint numbers over images, and the matched pairs.

    Args:
        images: ground truth and predictions.
        sigmas: [K] of the images' joints.
    """
    scorer = scorer_of(images, sigmas)
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints its table on its own
        scorer.evaluate()
        scorer.accumulate()
        scorer.summarize()
    stats = {name: float(value) if value > -1 else float("nan") for name, value in zip(STAT_NAMES, scorer.stats)}
    return OksScores(stats, _matches(scorer, images))


def scorer_of(images: Sequence[OksImage], sigmas: np.ndarray) -> COCOeval:
    """Returns COCO's evaluation of images, not run yet; arguments as of `evaluate`."""
    truth = _coco([_truth(index, image) for index, image in enumerate(images)], len(images))
    found = _coco([_detections(index, image) for index, image in enumerate(images)], len(images))
    scorer = COCOeval(truth, found, "keypoints")
    scorer.params.kpt_oks_sigmas = np.asarray(sigmas, np.float64)
    return scorer


def joint_similarities(images: Sequence[OksImage], scores: OksScores, sigmas: np.ndarray) -> np.ndarray:
    """Returns the mean similarity of each joint over the matched people, [K]; NaN for a joint never labelled."""
    rows = [
        similarity(images[i].dt_keypoints[p], images[i].gt_keypoints[g], float(images[i].gt_areas[g]), sigmas)
        for i, p, g in scores.matches
    ]
    table = np.array(rows).reshape(-1, len(sigmas))  # [matches, K]
    labelled = ~np.isnan(table)
    with np.errstate(invalid="ignore"):
        return np.where(labelled, table, 0).sum(0) / labelled.sum(0)


def _truth(index: int, image: OksImage) -> list[dict[str, Any]]:
    return [
        {
            "image_id": index + 1,
            "category_id": 1,
            "iscrowd": int(image.gt_ignored[g]),
            "area": float(image.gt_areas[g]),
            "bbox": [float(v) for v in image.gt_boxes[g]],
            "keypoints": [float(v) for v in image.gt_keypoints[g].ravel()],
            "num_keypoints": int((image.gt_keypoints[g, :, 2] > 0).sum()),
        }
        for g in range(len(image.gt_keypoints))
    ]


def box_areas(keypoints: np.ndarray) -> np.ndarray:
    """Returns the area [P] of the box around joints [P, K, 3], absent ones at (0, 0) as COCO's loadRes takes them."""
    points = np.where(keypoints[..., 2:] > 0, keypoints[..., :2], 0.0)
    return np.prod(points.max(1) - points.min(1), -1)


def _detections(index: int, image: OksImage) -> list[dict[str, Any]]:
    areas = box_areas(image.dt_keypoints) if image.dt_areas is None else image.dt_areas
    return [
        {
            "image_id": index + 1,
            "category_id": 1,
            "iscrowd": 0,
            "score": float(score),
            # A missing joint is far away, at (0, 0).
            "keypoints": [float(v) for v in np.where(keypoints[:, 2:] > 0, keypoints, 0.0).ravel()],
            "area": float(area),
        }
        for keypoints, score, area in zip(image.dt_keypoints, image.dt_scores, areas)
    ]


def _coco(annotations: list[list[dict[str, Any]]], num_images: int) -> COCO:
    flat = [row for rows in annotations for row in rows]
    for number, row in enumerate(flat):
        row["id"] = number + 1  # COCOeval reads id 0 as "not matched"
    coco = COCO()
    coco.dataset = {
        "images": [{"id": index + 1} for index in range(num_images)],
        "annotations": flat,
        "categories": [{"id": 1, "name": "person"}],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        coco.createIndex()
    return coco


def _matches(scorer: COCOeval, images: Sequence[OksImage]) -> list[tuple[int, int, int]]:
    threshold = int(np.argmin(abs(scorer.params.iouThrs - MATCH_OKS)))
    truth_rows = _row_numbers([len(image.gt_keypoints) for image in images])
    found_rows = _row_numbers([len(image.dt_keypoints) for image in images])
    matches = []
    for result in scorer.evalImgs[: len(images)]:  # the first area range is "all"
        if result is None:
            continue
        for column, dt_id in enumerate(result["dtIds"]):
            gt_id = int(result["dtMatches"][threshold, column])
            if gt_id and not result["dtIgnore"][threshold, column]:
                image, person = truth_rows[gt_id - 1]
                matches.append((image, found_rows[dt_id - 1][1], person))
    return matches


def _row_numbers(counts: Sequence[int]) -> list[tuple[int, int]]:
    return [(image, row) for image, count in enumerate(counts) for row in range(count)]
