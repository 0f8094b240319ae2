"""Scores of a set as small JSON values and back: per image, so that no page needs images or networks.

What belongs to the set is stored once, what belongs to a student per mark. Rows of bits are text of 0 and 1, scores
are whole numbers of 1/10,000, -1 where a joint was not found.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from eval.metrics.mpii import Match
from eval.metrics.oks_pairs import NUM_THRESHOLDS, ImageMatches
from eval.metrics.pck import ImagePck
from eval.study.scoring import MpiiScores, SetScores

SCALE = 10_000
Json = dict[str, Any]


def to_json(marks: Mapping[int, SetScores]) -> Json:
    """Returns a set's scores after each mark (steps) as JSON values."""
    scores = next(iter(marks.values()))
    return {
        "joints": list(scores.joints),
        "people": [image.num_people for image in scores.oks],
        "ignored": scores.ignored,
        "labelled": [_bits(image.labelled) for image in scores.pck],
        "visible": [np.round(image.visible_share, 3).tolist() for image in scores.pck],
        "left_out": [image.num_left_out for image in scores.pck],
        "mpii": None if scores.mpii is None else _mpii_set(scores.mpii),
        "marks": {str(mark): _student(one) for mark, one in marks.items()},
    }


def _mpii_set(scores: MpiiScores) -> Json:
    pitches = np.round(scores.pitch_deg, 3)
    return {
        "annotated": [_bits(match.annotated) for match in scores.matches],
        "bins": [bins.tolist() for bins in scores.visible_bins],
        "pitch_deg": [None if np.isnan(pitch) else float(pitch) for pitch in pitches],
    }


def _student(scores: SetScores) -> Json:
    return {
        "oks_scores": [_whole(image.scores) for image in scores.oks],
        "oks_hits": [_bits(image.hits.T) for image in scores.oks],
        "oks_counted": [_bits(image.counted.T) for image in scores.oks],
        "pck": [_bits(image.right) for image in scores.pck],
        "mpii": None
        if scores.mpii is None
        else [
            {"to": m.assignment.tolist(), "labels": _bits(m.labels), "scores": _whole(m.scores)}
            for m in scores.mpii.matches
        ],
    }


def _whole(scores: np.ndarray) -> list:
    return list(np.where(np.isnan(scores), -1, np.round(scores * SCALE)).astype(int).tolist())


def _unit(scores: Sequence[Any]) -> np.ndarray:
    values = np.array(scores, np.float64)
    return np.where(values < 0, np.nan, values / SCALE)


def _bits(rows: np.ndarray) -> list[str]:
    return ["".join("1" if value else "0" for value in row) for row in rows]


def _rows(rows: Sequence[str], width: int) -> np.ndarray:
    return np.array([[bit == "1" for bit in row] for row in rows], bool).reshape(-1, width)


def from_json(value: Mapping[str, Any]) -> dict[int, SetScores]:
    """Returns a set's scores by mark.

    Raises:
        KeyError, TypeError, ValueError: it is something else.
    """
    return {int(mark): _scores(value, student) for mark, student in value["marks"].items()}


def _scores(value: Mapping[str, Any], student: Mapping[str, Any]) -> SetScores:
    joints = tuple(value["joints"])
    width = len(joints)
    matches = [
        ImageMatches(_unit(scores), _rows(hits, NUM_THRESHOLDS).T, _rows(counted, NUM_THRESHOLDS).T, num_people)
        for scores, hits, counted, num_people in zip(
            student["oks_scores"], student["oks_hits"], student["oks_counted"], value["people"], strict=True
        )
    ]
    judged = [
        ImagePck(_rows(right, width), _rows(labelled, width), np.array(visible, np.float64), left_out)
        for right, labelled, visible, left_out in zip(
            student["pck"], value["labelled"], value["visible"], value["left_out"], strict=True
        )
    ]
    return SetScores(joints, matches, judged, list(value["ignored"]), _mpii(value["mpii"], student["mpii"]))


def _mpii(whole: Mapping[str, Any] | None, matches: Sequence[Mapping[str, Any]] | None) -> MpiiScores | None:
    if whole is None or matches is None:
        return None
    found = [
        Match(
            np.array(match["to"], int),
            _rows(match["labels"], 14),
            _unit(match["scores"]).reshape(-1, 14),
            _rows(annotated, 14),
        )
        for match, annotated in zip(matches, whole["annotated"], strict=True)
    ]
    bins = [np.array(row, int) for row in whole["bins"]]
    return MpiiScores(found, bins, np.array(whole["pitch_deg"], np.float64))  # None becomes NaN
