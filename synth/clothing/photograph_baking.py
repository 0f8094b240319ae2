"""Makes the wardrobe's textures from the package's: logos painted over, folds, relief, hair as strands without colour.

Only `synth.bake_wardrobe` needs it. Images are [height, width, 3] uint8 RGB.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from openpose_tf.common.imaging.color import to_linear

DEEPEST = 0.6  # no place is darkened more
FOLDS = 0.8  # how much of the ambient occlusion goes into the colours
STRAND_CONTRAST = 1.1  # of hair's grey values; 1 = as photographed
STRAND_SPREAD = 0.5  # largest standard deviation of their logarithm: some photographs hold the shine of a lamp
STRAND_MEAN = 0.45  # mean value of hair without its colour
_GREY = np.array([0.2126, 0.7152, 0.0722])  # RGB to luminance (Rec. 709)
Box = tuple[float, float, float, float]


def footprint(uv: np.ndarray, uv_faces: np.ndarray, size: int) -> np.ndarray:
    """Returns where faces lie on a square texture, [size, size] bool."""
    mask = np.zeros((size, size), np.uint8)
    corners = uv[uv_faces] * [size, -size] + [0, size]
    for corner in np.rint(corners * 16).astype(np.int32):
        cv2.fillConvexPoly(mask, corner, 1, cv2.LINE_8, 4)
    return mask.astype(bool)


def mean_colour(image: np.ndarray, where: np.ndarray) -> list[float]:
    """Returns the mean linear RGB of an image's pixels where `where` [height, width] is true."""
    mean = to_linear(image[where][:, :3] / 255.0).mean(0)
    return [round(float(value), 5) for value in mean]


def without_logos(image: np.ndarray, boxes: Sequence[Box], tolerance: float = 10.0) -> np.ndarray:
    """Returns the image with what stands out of the cloth inside of boxes painted over by the cloth around it.

    Args:
        image: [height, width, 3] uint8.
        boxes: (x1, y1, x2, y2), fractions of the width and height, with plain cloth at their borders.
        tolerance: Lab distance from the box's median beyond which a pixel belongs to a logo.
    """
    mask = np.zeros(image.shape[:2], np.uint8)
    for box in boxes:
        x1, y1, x2, y2 = (round(value * image.shape[0]) for value in box)
        patch = cv2.cvtColor(cv2.GaussianBlur(image[y1:y2, x1:x2], (0, 0), 0.7), cv2.COLOR_RGB2LAB).astype(float)
        distance = np.linalg.norm(patch - np.median(patch, (0, 1)), axis=2)
        mask[y1:y2, x1:x2] = distance > tolerance
    mask = cv2.dilate(mask, np.ones((7, 7), np.uint8))
    painted = cv2.inpaint(image, mask, 5, cv2.INPAINT_TELEA)
    grain = np.clip(image.astype(float) - cv2.GaussianBlur(image, (0, 0), 3), -6, 6)
    shift = round(0.09 * image.shape[0])  # the weave of a place below, so that no smooth spot is left
    woven = painted + 0.9 * np.roll(np.where(mask[..., None] > 0, 0, grain), -shift, 0)
    return np.where(mask[..., None] > 0, np.clip(woven, 0, 255), image).astype(np.uint8)


def with_folds(image: np.ndarray, occlusion: np.ndarray) -> np.ndarray:
    """Returns the colours [h, w, 3] darkened by ambient occlusion [h, w], both uint8.

    Where one garment lay deep under another, such as a waistband under a shirt, its shade is lightened: here it may be
    worn without the other.
    """
    shade = np.maximum(1 - FOLDS + FOLDS * occlusion[..., None] / 255.0, DEEPEST)
    return np.clip(image * shade, 0, 255).astype(np.uint8)


def height_map(normals: np.ndarray) -> np.ndarray:
    """Returns the relief [h, w] uint8 of a tangent-space normal map [h, w, 3] uint8 RGB; 128 = level.

    The height whose slopes fit best (Frankot and Chellappa 1988), without waves longer than an eighth of the map, so
    that a relief needs neither tangents nor the direction of the texture coordinates.
    """
    vector = normals.astype(float) / 127.5 - 1
    z = np.maximum(vector[..., 2], 0.2)
    slope_x, slope_y = -vector[..., 0] / z, vector[..., 1] / z  # rows run down, the map's y runs up
    fy, fx = np.meshgrid(np.fft.fftfreq(len(z)), np.fft.fftfreq(len(z)), indexing="ij")
    square = fx**2 + fy**2
    square[0, 0] = 1.0
    spectrum = (np.fft.fft2(slope_x) * fx + np.fft.fft2(slope_y) * fy) / (2j * np.pi * square)
    spectrum[square < (8 / len(z)) ** 2] = 0.0
    height = np.real(np.fft.ifft2(spectrum))
    return np.clip(128 + 40 * height, 0, 255).astype(np.uint8)


def strands(image: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Returns hair [h, w, 4] as grey strands of a fixed mean value, with its alpha.

    Args:
        image: [h, w, 3 or 4] uint8.
        where: [h, w] bool, the part of the texture that faces show.
    """
    if image.shape[2] == 3:
        image = np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])
    grey, alpha = image[..., :3] @ _GREY / 255.0, image[..., 3] / 255.0
    seen = (alpha > 0.5) & where
    middle = float(np.median(grey[seen & (grey > 0.02)]))
    tone = np.log(np.maximum(grey, 0.1 * middle) / middle)
    contrast = min(STRAND_CONTRAST, STRAND_SPREAD / max(float(tone[seen].std()), 1e-6))
    value = np.where(seen, 255 * STRAND_MEAN * np.exp(contrast * tone), 255 * STRAND_MEAN)
    return np.dstack([np.clip(value, 0, 255)] * 3 + [255 * alpha]).astype(np.uint8)


def opaque_faces(alpha: np.ndarray, uv: np.ndarray, uv_faces: np.ndarray, least: float) -> np.ndarray:
    """Returns which faces [n] bool show something: alpha [h, w] 0..1 reaches `least` at one of 16 points."""
    corners = uv[uv_faces]
    steps = np.linspace(0, 1, 4)
    best = np.zeros(len(corners))
    for s in steps:
        for t in steps:
            share = np.array([(1 - s) * (1 - t), s * (1 - t), s * t, (1 - s) * t])
            x, y = (np.einsum("k,nkc->nc", share, corners) * [1, -1] + [0, 1]).T
            column = np.clip((x * alpha.shape[1]).astype(int), 0, alpha.shape[1] - 1)
            row = np.clip((y * alpha.shape[0]).astype(int), 0, alpha.shape[0] - 1)
            best = np.maximum(best, alpha[row, column])
    return best >= least
