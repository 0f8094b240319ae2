"""Ground truth of a rendered scene: keypoints with states, boxes, masks, areas and distances, from ids and depth."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from openpose_tf.data.annotations.segmentations import run_length
from openpose_tf.data.annotations.types import min_distances
from openpose_tf.skeleton import MPII_JOINTS, JointState
from synth.body.joints import CENTRE_JOINT
from synth.scene.camera import Camera
from synth.scene.person import Figure

HEAD_DIAGONAL_PX = 42.0  # scale = head box diagonal / 42 px, comparable to height / 200 (release)
# A joint lies inside the body: so far behind its own surface (m) it still counts as visible. Measured on the built-in
# body: visible joints lie 0.07 m deep (median), 0.16 m (95 %); trunk and head joints are the deep ones.
LIMB_DEPTH_M, TRUNK_DEPTH_M, FACE_DEPTH_M = 0.13, 0.20, 0.05
TRUNK_JOINTS = ("pelvis", "r_hip", "l_hip", "thorax", "upper_neck", "head_top")
OWN_DEPTH_M = np.array([TRUNK_DEPTH_M if name in TRUNK_JOINTS else LIMB_DEPTH_M for name in MPII_JOINTS])
NEAREST_M = 0.1  # geometry nearer to the camera is not projected
SUBPIXEL_BITS = 4


def joint_states(
    pixels: np.ndarray,
    joint_depth: np.ndarray,
    ids: np.ndarray,
    depth: np.ndarray,
    instance: int,
    own_depth: np.ndarray,
) -> np.ndarray:
    """Returns the JointState of points of one person, from the id and depth images alone.

    Truncated: outside of the image or behind the camera. Occluded by other: another person's surface is nearer at the
    joint's pixel. Self-occluded: deeper behind the person's own surface than a joint lies inside the body.

    Args:
        pixels: [n, 2] projections.
        joint_depth: [n] planar depth in metres.
        ids: [height, width] instance ids, 0 = background.
        depth: [height, width] planar depth of the first surface in metres.
        instance: id of the person.
        own_depth: [n] metres behind the own surface up to which a point counts as visible.

    Returns:
        [n] int.
    """
    height, width = ids.shape
    inside = (joint_depth > 0) & (pixels >= -0.5).all(1) & (pixels <= [width - 0.5, height - 0.5]).all(1)
    rounded = np.where(inside[:, None], np.floor(pixels + 0.5), 0).astype(int)
    x, y = np.minimum(rounded, [width - 1, height - 1]).T
    owner, behind = ids[y, x], joint_depth - depth[y, x]
    states = np.full(len(pixels), int(JointState.VISIBLE))
    states[(owner == instance) & (behind > own_depth)] = JointState.SELF_OCCLUDED
    states[(owner != 0) & (owner != instance) & (behind > 0)] = JointState.OCCLUDED_BY_OTHER
    states[~inside] = JointState.TRUNCATED
    return states


def amodal_mask(
    pixels: np.ndarray, depth: np.ndarray, triangles: np.ndarray, ids: np.ndarray, instance: int
) -> np.ndarray:
    """Returns where a person would be seen if nobody stood in front, [height, width] bool.

    What is seen is taken from the ids, exactly; only where another person is seen are this person's triangles drawn.

    Args:
        pixels: [n, 2] projected vertices.
        depth: [n] planar depth of the vertices, metres.
        triangles: [m, 3] vertex numbers.
        ids: [height, width] instance ids.
        instance: id of the person.
    """
    modal = ids == instance
    others = (ids != 0) & ~modal
    if not others.any():
        return modal
    height, width = ids.shape
    near_others = cv2.dilate(others.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)
    x, y = pixels.T
    inside = (depth > NEAREST_M) & (x > -0.5) & (y > -0.5) & (x < width - 0.5) & (y < height - 0.5)
    hidden = np.zeros(len(pixels), bool)
    hidden[inside] = near_others[np.rint(y[inside]).astype(int), np.rint(x[inside]).astype(int)]
    a, b, c = triangles.T
    chosen = triangles[hidden[a] | hidden[b] | hidden[c]]
    chosen = chosen[(depth > NEAREST_M)[chosen].all(1)]
    drawn = np.zeros(ids.shape, np.uint8)
    corners = np.rint(np.clip(pixels, -4e3, 2e4)[chosen] * (1 << SUBPIXEL_BITS)).astype(np.int32)
    for corner in corners:
        cv2.fillConvexPoly(drawn, corner, 1, cv2.LINE_8, SUBPIXEL_BITS)
    return modal | (others & drawn.astype(bool))


def _box(mask: np.ndarray) -> list[float] | None:
    """Pixel box (x1, y1, x2, y2), borders at pixel edges, of a mask; None if it is empty."""
    columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    if not len(columns):
        return None
    return [float(columns[0] - 0.5), float(rows[0] - 0.5), float(columns[-1] + 0.5), float(rows[-1] + 0.5)]


def _extent(pixels: np.ndarray, depth: np.ndarray) -> list[float]:
    """Box of projected points in front of the camera, not cut at the image border."""
    front = pixels[depth > NEAREST_M]
    if not len(front):
        return [0.0, 0.0, 0.0, 0.0]
    return _rounded(np.concatenate([front.min(0), front.max(0)]), 2)


def _rounded(values: np.ndarray, digits: int) -> Any:
    return np.round(np.asarray(values, np.float64), digits).tolist()


def annotate_person(
    figure: Figure, camera: Camera, ids: np.ndarray, depth: np.ndarray, instance: int
) -> dict[str, Any]:
    """Returns everything the images tell about one person; fields: docs/reference/formats.md."""

    def keypoints(points: np.ndarray, own_depth: np.ndarray) -> np.ndarray:
        pixels, joint_depth = camera.project(points)
        states = joint_states(pixels, joint_depth, ids, depth, instance, own_depth)
        return np.column_stack([pixels, states])

    body_points = keypoints(figure.mpii_joints, OWN_DEPTH_M)
    states = body_points[:, 2]
    head_box = _extent(*camera.project(figure.head_points))
    diagonal = float(np.hypot(head_box[2] - head_box[0], head_box[3] - head_box[1]))
    pixels, vertex_depth = camera.project(figure.mesh.vertices)
    modal = ids == instance
    amodal = amodal_mask(pixels, vertex_depth, figure.mesh.topology.triangles, ids, instance)
    return {
        "instance_id": instance,
        "keypoints": _rounded(body_points, 2),
        "face_keypoints": _rounded(keypoints(figure.face_points, np.full(5, FACE_DEPTH_M)), 2),
        "joints_3d_m": _rounded(camera.to_camera(figure.joints), 4),
        "head_box": head_box,
        "box": _box(modal),
        "amodal_box": _extent(pixels, vertex_depth),
        "objpos": _rounded(camera.project(figure.joints[CENTRE_JOINT])[0], 2),
        "scale": round(diagonal / HEAD_DIAGONAL_PX, 4),
        "area": int(modal.sum()),
        "amodal_area": int(amodal.sum()),
        "amodal_mask": run_length(amodal),
        "visible_ratio": float((states == JointState.VISIBLE).mean()),
        "cropped_ratio": float((states == JointState.TRUNCATED).mean()),
        "is_synthetic": True,
    }


def annotate_people(
    figures: Sequence[Figure], camera: Camera, ids: np.ndarray, depth: np.ndarray
) -> list[dict[str, Any]]:
    """Returns the annotations of all people; person i has instance id i + 1.

    Args:
        figures: the people, in the order of their ids.
        camera: the camera.
        ids: [height, width] int, instance ids, 0 = background.
        depth: [height, width] float, planar depth in metres.
    """
    people = [annotate_person(figure, camera, ids, depth, i + 1) for i, figure in enumerate(figures)]
    add_distances(people)
    return people


def add_distances(people: Sequence[dict[str, Any]]) -> None:
    """Sets `min_distance` and `nearest_person` of everybody; a person whose objpos is None is nobody's neighbour."""
    placed = [i for i, person in enumerate(people) if person["objpos"] is not None]
    centres = np.array([people[i]["objpos"] for i in placed]).reshape(-1, 2)
    nearest = min_distances(centres)
    for person in people:
        person["min_distance"] = person["nearest_person"] = None
    for k, i in enumerate(placed if len(placed) > 1 else []):
        gaps = np.linalg.norm(centres - centres[k], axis=1)
        gaps[k] = np.inf
        people[i]["min_distance"] = round(float(nearest[k]), 3)
        people[i]["nearest_person"] = placed[int(gaps.argmin())]
