"""Parts of a dressed person: meshes on top of the body, joined into one and moved with it.

    parts = garments.dress(body, look)
    mesh = join_parts(parts)                      # topology, materials, attributes
    points = dressed_vertices(parts, posture)     # [M, 3], same axes as the posture

Vertex attributes: `rest`, position in the T pose of the gender's mean shape (patterns stick to it); `tint`, a linear
factor on the skin and eye colour (brows, lips, beard, iris).
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from synth.body.surface import triangles, vertex_normals
from synth.clothing.mesh_cutting import DerivedMesh

SLOTS = ("body", "skin", "eye", "brow", "hair", "hat", "top", "bottom", "shoe", "sock")


@dataclasses.dataclass(frozen=True)
class Posture:
    """A body in a pose.

    Attributes:
        vertices: [V, 3] posed body vertices, metres.
        shaped: [V, 3] the same person in the T pose.
        turns: [52, 3, 3] rotations of the joints from the T pose.
    """

    vertices: np.ndarray
    shaped: np.ndarray
    turns: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Lift:
    """Offsets of a fitted item: they turn with the body and grow with it.

    Attributes:
        vectors: [k, 3] float32, metres, along the axes of MakeHuman's rest pose.
        weights: [k, 52] float32 skin weights.
        turns: [52, 3, 3] float32, rotations of the joints from that rest pose to the T pose.
        span_refs: [3, 2] int64 body vertices; the offsets along x, y, z grow with their distances,
        span_m: [3] float32, which are these where the vectors are as stored.
    """

    vectors: np.ndarray
    weights: np.ndarray
    turns: np.ndarray
    span_refs: np.ndarray
    span_m: np.ndarray

    def turned(self, posture: Posture) -> np.ndarray:
        """Returns the offsets [k, 3] float32 in a posture."""
        ends = posture.shaped[self.span_refs]
        scale = np.abs(ends[:, 0] - ends[:, 1]).diagonal() / self.span_m
        turns = (posture.turns.astype(np.float32) @ self.turns).reshape(len(self.turns), 9)
        turned = np.einsum("kab,kb->ka", (self.weights @ turns).reshape(-1, 3, 3), self.vectors * scale)
        return np.asarray(turned, np.float32)


@dataclasses.dataclass(frozen=True)
class MeshPart:
    """One garment, or the skin.

    Attributes:
        name: what it is.
        material: slot of `Look.materials`.
        mesh: its mesh on the body vertices, with a lift on those and its k offsets behind them.
        offsets: [m] float32, metres along the vertex normal.
        rest: [m, 3] float32, metres, T pose.
        tint: [m, 3] float32, linear, 0..1.
        lift: offsets of a fitted item, or None.
    """

    name: str
    material: str
    mesh: DerivedMesh
    offsets: np.ndarray
    rest: np.ndarray
    tint: np.ndarray
    lift: Lift | None = None

    def points(self, posture: Posture) -> np.ndarray:
        """Returns the vertices [m, 3] float32 in a posture."""
        values = posture.vertices.astype(np.float32)
        if self.lift is not None:
            values = np.concatenate([values, self.lift.turned(posture)])
        points = self.mesh.at(values)
        if self.offsets.any():
            points = points + self.offsets[:, None] * vertex_normals(points, self.mesh.faces)
        return points.astype(np.float32)


@dataclasses.dataclass(frozen=True)
class DressedMesh:
    """What stays the same in every pose of a dressed person.

    Attributes:
        faces: [F, 4] int64; a triangle repeats its last corner.
        uvs: [F, 4, 2] float32 texture coordinates of the corners, v up.
        material_index: [F] int64 into `materials`.
        materials: slots of `Look.materials` in use.
        rest: [M, 3] float32, metres.
        tint: [M, 3] float32.
    """

    faces: np.ndarray
    uvs: np.ndarray
    material_index: np.ndarray
    materials: tuple[str, ...]
    rest: np.ndarray
    tint: np.ndarray

    @property
    def triangles(self) -> np.ndarray:
        """The faces as triangles [T, 3]."""
        return triangles(self.faces)


def join_parts(parts: Sequence[MeshPart]) -> DressedMesh:
    """Returns the parts as one mesh; vertices are in the order of `dressed_vertices`."""
    starts = np.cumsum([0, *(len(part.offsets) for part in parts)])
    materials = tuple(slot for slot in SLOTS if any(part.material == slot for part in parts))
    return DressedMesh(
        faces=np.concatenate([part.mesh.faces + start for part, start in zip(parts, starts)]),
        uvs=np.concatenate([part.mesh.uvs for part in parts]),
        material_index=np.concatenate(
            [np.full(len(part.mesh.faces), materials.index(part.material)) for part in parts]
        ),
        materials=materials,
        rest=np.concatenate([part.rest for part in parts]),
        tint=np.concatenate([part.tint for part in parts]),
    )


def dressed_vertices(parts: Sequence[MeshPart], posture: Posture) -> np.ndarray:
    """Returns the vertices [M, 3] float32 of all parts in a posture."""
    return np.concatenate([part.points(posture) for part in parts])
