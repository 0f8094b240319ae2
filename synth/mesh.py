"""A dressed person as one mesh in the world. NumPy only."""

import dataclasses
import functools

import numpy as np


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
