"""What counts and card need of every annotation, as columns; packs store them, so that no annotation is read."""

import collections
import dataclasses
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from openpose_tf.data.annotations.store import listing, packs
from openpose_tf.data.annotations.store.listing import Part
from openpose_tf.skeleton import NUM_MPII_JOINTS, JointState
from synth.workers import processes

PERSON_NUMBERS = ("scale", "visible_ratio", "cropped_ratio", "min_distance")
GROUPS = ("keypoints", "poses")  # counts by state and by kind
STYLE = "style"
NUM_STATES = max(JointState) + 1
_Row = dict[str, Any]
_FIELDS = ("num_people", "count_names", "counts", "camera_pitch_deg", "states", *PERSON_NUMBERS)


@dataclasses.dataclass(frozen=True)
class Index:
    """Columns over N images with P people.

    Attributes:
        counts: numbers of what is in the images, by name; "/" parts a group from what is counted in it.
        num_people: [N] int32.
        camera_pitch_deg: [N] float32 degrees, NaN where unknown.
        joint_states: [16, states] int64, how many people have each joint in each state.
        people: per name of PERSON_NUMBERS [P] float32, NaN where unknown.
    """

    counts: Mapping[str, int]
    num_people: np.ndarray
    camera_pitch_deg: np.ndarray
    joint_states: np.ndarray
    people: Mapping[str, np.ndarray]

    def summary(self) -> dict[str, Any]:
        """Returns the counts of dataset.json, those of groups sorted."""
        found: dict[str, Any] = {name: count for name, count in self.counts.items() if "/" not in name}
        found = {"images": 0, "people": 0} | found
        for group in GROUPS:
            found[group] = self.group(group)
        return found

    def group(self, group: str) -> dict[str, int]:
        """Returns the counts of a group by name, sorted."""
        prefix = f"{group}/"
        return {name.removeprefix(prefix): n for name, n in sorted(self.counts.items()) if name.startswith(prefix)}


class Columns:
    """Collects the columns of annotations, one after the other."""

    def __init__(self) -> None:
        self._counts: list[dict[str, int]] = []
        self._pitch: list[float] = []
        self._states: list[list[int]] = []
        self._numbers: list[list[float]] = []

    def add(self, row: _Row) -> _Row:
        """Adds an annotation, and returns it."""
        self._counts.append(_counts(row))
        self._pitch.append(_number((row.get("camera") or {}).get("pitch_deg")))
        for person in row["people"]:
            self._states.append([int(point[2]) for point in person["keypoints"]])
            self._numbers.append([_number(person.get(name)) for name in PERSON_NUMBERS])
        return row

    def table(self) -> dict[str, np.ndarray]:
        """Returns the columns over N images with P people.

        Returns:
            `count_names` [K] str, `counts` [N, K] int32 (-1: the image has no such count), `camera_pitch_deg` [N]
            float32, `states` [P, 16] uint8, and PERSON_NUMBERS [P] float32.
        """
        names = sorted(set().union(*self._counts))
        counts = np.array([[row.get(name, -1) for name in names] for row in self._counts], np.int32)
        table = np.array(self._numbers, np.float32).reshape(-1, len(PERSON_NUMBERS))
        return {
            "count_names": np.array(names, np.str_),
            "counts": counts.reshape(len(self._counts), len(names)),
            "camera_pitch_deg": np.array(self._pitch, np.float32),
            "states": np.array(self._states, np.uint8).reshape(-1, NUM_MPII_JOINTS),
            **{name: table[:, k] for k, name in enumerate(PERSON_NUMBERS)},
        }


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _counts(row: Mapping[str, Any]) -> dict[str, int]:
    counts: collections.Counter[str] = collections.Counter({"images": 1, "people": len(row["people"])})
    for part in ("placement", "carried_over"):
        counts.update(row.get(part, {}))
    for person in row["people"]:
        counts.update(f"keypoints/{JointState(int(point[2])).name.lower()}" for point in person["keypoints"])
        if "pose_tag" in person:  # not of real people
            counts[f"poses/{person['pose_tag']}"] += 1
    return counts | _style_counts(row[STYLE]) if STYLE in row else counts


def _style_counts(style: Mapping[str, Any]) -> collections.Counter[str]:
    what = "stylized" if style["stylized"] else "left"
    counts = collections.Counter({f"{STYLE}/images_{what}": 1, f"{STYLE}/people_{what}": style["num_people"]})
    if not style["stylized"]:
        counts[f"{STYLE}_reasons/{style['reason']}"] = 1
    return counts


def read(folder: Path) -> Index:
    """Returns the index of all annotated images of a dataset."""
    found = listing.parts(folder)
    unpacked = [part for part in found if part.loose]
    computed = processes.map_ordered(_of_loose, unpacked, "reading annotations", "thousand") if unpacked else []
    indexes = [index for part in found for index in _of_packs(part)] + list(computed)
    return _joined(indexes)


def _of_packs(part: Part) -> list[Index]:
    return [_index(pack.columns("number", *_FIELDS), numbers) for pack, numbers in part.held()]


def _of_loose(part: Part) -> Index:
    columns = Columns()
    people = [len(columns.add(part.read(name))["people"]) for name in part.loose]
    return _index({**columns.table(), "num_people": np.array(people, np.int32)})


def _index(table: Mapping[str, np.ndarray], numbers: list[int] | None = None) -> Index:
    """Returns the index of some of the images of a table, None = all."""
    images = np.ones(len(table["num_people"]), bool) if numbers is None else np.isin(table["number"], numbers)
    people = np.repeat(images, table["num_people"])
    states = table["states"][people].astype(np.int64) + NUM_STATES * np.arange(NUM_MPII_JOINTS)
    chosen = table["counts"][images].astype(np.int64)
    sums, known = np.maximum(chosen, 0).sum(0), (chosen >= 0).any(0)
    return Index(
        counts={str(name): int(n) for name, n, is_known in zip(table["count_names"], sums, known) if is_known},
        num_people=table["num_people"][images],
        camera_pitch_deg=table["camera_pitch_deg"][images],
        joint_states=np.bincount(states.ravel(), minlength=NUM_MPII_JOINTS * NUM_STATES).reshape(-1, NUM_STATES),
        people={name: table[name][people] for name in PERSON_NUMBERS},
    )


def _joined(indexes: list[Index]) -> Index:
    indexes = [*indexes, _index({**Columns().table(), "num_people": np.zeros(0, np.int32)})]
    return Index(
        counts=functools.reduce(_added, (index.counts for index in indexes)),
        num_people=np.concatenate([index.num_people for index in indexes]),
        camera_pitch_deg=np.concatenate([index.camera_pitch_deg for index in indexes]),
        joint_states=np.sum([index.joint_states for index in indexes], 0),
        people={name: np.concatenate([index.people[name] for index in indexes]) for name in PERSON_NUMBERS},
    )


def _added(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in {**one, **other}}


def write_pack(part: Part) -> packs.Pack:
    """Writes the pack of all images of a part, with their columns; holds one annotation at a time."""
    columns = Columns()
    rows = ((int(name), columns.add(row)) for name, row in part.rows())
    return packs.write(part.folder, part.number, rows, columns.table)
