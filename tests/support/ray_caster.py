"""Casts rays on the meshes of a scene with Blender: an independent check of ground truth that comes from images."""

from collections.abc import Sequence

import numpy as np

from synth.rendering.blender import BVHTree, mathutils
from synth.scene.person import Figure


class RayCaster:
    """Finds the person that a ray hits first."""

    def __init__(self, figures: Sequence[Figure]) -> None:
        meshes = [figure.mesh for figure in figures]
        starts = np.cumsum([0] + [len(one.vertices) for one in meshes])
        triangles = np.concatenate([one.topology.triangles + start for one, start in zip(meshes, starts)])
        self._owner = np.repeat(np.arange(1, len(meshes) + 1), [len(one.topology.triangles) for one in meshes])
        vertices = np.concatenate([one.vertices for one in meshes])
        self._tree = BVHTree.FromPolygons(vertices.tolist(), triangles.tolist(), all_triangles=True)

    def first_hit(self, origin: np.ndarray, target: np.ndarray) -> tuple[int, float]:
        """Returns the person (1, 2, ...; 0 = nobody) first hit on the way from `origin` through `target`, and where.

        The second number is how far before the target the hit is, in metres; negative behind it.
        """
        way = np.asarray(target, np.float64) - origin
        length = float(np.linalg.norm(way))
        _, _, face, distance = self._tree.ray_cast(mathutils.Vector(origin), mathutils.Vector(way / length), length + 1)
        return (0, 0.0) if face is None else (int(self._owner[face]), length - distance)
