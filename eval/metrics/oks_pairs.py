"""Two students on the same images by OKS AP: the paired difference with its interval, drawn over images.

COCOeval matches within an image, so its matches are made once; a draw only sorts and accumulates those of its images.
"""

import contextlib
import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from pycocotools.cocoeval import COCOeval

from eval.metrics import bootstrap
from eval.metrics.oks import OksImage, scorer_of

NUM_DRAWS = 1000
RECALL_POINTS = np.linspace(0, 1, 101)  # COCO's


class ImageMatches(NamedTuple):
    """The detections of one image as COCO matched them, over its 10 thresholds of OKS.

    Attributes:
        scores: [P] float64.
        hits: [10, P] bool, matched to a counted person.
        counted: [10, P] bool, neither right nor wrong where False.
        num_people: counted people.
    """

    scores: np.ndarray
    hits: np.ndarray
    counted: np.ndarray
    num_people: int


def match_images(images: Sequence[OksImage], sigmas: np.ndarray) -> list[ImageMatches]:
    """Returns the matches of each image.

    Args:
        images: ground truth and predictions.
        sigmas: [K] of the images' joints.
    """
    scorer: COCOeval = scorer_of(images, sigmas)
    with contextlib.redirect_stdout(io.StringIO()):
        scorer.evaluate()
    return [_matches(result) for result in scorer.evalImgs[: len(images)]]  # the first area range is "all"


def _matches(result: dict | None) -> ImageMatches:
    if result is None:
        return ImageMatches(np.zeros(0), np.zeros((10, 0), bool), np.zeros((10, 0), bool), 0)
    matched, ignored = np.asarray(result["dtMatches"]) > 0, np.asarray(result["dtIgnore"], bool)
    num_people = int(np.count_nonzero(np.asarray(result["gtIgnore"]) == 0))
    return ImageMatches(np.asarray(result["dtScores"], float), matched & ~ignored, ~ignored, num_people)


def average_precision(images: Sequence[ImageMatches]) -> float:
    """Returns COCO's AP over images that may occur several times; NaN without people."""
    total = sum(image.num_people for image in images)
    if not total:
        return float("nan")
    order = np.argsort(-np.concatenate([image.scores for image in images]), kind="mergesort")
    hits = np.concatenate([image.hits for image in images], 1)[:, order]
    misses = np.concatenate([image.counted for image in images], 1)[:, order] & ~hits
    right, wrong = np.cumsum(hits, 1, dtype=float), np.cumsum(misses, 1, dtype=float)
    precision = right / np.maximum(right + wrong, np.spacing(1))
    precision = np.maximum.accumulate(precision[:, ::-1], 1)[:, ::-1]  # the best at this recall or a higher one
    values = []
    for row, recall in zip(precision, right / total, strict=True):
        place = np.searchsorted(recall, RECALL_POINTS, side="left")
        values.append(np.append(row, 0.0)[np.minimum(place, len(row))].mean())
    return float(np.mean(values))


def difference(
    first: Sequence[ImageMatches], second: Sequence[ImageMatches], num_draws: int = NUM_DRAWS, seed: int = 0
) -> bootstrap.Estimate:
    """Returns AP of `second` minus AP of `first` with its 95 % interval, paired: both on the same drawn images.

    Args:
        first, second: matches of the same images in the same order.
        num_draws: bootstrap draws.
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    draws = [
        average_precision([second[i] for i in drawn]) - average_precision([first[i] for i in drawn])
        for drawn in rng.integers(0, len(first), (num_draws, len(first)))
    ]
    return bootstrap.estimate(average_precision(second) - average_precision(first), np.array(draws))
