"""Files of the MPII multi-person toolkit: reads and writes its .mat structs and the same content as JSON."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from eval.metrics.groups import GroupPredictions, GroupTruth, stack_predictions, stack_truth
from openpose_tf.common import files
from openpose_tf.common.errors import UserError
from openpose_tf.data.annotations import mat_files
from openpose_tf.data.annotations.mat_files import struct

_TRUTH_WHAT = (
    "MPII multi-person ground truth: a .mat with a struct vector annolist_... (annorect: x1, y1, x2, y2, annopoints) "
    'or a .json {"images": [{"gt": [...]}]}'
)
_PRED_WHAT = (
    "MPII multi-person predictions: a .mat with a struct vector pred (annorect.annopoints.point: x, y, id, score) "
    'or a .json {"images": [{"pred": [...]}]}'
)


def read_truth(path: str | os.PathLike[str]) -> list[GroupTruth]:
    """Returns the groups of a toolkit .mat (variable annolist_...) or .json file.

    Raises:
        UserError: not such a file, or wrong content; names group and person (counted from 1).
    """
    if _is_json(path):
        return [
            stack_truth([_json_truth(p, f"{path}: group {i + 1}") for p in people], f"{path}: group {i + 1}", image)
            for i, (people, image) in enumerate(_json_groups(path, "gt", _TRUTH_WHAT))
        ]
    held = mat_files.variables(path, _TRUTH_WHAT)
    names = [name for name in held if name.lower().startswith("annolist")]
    if len(names) != 1:
        raise mat_files.missing_variable(path, "annolist_... (just one)", held, _TRUTH_WHAT)
    entries = _structs(mat_files.load_variable(path, names[0], _TRUTH_WHAT), path)
    return [_mat_truth(entry, f"{path}: group {i + 1}") for i, entry in enumerate(entries)]


def read_predictions(path: str | os.PathLike[str]) -> list[GroupPredictions]:
    """Returns the predictions of a toolkit .mat (variable pred) or .json file, one entry per group.

    Raises:
        UserError: not such a file, or wrong content; names group and person (counted from 1).
    """
    if _is_json(path):
        return [
            stack_predictions(
                [_json_points(p, f"{path}: group {i + 1}, person {r + 1}") for r, p in enumerate(people)],
                f"{path}: group {i + 1}",
                image,
            )
            for i, (people, image) in enumerate(_json_groups(path, "pred", _PRED_WHAT))
        ]
    entries = _structs(mat_files.load_variable(path, "pred", _PRED_WHAT), path)
    return [_mat_predictions(entry, f"{path}: group {i + 1}") for i, entry in enumerate(entries)]


def _is_json(path: str | os.PathLike[str]) -> bool:
    return Path(path).suffix.lower() == ".json"


# --- JSON ---------------------------------------------------------------------------------------------------------


def _as_list(value: Any) -> list[Any]:
    """Returns a JSON list; a lone object stands for a list of one, as in files that MATLAB or Octave wrote."""
    return value if isinstance(value, list) else [value]


def _json_groups(path: str | os.PathLike[str], key: str, what: str) -> list[tuple[list[Any], str]]:
    value = files.read_json(path, what)
    if not isinstance(value, dict) or not isinstance(value.get("images"), (list, dict)):
        raise UserError(f"{path} has no list 'images': expected {what}")
    groups = []
    for index, entry in enumerate(_as_list(value["images"])):
        if not isinstance(entry, dict) or not isinstance(entry.get(key), (list, dict)):
            raise UserError(f"{path}: group {index + 1} has no list {key!r}: expected {what}")
        groups.append((_as_list(entry[key]), str(entry.get("image") or "")))
    return groups


def _json_points(person: Any, what: str) -> list[Any]:
    points = person.get("points") if isinstance(person, dict) else None
    if not isinstance(points, (list, dict)):
        raise UserError(f"{what} has no list 'points': leave out a person without points, or give an empty list")
    points = _as_list(points)
    if not all(isinstance(point, dict) for point in points):
        raise UserError(f"{what}: each point must be an object with id, x, y and score")
    return points


def _json_truth(person: Any, what: str) -> dict[str, Any]:
    if not isinstance(person, dict):
        raise UserError(f"{what}: a person must be an object, found {person!r}")
    position = person.get("objpos")
    known = isinstance(position, dict) and {"x", "y"} <= position.keys()
    return {
        **person,
        "points": _json_points({"points": person.get("points") or []}, what),
        "objpos": [position["x"], position["y"]] if known and isinstance(position, dict) else None,
    }


# --- MATLAB -------------------------------------------------------------------------------------------------------


def _structs(value: Any, path: object) -> np.ndarray:
    """Returns a struct vector [N]; an empty array of whatever kind has none."""
    array = np.asarray(value)
    if array.size and array.dtype.names is None:
        raise UserError(f"{path}: expected a struct vector, found an array of {array.dtype}: another toolkit version?")
    return array.ravel()


def _mat_points(person: np.void, what: str, names: Sequence[str]) -> list[dict[str, Any]] | None:
    """Returns a person's points; None where its annopoints is empty."""
    annotation = mat_files.field(person, "annopoints")
    if annotation is None:
        return None
    holders = _structs(annotation, what)
    if len(holders) != 1:
        raise UserError(f"{what}: annopoints has {len(holders)} elements, expected 1: another toolkit version?")
    if "point" not in (holders.dtype.names or ()):
        raise UserError(f"{what}: annopoints has no field point: another toolkit version?")
    return mat_files.rows(_structs(holders["point"][0], what), names)


def _people(entry: np.void, what: str) -> np.ndarray:
    if "annorect" not in (entry.dtype.names or ()):
        raise UserError(f"{what} has no field annorect: another toolkit version?")
    return _structs(entry["annorect"], what)


def _mat_truth(entry: np.void, what: str) -> GroupTruth:
    people = []
    for index, person in enumerate(_people(entry, what)):
        points = _mat_points(person, f"{what}, person {index + 1}", ("id", "x", "y", "is_visible"))
        row = {name: mat_files.field(person, name) for name in ("x1", "y1", "x2", "y2", "scale")}
        people.append({**row, "points": points or [], "objpos": _mat_position(person)})
    name = mat_files.field(mat_files.field(entry, "image"), "name")
    return stack_truth(people, what, name if isinstance(name, str) else "")


def _mat_position(person: np.void) -> list[Any] | None:
    position = mat_files.field(person, "objpos")
    if getattr(position, "dtype", np.dtype(float)).names is None:
        return None
    return [mat_files.field(position, name) for name in "xy"]


def _mat_predictions(entry: np.void, what: str) -> GroupPredictions:
    people = []
    for index, person in enumerate(_people(entry, what)):
        points = _mat_points(person, f"{what}, person {index + 1}", ("id", "x", "y", "score"))
        if points is None:
            raise UserError(
                f"{what}, person {index + 1} has empty annopoints: leave out a person without points (the toolkit "
                "stops there), or give it an empty list of points"
            )
        people.append(points)
    return stack_predictions(people, what)


# --- writing ------------------------------------------------------------------------------------------------------


def write_truth(path: str | os.PathLike[str], groups: Sequence[GroupTruth]) -> None:
    """Writes groups as the toolkit's struct annolist_gt (.mat) or as JSON, by the suffix of `path`."""
    rows: list[dict[str, Any]] = [
        {"image": group.image, "gt": [_truth_row(group, index) for index in range(len(group.xy))]} for group in groups
    ]
    if _is_json(path):
        files.write_json(path, {"images": rows}, indent=None)
        return
    entries = [
        {"image": struct([{"name": row["image"]}]), "annorect": struct([_mat_rect(p) for p in row["gt"]])}
        for row in rows
    ]
    mat_files.save(path, {"annolist_gt": struct(entries)})


def write_predictions(path: str | os.PathLike[str], groups: Sequence[GroupPredictions]) -> None:
    """Writes predictions as the toolkit's struct pred (.mat) or as JSON, by the suffix of `path`.

    People without any joint are left out: the toolkit must not see them (docs/reference/evaluation.md section 4).
    """
    rows: list[dict[str, Any]] = [
        {
            "image": group.image,
            "pred": [
                {"points": _point_rows(xy, scores, "score")}
                for xy, scores in zip(group.xy, group.scores)
                if not np.isnan(scores).all()
            ],
        }
        for group in groups
    ]
    if _is_json(path):
        files.write_json(path, {"images": rows}, indent=None)
        return
    mat_files.save(path, {"pred": struct([{"annorect": struct([_mat_rect(p) for p in row["pred"]])} for row in rows])})


def _point_rows(xy: np.ndarray, third: np.ndarray, name: str) -> list[dict[str, Any]]:
    return [
        {"id": joint, "x": float(x), "y": float(y), name: None if np.isnan(last) else float(last)}
        for joint, ((x, y), last) in enumerate(zip(xy, third))
        if not np.isnan(x)
    ]


def _truth_row(group: GroupTruth, index: int) -> dict[str, Any]:
    row: dict[str, Any] = {"points": _point_rows(group.xy[index], group.visible[index], "is_visible")}
    if not np.isnan(group.head_boxes[index]).any():
        row.update(zip(("x1", "y1", "x2", "y2"), map(float, group.head_boxes[index])))
    if not np.isnan(group.objpos[index]).any():
        row["objpos"] = dict(zip("xy", map(float, group.objpos[index])))
    if not np.isnan(group.scales[index]):
        row["scale"] = float(group.scales[index])
    return row


def _mat_rect(row: Mapping[str, Any]) -> dict[str, Any]:
    rect = {name: value for name, value in row.items() if name not in ("points", "objpos")}
    if "objpos" in row:
        rect["objpos"] = struct([row["objpos"]])
    points = [{n: np.zeros((0, 0)) if v is None else float(v) for n, v in p.items()} for p in row["points"]]
    return {**rect, "annopoints": struct([{"point": struct(points)}])}
