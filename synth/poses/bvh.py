"""Reads BVH motion files: a tree of joints, and for each frame how every joint is turned and where it sits.

Joints may have any names, with spaces too, and position channels of their own; end sites are joints without a name.
NumPy and SciPy only.
"""

import codecs
import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from absl import logging
from scipy.spatial.transform import Rotation

from openpose_tf.common.errors import UserError

_MOTION = re.compile(r"\bMOTION\s+Frames\s*:\s*(\d+)\s+Frame\s+Time\s*:[^\n]*\n?")
_OVERVIEW_FRAMES = 64
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclasses.dataclass(frozen=True)
class Motion:
    """A BVH file.

    Attributes:
        names: joint names, parents first; "" for end sites.
        parents: [J] parent joint; -1 for the root.
        offsets: [J, 3] offset from the parent in the rest pose.
        turns: [N, J, 3, 3] float64 relative rotation per frame.
        places: [N, J, 3] offset from the parent per frame; NaN where there is no position channel.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: np.ndarray
    turns: np.ndarray
    places: np.ndarray

    def world(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns world rotations [N, J, 3, 3] and joint positions [N, J, 3] in the file's axes and units."""
        turns, points = self.turns.copy(), self._placed()
        for j, parent in enumerate(self.parents):
            if parent >= 0:
                points[:, j] = points[:, parent] + np.einsum("nij,nj->ni", turns[:, parent], points[:, j])
                turns[:, j] = turns[:, parent] @ self.turns[:, j]
        return turns, points

    def rest(self) -> np.ndarray:
        """Returns the joint positions [J, 3] of the rest pose."""
        points = self.offsets.copy()
        for j, parent in enumerate(self.parents):
            if parent >= 0:
                points[j] += points[parent]
        return points

    def _placed(self) -> np.ndarray:
        """Returns the offset [N, J, 3] from the parent. Position channels replace OFFSET, or add to it: see which."""
        given = np.where(np.isnan(self.places), self.offsets, self.places)
        mean = given.mean(0)
        adds = np.linalg.norm(mean - self.offsets, axis=1) > np.linalg.norm(mean, axis=1)
        return given + self.offsets * adds[:, None]


@dataclasses.dataclass
class _Node:
    name: str
    parent: int
    offset: tuple[float, ...] = (0.0, 0.0, 0.0)
    channels: tuple[str, ...] = ()


def count_frames(path: Path) -> int:
    """Returns the number of frames; warns of a file that holds fewer than its header announces.

    Raises:
        UserError: the file is not BVH, or holds no frame.
    """
    _, announced, rows = _parts(path)
    if announced != len(rows):
        logging.warning("%s announces %d frames and holds %d: %d are used", path, announced, len(rows), len(rows))
    if not rows:
        raise UserError(f"{path} is a motion without frames (it announces {announced}): remove it")
    return len(rows)


def read(path: Path, frames: slice | None) -> Motion:
    """Returns the chosen frames of a BVH file; None = frames spread over all of it, enough to know its skeleton.

    Raises:
        UserError: the file is not BVH, is cut off, or holds numbers that are not finite.
    """
    header, _, rows = _parts(path)
    nodes = _parse_hierarchy(path, header)
    num_channels = sum(len(node.channels) for node in nodes)
    chosen = rows[:: -(-len(rows) // _OVERVIEW_FRAMES) or 1] if frames is None else rows[frames]
    try:
        values = np.array([[float(x) for x in row.split()] for row in chosen]).reshape(len(chosen), num_channels)
    except ValueError as error:
        raise UserError(f"{path}: a frame does not hold {num_channels} numbers ({error}); repair it") from None
    offsets = np.array([node.offset for node in nodes])
    if not len(values) or not np.isfinite(values).all() or not np.isfinite(offsets).all():
        raise UserError(f"{path}: it has no frames, or frames with numbers that are not finite; repair or remove it")
    names, parents = tuple(node.name for node in nodes), tuple(node.parent for node in nodes)
    return Motion(names, parents, offsets, *_channels(path, nodes, values))


def _parts(path: Path) -> tuple[str, int, list[str]]:
    """Returns (hierarchy, announced number of frames, frames as text)."""
    data = path.read_bytes()
    try:
        text = data.decode("utf-16" if data.startswith(_UTF16) else "utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")  # joint names of old Windows programs
    if not text.lstrip().startswith("HIERARCHY"):
        raise UserError(f"{path} is not a BVH motion file: it does not begin with HIERARCHY")
    match = _MOTION.search(text)
    if match is None:
        raise UserError(f"{path} is not a BVH motion file: it has no 'MOTION', 'Frames:' and 'Frame Time:' lines")
    rows = [row for row in text[match.end() :].splitlines() if row.strip()]
    return text[: match.start()], int(match.group(1)), rows[: int(match.group(1))]


def _parse_hierarchy(path: Path, header: str) -> list[_Node]:
    nodes: list[_Node] = []
    stack: list[int] = []  # open joints
    tokens: Iterator[str] = iter(header.replace("{", " { ").replace("}", " } ").split()[1:])
    try:
        for token in tokens:
            if token in ("ROOT", "JOINT", "End"):
                name = " ".join(iter(tokens.__next__, "{"))
                nodes.append(_Node("" if token == "End" else name, stack[-1] if stack else -1))
                stack.append(len(nodes) - 1)
            elif token == "}":
                stack.pop()
            elif token == "OFFSET":
                nodes[stack[-1]].offset = (float(next(tokens)), float(next(tokens)), float(next(tokens)))
            elif token == "CHANNELS":
                nodes[stack[-1]].channels = tuple(next(tokens).lower() for _ in range(int(next(tokens))))
    except (StopIteration, RuntimeError, IndexError, ValueError) as error:
        raise UserError(f"{path}: its HIERARCHY is damaged ({error}); repair or remove it") from None
    if not nodes or stack:
        raise UserError(f"{path}: its HIERARCHY is damaged (a bracket is missing); repair or remove it")
    return nodes


def _channels(path: Path, nodes: list[_Node], values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns (turns [N, J, 3, 3], places [N, J, 3])."""
    turns = np.tile(np.eye(3), (len(values), len(nodes), 1, 1))
    places = np.full((len(values), len(nodes), 3), np.nan)
    columns = iter(values.T)
    for j, node in enumerate(nodes):
        axes, angles = "", []
        for channel, column in zip(node.channels, columns):
            kind, axis = channel[1:], channel[:1]
            if axis not in ("x", "y", "z") or kind not in ("rotation", "position", "scale"):
                raise UserError(f"{path}: unknown channel {channel} of joint {node.name}; export it with rotations")
            if kind == "position":
                places[:, j, "xyz".index(axis)] = column
            elif kind == "rotation":
                axes += axis
                angles.append(column)
        if len(set(axes)) < len(axes):
            raise UserError(f"{path}: joint {node.name} has a rotation channel twice; export it with each axis once")
        if axes:  # channels are applied in file order about the moving axes
            turns[:, j] = Rotation.from_euler(axes.upper(), np.stack(angles, 1), degrees=True).as_matrix()
    return turns, places
