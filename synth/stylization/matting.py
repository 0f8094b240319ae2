"""Photorealistic smoothing by matting propagation: the stylized colours spread along the content's structure.

FastPhotoStyle's second step (Li et al., ECCV 2018, Sec. 3.2): with the matting affinity W of the content over 3x3
windows (Levin, Lischinski and Weiss, 2008) and S = D^-1/2 W D^-1/2, the result V solves
(I - beta S) V = (1 - beta) Y for the stylized image Y.
"""

import cv2
import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as spl

BETA = 0.9999  # FastPhotoStyle
EPS = 1e-7  # FastPhotoStyle, for colours in 0..1
_CELLS = [(row, column) for row in range(3) for column in range(3)]


def propagate(
    stylized: np.ndarray,
    content: np.ndarray,
    direct: bool = False,
    tolerance: float = 1e-3,
    max_iterations: int = 2000,
) -> np.ndarray:
    """Returns the stylized image smoothed along the content, over the whole rectangle.

    Args:
        stylized: [H, W, 3] float RGB in 0..1, H and W at least 3.
        content: [H, W, 3] float RGB in 0..1.
        direct: solve by sparse factorisation, as FastPhotoStyle does; slow and hungry above 300 px.
        tolerance: residual of the conjugate gradients relative to the right side; 1e-3 stays within 1/255 of `direct`.
        max_iterations: bound of the conjugate gradients.

    Returns:
        [H, W, 3] float64 in 0..1.
    """
    target = stylized.reshape(-1, 3).astype(np.float64)
    matrix = system_matrix(content)
    if direct:
        solved = spl.splu(matrix.tocsc()).solve((1 - BETA) * target)
    else:
        solved = conjugate_gradients(matrix, (1 - BETA) * target, target, tolerance, max_iterations)
    return np.clip(solved.reshape(stylized.shape), 0, 1)


def propagate_per_region(
    stylized: np.ndarray, content: np.ndarray, mask: np.ndarray, padding: int = 16, direct: bool = False
) -> np.ndarray:
    """Returns `stylized` with every connected region of the mask smoothed in its own padded rectangle.

    Small systems are several times cheaper than one over the whole image; nothing outside the mask changes.

    Args:
        stylized, content: [H, W, 3] float RGB in 0..1.
        mask: [H, W] bool.
        padding: pixels around a region's box.
        direct: see `propagate`.

    Returns:
        [H, W, 3] float32.
    """
    out = stylized.astype(np.float32, copy=True)
    count, regions, boxes, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    for region in range(1, count):
        x, y, width, height = boxes[region, :4]
        rows = slice(max(0, y - padding), y + height + padding)
        columns = slice(max(0, x - padding), x + width + padding)
        source = stylized[rows, columns]
        if min(source.shape[:2]) < 3:
            continue
        inside = regions[rows, columns] == region
        out[rows, columns][inside] = propagate(source, content[rows, columns], direct)[inside]
    return out


def system_matrix(content: np.ndarray) -> sp.csr_matrix:
    """Returns I - beta D^-1/2 W D^-1/2 for an image [H, W, 3] in 0..1, [HW, HW] float64."""
    weights = affinity(content.astype(np.float64))
    scale = sp.diags(np.asarray(weights.sum(1)).ravel() ** -0.5)
    return sp.csr_matrix(sp.identity(weights.shape[0]) - BETA * (scale @ weights @ scale))


def affinity(image: np.ndarray) -> sp.csr_matrix:
    """Returns the matting affinity W of an image [H, W, 3] float64 in 0..1 as a symmetric [HW, HW] matrix.

    Two pixels i, j of one 3x3 window k share (1 + (x_i - m_k)' (C_k + eps/9 I)^-1 (x_j - m_k)) / 9. A pair's offset is
    one of 25, so the matrix is 25 diagonals, 13 of them up to symmetry, filled plane by plane.
    """
    height, width, _ = image.shape
    deviations, solved = _window_terms(image)
    inner = (slice(0, height - 2), slice(0, width - 2))
    planes: dict[int, np.ndarray] = {}
    for a, (row_a, column_a) in enumerate(_CELLS):
        for b, (row_b, column_b) in enumerate(_CELLS):
            offset = (row_b - row_a) * width + column_b - column_a
            if offset < 0:
                continue
            plane = planes.setdefault(offset, np.zeros((height, width)))
            shifted = plane[row_a : row_a + inner[0].stop, column_a : column_a + inner[1].stop]
            shifted += (1 + np.einsum("hwc,hwc->hw", deviations[a], solved[b])) / len(_CELLS)
    return _from_diagonals(planes, height * width)


def _window_terms(image: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Returns per window cell x - m and (C + eps/9 I)^-1 (x - m), each [H-2, W-2, 3]."""
    image = np.ascontiguousarray(image)
    inside = (slice(1, -1), slice(1, -1))
    mean = cv2.blur(image, (3, 3))[inside]
    height, width = mean.shape[:2]
    deviations = [image[row : row + height, column : column + width] - mean for row, column in _CELLS]
    cov = sum(d[..., :, None] * d[..., None, :] for d in deviations) / len(_CELLS)
    inverse = np.linalg.inv(cov + EPS / len(_CELLS) * np.eye(3))
    return deviations, [np.einsum("hwij,hwj->hwi", inverse, d) for d in deviations]


def _from_diagonals(planes: dict[int, np.ndarray], size: int) -> sp.csr_matrix:
    """Builds the symmetric matrix from its diagonals at and above the main one, each indexed by its row."""
    values, offsets = [], []
    for offset, plane in planes.items():
        by_row = plane.ravel()
        by_column = np.zeros(size)  # SciPy stores a diagonal by column
        by_column[offset:] = by_row[: size - offset]
        values.append(by_column)
        offsets.append(offset)
        if offset:
            values.append(by_row)
            offsets.append(-offset)
    return sp.dia_matrix((np.array(values), offsets), shape=(size, size)).tocsr()


def conjugate_gradients(
    matrix: sp.csr_matrix, right_side: np.ndarray, start: np.ndarray, tolerance: float, max_iterations: int
) -> np.ndarray:
    """Solves a symmetric positive system for several right sides at once.

    Args:
        matrix: [n, n].
        right_side: [n, k].
        start: [n, k], first guess.
        tolerance: stops when every column's residual is below `tolerance` times its right side.
        max_iterations: bound.

    Returns:
        [n, k] float64.
    """
    solution = start.copy()
    residual = right_side - matrix @ solution
    direction = residual.copy()
    power = (residual**2).sum(0)
    goal = tolerance**2 * np.maximum((right_side**2).sum(0), 1e-300)
    for _ in range(max_iterations):
        if (power <= goal).all():
            break
        image = matrix @ direction
        step = power / np.maximum((direction * image).sum(0), 1e-300)
        solution += step * direction
        residual -= step * image
        previous, power = power, (residual**2).sum(0)
        direction = residual + power / np.maximum(previous, 1e-300) * direction
    return solution
