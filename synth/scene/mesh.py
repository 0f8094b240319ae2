"""A dressed person as one mesh in the world. NumPy only."""

import dataclasses
import functools

import numpy as np

from synth.body.surface import bounds

SHRINK_M = 0.005  # the search for touching triangles goes on while a box shrinks by more than this
LEAST_CELL_M = 0.02  # side of the cells that tell which triangles are near


@dataclasses.dataclass(frozen=True)
class Topology:
    """What does not change with pose and place.

    Attributes:
        faces: [f, 4] int32 vertex numbers; a triangle repeats its last corner.
        uvs: [f, 4, 2] float32 texture coordinates of the face corners.
        slots: [f] int32 number of the material.
        rest: [n, 3] float32 metres, the vertices on the T-posed person, where patterns are fixed.
        tint: [n, 3] float32 factor on the colour.
    """

    faces: np.ndarray
    uvs: np.ndarray
    slots: np.ndarray
    rest: np.ndarray
    tint: np.ndarray

    @functools.cached_property
    def is_triangle(self) -> np.ndarray:
        """[f] bool."""
        return self.faces[:, 2] == self.faces[:, 3]

    @functools.cached_property
    def triangles(self) -> np.ndarray:
        """[m, 3] int32, quads cut in two."""
        second = self.faces[~self.is_triangle][:, [0, 2, 3]]
        return np.concatenate([self.faces[:, :3], second])


@dataclasses.dataclass(frozen=True)
class Mesh:
    """A mesh in the world.

    Attributes:
        vertices: [n, 3] float32 metres.
        topology: faces and attributes.
    """

    vertices: np.ndarray
    topology: Topology

    @functools.cached_property
    def _bounds(self) -> tuple[np.ndarray, np.ndarray]:
        return bounds(self.vertices)

    @property
    def low(self) -> np.ndarray:
        """[3] least coordinates."""
        return self._bounds[0]

    @property
    def high(self) -> np.ndarray:
        """[3] greatest coordinates."""
        return self._bounds[1]

    @functools.cached_property
    def triangle_boxes(self) -> tuple[np.ndarray, np.ndarray]:
        """Least and greatest coordinates of the triangles, [m, 3] each."""
        a, b, c = (self.vertices[self.topology.triangles[:, corner]] for corner in range(3))
        return np.minimum(np.minimum(a, b), c), np.maximum(np.maximum(a, b), c)

    def moved(self, rotation: np.ndarray, offset: np.ndarray) -> "Mesh":
        """Returns the mesh turned by `rotation` [3, 3], then shifted by `offset` [3] metres."""
        turned = self.vertices @ rotation.T.astype(np.float32) + offset.astype(np.float32)
        return Mesh(turned, self.topology)


def near_triangles(a: Mesh, b: Mesh) -> tuple[np.ndarray, np.ndarray] | None:
    """Returns the triangles [i], [j] of two meshes that can touch each other; None if none can.

    Only triangles in the box where the boxes of both meshes overlap can; their own boxes then give a smaller one. Of
    those in the last box, the ones that share a cell with a triangle of the other mesh remain.
    """
    low, high = np.maximum(a.low, b.low), np.minimum(a.high, b.high)
    rows = [np.arange(len(one.topology.triangles)) for one in (a, b)]
    while True:
        boxes = []
        for i, one in enumerate((a, b)):
            lows, highs = (corner[rows[i]] for corner in one.triangle_boxes)
            x, y, z = ((lows <= high) & (highs >= low)).T  # faster than all(1)
            inside = x & y & z
            if not inside.any():
                return None
            rows[i] = rows[i][inside]
            boxes.append((bounds(lows[inside])[0], bounds(highs[inside])[1]))
        shrunk_low, shrunk_high = np.maximum(boxes[0][0], boxes[1][0]), np.minimum(boxes[0][1], boxes[1][1])
        gained = (shrunk_low > low + SHRINK_M).any() or (shrunk_high < high - SHRINK_M).any()
        low, high = np.maximum(low, shrunk_low), np.minimum(high, shrunk_high)
        if not gained:
            return _in_shared_cells(a, b, rows)


def _in_shared_cells(a: Mesh, b: Mesh, rows: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray] | None:
    """Returns those of the triangles `rows` of two meshes whose boxes share a cubic cell; None if none do."""
    boxes = [[corner[rows[i]] for corner in one.triangle_boxes] for i, one in enumerate((a, b))]
    # No box is longer than a cell, so that it lies in the cells of its eight corners.
    side = max(LEAST_CELL_M, 1.001 * max(float((highs - lows).max()) for lows, highs in boxes))
    origin = np.minimum(bounds(boxes[0][0])[0], bounds(boxes[1][0])[0])
    ends = [[np.floor((corner - origin) / side).astype(np.int64) for corner in box] for box in boxes]
    size = np.maximum(bounds(ends[0][1])[1], bounds(ends[1][1])[1]) + 1
    cells = [
        np.stack([(x[:, 0] * size[1] + y[:, 1]) * size[2] + z[:, 2] for x in box for y in box for z in box])
        for box in ends
    ]
    kept = []
    for own, others in (cells, cells[::-1]):
        filled = np.zeros(int(size.prod()), bool)
        filled[others] = True
        kept.append(filled[own].any(0))
    return (rows[0][kept[0]], rows[1][kept[1]]) if kept[0].any() else None
