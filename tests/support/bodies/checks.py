"""What tests ask of a body: collisions by boxes, joint limits, balance."""

import numpy as np
from scipy.spatial import ConvexHull

from synth.poses.builder import clip_to_limits
from synth.poses.resting import centre_of_surface
from synth.scene import placement
from synth.scene.mesh import Mesh


def box_intersects(a: Mesh, b: Mesh) -> bool:
    """A collision test without Blender: axis-aligned boxes (stricter than the exact one)."""
    return not placement.boxes_apart(a, b)


def within_limits(pose: np.ndarray) -> bool:
    """Returns whether every joint of the pose [52, 3] (radians) lies inside its limits, to 0.01 degrees."""
    return bool(np.abs(clip_to_limits(pose) - pose).max() <= np.deg2rad(0.01))


def support_distance(vertices: np.ndarray, faces: np.ndarray, contact_m: float = 0.015) -> float:
    """Returns how far the centre of mass is outside of the ground contact, seen from above; negative = inside.

    Args:
        vertices: [n, 3] posed naked body, y up.
        faces: its faces.
        contact_m: vertices this near to the lowest one touch the ground, metres.
    """
    centre = centre_of_surface(vertices, faces)[[0, 2]]
    contact = vertices[vertices[:, 1] < vertices[:, 1].min() + contact_m][:, [0, 2]]
    hull = ConvexHull(contact)
    return float((hull.equations[:, :2] @ centre + hull.equations[:, 2]).max())
