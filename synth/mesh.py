"""A dressed person as one mesh with the attributes its materials need. NumPy only."""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np


@dataclasses.dataclass(frozen=True)
class Topology:
    """What does not change with pose and place.

    Attributes:
        faces: [f, 4] int32 vertex numbers; a triangle repeats its last corner.
        loop_uv: [f, 4, 2] float32 texture coordinates of the face corners.
        slots: [f] int32 material slot.
        rest: [n, 3] float32 position of the vertices on the T-posed person, where patterns are fixed.
        tint: [n, 4] float32 factor on the colour.
    """

    faces: np.ndarray
    loop_uv: np.ndarray
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
    def low(self) -> np.ndarray:
        """[3] least coordinates."""
        return self.vertices.min(0)

    @functools.cached_property
    def high(self) -> np.ndarray:
        """[3] greatest coordinates."""
        return self.vertices.max(0)

    def moved(self, rotation: np.ndarray, offset: np.ndarray) -> "Mesh":
        """Returns the mesh turned by `rotation` [3, 3], then shifted by `offset` [3] metres."""
        turned = self.vertices @ rotation.T.astype(np.float32) + offset.astype(np.float32)
        return Mesh(turned, self.topology)


@dataclasses.dataclass(frozen=True)
class Part:
    """Faces of a body model that are shown with one material, pushed out along their normals.

    Attributes:
        faces: [f, 4] vertex numbers of the body model.
        uv_faces: [f, 4] rows of the texture coordinates.
        slot: material slot.
        offset_m: [f'] metres per body vertex, or one number.
    """

    faces: np.ndarray
    uv_faces: np.ndarray
    slot: int
    offset_m: float | np.ndarray


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Returns unit normals [n, 3] float32 of vertices [n, 3], the area-weighted mean of their quads' normals."""
    diagonals = vertices[faces[:, 2]] - vertices[faces[:, 0]], vertices[faces[:, 3]] - vertices[faces[:, 1]]
    normal = np.cross(*diagonals)
    corners = faces.ravel()
    weights = np.repeat(normal, faces.shape[1], 0)
    total = np.stack([np.bincount(corners, weights[:, axis], len(vertices)) for axis in range(3)], 1)
    return (total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)).astype(np.float32)


def assemble(
    vertices: np.ndarray, rest: np.ndarray, tint: np.ndarray, uv: np.ndarray, parts: Sequence[Part]
) -> tuple[np.ndarray, Topology]:
    """Returns the vertices [n, 3] and the topology of the parts joined into one mesh.

    Args:
        vertices: [V, 3] posed body model.
        rest: [V, 3] T-posed body model.
        tint: [V, 4].
        uv: [U, 2].
        parts: the visible parts.
    """
    points, faces, used_rows, base = [], [], [], 0
    for part in parts:
        used, index = np.unique(part.faces, return_inverse=True)
        index = index.reshape(part.faces.shape)
        shown = vertices[used]
        if np.any(part.offset_m):
            offset = part.offset_m if np.isscalar(part.offset_m) else np.asarray(part.offset_m)[used, None]
            shown = shown + vertex_normals(shown, index) * offset
        points.append(shown.astype(np.float32))
        faces.append(index + base)
        used_rows.append(used)
        base += len(used)
    rows = np.concatenate(used_rows)
    topology = Topology(
        faces=np.concatenate(faces).astype(np.int32),
        loop_uv=uv[np.concatenate([part.uv_faces for part in parts])].astype(np.float32),
        slots=np.concatenate([np.full(len(part.faces), part.slot, np.int32) for part in parts]),
        rest=rest[rows].astype(np.float32),
        tint=tint[rows].astype(np.float32),
    )
    return np.concatenate(points), topology
