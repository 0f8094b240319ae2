"""Rotations: axis-angle to matrices and back, and the turn from body axes to world axes. NumPy and SciPy only."""

import numpy as np
from scipy.spatial.transform import Rotation

# Body axes (x left, y up, z front) to world axes (z up): x stays, y becomes z, z becomes -y.
Y_UP_TO_Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])


def to_matrix(rotvec: np.ndarray) -> np.ndarray:
    """Returns rotation matrices [..., 3, 3] float64 of axis-angle vectors [..., 3] in radians."""
    vectors = np.asarray(rotvec, np.float64)
    return Rotation.from_rotvec(vectors.reshape(-1, 3)).as_matrix().reshape(*vectors.shape[:-1], 3, 3)


def to_rotvec(matrix: np.ndarray) -> np.ndarray:
    """Returns axis-angle vectors [..., 3] float64, angle in 0..pi, of rotation matrices [..., 3, 3]."""
    matrices = np.asarray(matrix, np.float64)
    return Rotation.from_matrix(matrices.reshape(-1, 3, 3)).as_rotvec().reshape(*matrices.shape[:-2], 3)


def about(axis: int, degrees: float) -> np.ndarray:
    """Returns the matrix [3, 3] of a turn of `degrees` about a coordinate axis (0 x, 1 y, 2 z)."""
    vector = np.zeros(3)
    vector[axis] = np.deg2rad(degrees)
    return to_matrix(vector)


def between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Returns the smallest rotations [..., 3, 3] that turn directions `a` [..., 3] into directions `b` [..., 3]."""
    a, b = (v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-300) for v in np.broadcast_arrays(a, b))
    axis = np.cross(a, b)
    sine, cosine = np.linalg.norm(axis, axis=-1, keepdims=True), (a * b).sum(-1, keepdims=True)
    across = np.cross(a, np.eye(3)[np.argmin(np.abs(a), axis=-1)])  # any axis across does for a half turn
    axis = np.where(sine < 1e-12, across, axis)
    axis = axis / np.maximum(np.linalg.norm(axis, axis=-1, keepdims=True), 1e-300)
    return to_matrix(axis * np.arctan2(np.where(sine < 1e-12, 0.0, sine), cosine))
