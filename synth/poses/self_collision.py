"""Tells whether a posed body passes through itself; NumPy and SciPy only.

The exact test needs triangles against triangles (Blender's BVH trees); this one takes the vertices of a limb and asks
on which side of the nearest vertex of another part they lie. It is meant for rejecting poses cheaply and may be
replaced by any callable of the same signature.
"""

import dataclasses

import numpy as np
from scipy.spatial import cKDTree

from synth.body.joints import JOINT_NAMES
from synth.body.model import BodyModel
from synth.body.surface import bounds, vertex_normals

# Limbs that must not enter other parts. Neighbours in the body (upper arm and chest, thigh and belly) always touch.
PAIRS = (
    ("left_arm", "trunk"),
    ("right_arm", "trunk"),
    ("left_arm", "left_leg"),
    ("left_arm", "right_leg"),
    ("right_arm", "left_leg"),
    ("right_arm", "right_leg"),
    ("left_arm", "right_arm"),
    ("left_shank", "right_leg"),
    ("right_shank", "left_leg"),
)
_REACH_M = 0.12
_TRUNK = ("pelvis", "spine1", "spine2", "spine3", "neck", "head")


@dataclasses.dataclass(frozen=True)
class SelfCollision:
    """The test for one body model; make it with `make_test`.

    Attributes:
        faces: [F, 3] or [F, 4] faces of the naked body.
        parts: part name -> vertex ids.
        depth_m: how deep a vertex must be to count; skin gives way a little.
        min_vertices: how many such vertices make a collision.
    """

    faces: np.ndarray
    parts: dict[str, np.ndarray]
    depth_m: float
    min_vertices: int

    def __call__(self, vertices: np.ndarray) -> bool:
        """Returns whether the posed body [V, 3] (metres) passes through itself."""
        normals = vertex_normals(vertices, self.faces)
        points = {name: vertices[ids] for name, ids in self.parts.items()}
        boxes = {name: bounds(part) for name, part in points.items()}
        for limb, other in PAIRS:
            entering = points[limb][_inside(points[limb], *boxes[other], 0.0)]
            if len(entering) >= self.min_vertices and self._enters(entering, points[other], normals[self.parts[other]]):
                return True
        return False

    def _enters(self, limb: np.ndarray, surface: np.ndarray, normals: np.ndarray) -> bool:
        """Returns whether enough points [n, 3] of a limb are below a surface's points [m, 3] with normals [m, 3]."""
        near = _inside(surface, *bounds(limb), _REACH_M)
        if not near.any():
            return False
        surface, normals = surface[near], normals[near]
        # Only points within the reach count: a limb that is deeper has other points that are not.
        distance, nearest = cKDTree(surface).query(limb, distance_upper_bound=_REACH_M)
        found = np.isfinite(distance)
        nearest = nearest[found]
        height = np.einsum("nc,nc->n", limb[found] - surface[nearest], normals[nearest])
        return int((height < -self.depth_m).sum()) >= self.min_vertices


def _inside(points: np.ndarray, low: np.ndarray, high: np.ndarray, margin: float) -> np.ndarray:
    """Returns which points [n, 3] lie in a box grown by `margin`."""
    x, y, z = points.T
    low, high = low - margin, high + margin
    in_xy = (x > low[0]) & (x < high[0]) & (y > low[1]) & (y < high[1])
    return in_xy & (z > low[2]) & (z < high[2])


def make_test(body: BodyModel, depth_m: float = 0.008, min_vertices: int = 6) -> SelfCollision:
    """Returns the self-collision test of a body model."""
    strongest = body.models[body.genders[0]].strongest[: body.num_body_vertices]
    part_names = np.array([_part_of(name) for name in JOINT_NAMES])
    labels = part_names[strongest]
    if "inside_mouth" in body.masks:  # the mouth's cavity would look like a head turned inside out
        labels[body.masks["inside_mouth"][: len(labels)] > 0.5] = ""
    parts = {name: np.nonzero(labels == name)[0] for name in ("left_arm", "right_arm", "trunk")}
    for side in ("left", "right"):
        parts[f"{side}_shank"] = np.nonzero(labels == f"{side}_shank")[0]
        parts[f"{side}_leg"] = np.nonzero((labels == f"{side}_shank") | (labels == f"{side}_thigh"))[0]
    return SelfCollision(body.faces, parts, depth_m, min_vertices)


def _part_of(joint: str) -> str:
    side, _, part = joint.partition("_")
    if joint in _TRUNK:
        return "trunk"
    if part in ("collar", "shoulder"):
        return ""
    if part == "hip":
        return f"{side}_thigh"
    if part in ("knee", "ankle", "foot"):
        return f"{side}_shank"
    return f"{side}_arm"
