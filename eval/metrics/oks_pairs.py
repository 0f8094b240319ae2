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
NUM_THRESHOLDS = 10  # of OKS
_CHUNK = 128  # draws at once; bounds the memory


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
        return ImageMatches(np.zeros(0), np.zeros((NUM_THRESHOLDS, 0), bool), np.zeros((NUM_THRESHOLDS, 0), bool), 0)
    matched, ignored = np.asarray(result["dtMatches"]) > 0, np.asarray(result["dtIgnore"], bool)
    num_people = int(np.count_nonzero(np.asarray(result["gtIgnore"]) == 0))
    return ImageMatches(np.asarray(result["dtScores"], float), matched & ~ignored, ~ignored, num_people)


def average_precision(images: Sequence[ImageMatches]) -> float:
    """Returns COCO's AP; NaN without people."""
    return float(draw_aps(images, np.ones((1, len(images)), int))[0])


def draw_aps(images: Sequence[ImageMatches], weights: np.ndarray) -> np.ndarray:
    """Returns COCO's AP where images occur several times.

    Between the copies of one detection precision moves in one direction and recall, if at all, grows, so the best
    precision at a recall or a higher one is the same whether a detection stands there once with its weight or w times.

    Args:
        images: matches of each image.
        weights: [draws, images] int, how often each occurs.

    Returns:
        [draws] float64 in [0, 1]; NaN without people.
    """
    order = np.argsort(-np.concatenate([np.zeros(0), *(image.scores for image in images)]), kind="mergesort")
    owner = np.repeat(np.arange(len(images)), [len(image.scores) for image in images])[order]
    none = np.zeros((NUM_THRESHOLDS, 0), bool)
    hits = np.concatenate([none, *(image.hits for image in images)], 1)[:, order]
    misses = np.concatenate([none, *(image.counted for image in images)], 1)[:, order] & ~hits
    totals = weights @ np.array([image.num_people for image in images], np.int64)
    parts = [
        _interpolated(weights[start : start + _CHUNK][:, owner].astype(np.float64), hits, misses, part)
        for start, part in ((start, totals[start : start + _CHUNK]) for start in range(0, len(weights), _CHUNK))
    ]
    return np.concatenate([np.zeros(0), *parts])


def _interpolated(times: np.ndarray, hits: np.ndarray, misses: np.ndarray, totals: np.ndarray) -> np.ndarray:
    """Returns the AP of draws from how often each sorted detection occurs in them, `times` [draws, N]."""
    values = np.zeros((NUM_THRESHOLDS, len(times)))
    for row, (hit, miss) in enumerate(zip(hits, misses, strict=True)):
        right, wrong = (times * hit).cumsum(1), (times * miss).cumsum(1)
        precision = right / np.maximum(right + wrong, np.spacing(1))
        best = np.maximum.accumulate(precision[:, ::-1], 1)[:, ::-1]  # at this recall or a higher one
        best = np.concatenate([best, np.zeros((len(times), 1))], 1)
        for draw, total in enumerate(totals):
            if total:
                place = np.searchsorted(right[draw] / total, RECALL_POINTS, side="left")
                values[row, draw] = best[draw, place].mean()
    return np.where(totals > 0, values.mean(0), np.nan)


def difference(
    first: Sequence[ImageMatches], second: Sequence[ImageMatches], num_draws: int = NUM_DRAWS, seed: int = 0
) -> bootstrap.Estimate:
    """Returns AP of `second` minus AP of `first` with its 95 % interval, paired: both on the same drawn images.

    Args:
        first, second: matches of the same images in the same order.
        num_draws: bootstrap draws.
        seed: of the draws.
    """
    weights = bootstrap.draw_weights(len(first), num_draws, np.random.default_rng(seed))
    gain = average_precision(second) - average_precision(first)
    return bootstrap.estimate(gain, draw_aps(second, weights) - draw_aps(first, weights))
