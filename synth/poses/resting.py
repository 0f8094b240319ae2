"""Lays a posed body on the ground the way it would come to rest: the smallest turn to a stable support.

A rigid body rests on a face of its convex hull through which its centre of mass falls. NumPy and SciPy only.
"""

import numpy as np
from scipy.spatial import ConvexHull

from synth.body import rotations

# Every third vertex spans the hull, and every fifth face finds the centre, to millimetres, and much faster.
_POINT_STEP, _FACE_STEP = 3, 5


def centre_of_surface(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Returns the area-weighted centre [3] of a mesh, our stand-in for the centre of mass."""
    diagonals = vertices[faces[:, 2]] - vertices[faces[:, 0]], vertices[faces[:, -1]] - vertices[faces[:, 1]]
    area = np.linalg.norm(np.cross(*diagonals), axis=1)
    return (vertices[faces].mean(1) * area[:, None]).sum(0) / area.sum()


def settling_turn(vertices: np.ndarray, faces: np.ndarray, max_turn_deg: float) -> np.ndarray | None:
    """Returns the smallest turn [3, 3] after which the body stands stably on a level ground below it (-y).

    Args:
        vertices: [n, 3] posed naked body.
        faces: [F, 4] its quads (triangles repeat their last corner), or [F, 3] with `centre_of_surface`'s last corner.
        max_turn_deg: larger turns are not made.

    Returns:
        The turn, or None where no stable support is that near.
    """
    points = vertices[::_POINT_STEP].astype(np.float64)
    centre = centre_of_surface(vertices, faces[::_FACE_STEP])
    hull = ConvexHull(points)
    normals, corners = hull.equations[:, :3], points[hull.simplices]
    angles = np.degrees(np.arccos(np.clip(-normals[:, 1], -1, 1)))
    for k in np.argsort(angles):
        if angles[k] > max_turn_deg:
            return None
        if _falls_through(centre, corners[k], normals[k]):
            return rotations.between(normals[k], np.array([0.0, -1.0, 0.0]))
    return None


def _falls_through(centre: np.ndarray, triangle: np.ndarray, normal: np.ndarray) -> bool:
    """Returns whether the line through `centre` along `normal` meets the triangle [3, 3]."""
    sides = np.cross(np.roll(triangle, -1, axis=0) - triangle, centre - triangle) @ normal
    return bool((sides >= 0).all() or (sides <= 0).all())
