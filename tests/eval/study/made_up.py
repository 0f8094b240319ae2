"""Made-up results of the study: one person per image with 14 joints, of which some are found."""

import numpy as np

from eval.metrics.mpii import Match
from eval.metrics.oks_pairs import ImageMatches
from eval.metrics.pck import ImagePck
from eval.study.results import StudyResult
from eval.study.scoring import MpiiScores, SetScores
from openpose_tf.skeleton import MPI

CURVE = {"steps": [10, 20], "loss_real": [9.0, 8.0], "loss_synthetic": [None, None]}
SETTINGS = {"precision": "float32", "size": {}, "validation": {"standin": "1", "synthetic": "2"}, "real": "stand-in"}


def scores(hits, mpii=True):
    """Scores of images in each of which so many of the 14 joints are right; None: nobody was predicted."""
    annotated = np.ones((1, 14), bool)
    oks, judged, matches = [], [], []
    for found in hits:
        right = np.arange(14)[None] < (found or 0)
        count = 0 if found is None else 1
        good = np.arange(10)[:, None] < (found or 0) - 4  # thresholds of OKS
        oks.append(ImageMatches(np.full(count, 0.9), good[:, :count], np.ones((10, count), bool), 1))
        judged.append(ImagePck(right, annotated, np.array([0.5]), 0))
        matches.append(Match(np.zeros(count, int), right[:count], np.full((count, 14), 0.9), annotated))
    bins, pitches = [np.array([k % 5]) for k in range(len(hits))], np.linspace(0, 45, len(hits))
    rendered = MpiiScores(matches, bins, pitches) if mpii else None
    return SetScores(MPI.parts[:14], oks, judged, [0] * len(hits), rendered)


def result(row, seed, hits, count=1000, made_by=None, mpii=True, first=None, **settings):
    """A run with these scores on both rendered sets; `first`: hits after its first mark; `settings`: its own ones."""
    marks = {700: scores(hits if first is None else first, mpii), 1400: scores(hits, mpii)}
    values = {
        "settings": SETTINGS | settings,
        "commit": "abc",
        "machine": "m",
        "seconds": {"train": 60.0},
        "steps": 1400,
    }
    values |= {"curve": CURVE, "teacher": made_by, "design_counts": [250, 1000]}
    return StudyResult(row, count, seed, (700, 1400), {"standin": marks, "synthetic": marks}, values)


def teacher():
    """What a teacher did that concentrates early."""
    probabilities = [[0.9, 0.1], [0.6, 0.4], [0.5, 0.5], [0.5, 0.5]]
    return {
        "decisions": 4,
        "rewarded": 1,
        "picks": [3, 1],
        "excess_loss": [0.1, None],
        "steps": [10, 20, 30, 40],
        "probabilities": probabilities,
    }
