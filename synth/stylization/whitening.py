"""Whitening and colouring: gives features the mean and covariance of other features (Li et al., ECCV 2018, Eq. 3-4)."""

import numpy as np

MIN_EIGENVALUE = 1e-5  # FastPhotoStyle: smaller ones are dropped


def whiten_and_colour(
    content: np.ndarray, style: np.ndarray, style_ridge: float = 0.0, unbiased: bool = True
) -> np.ndarray:
    """Returns the content features moved to the mean and covariance of the style features.

    f' = S^1/2 C^-1/2 (f - m_c) + m_s, where C = cov(content) + I (FastPhotoStyle) and S = cov(style) + style_ridge I.

    Args:
        content: [n, c] float32.
        style: [m, c] float32.
        style_ridge: 0 in FastPhotoStyle, 1 in PCA-distilled PhotoWCT.
        unbiased: divide covariances by n - 1 (FastPhotoStyle) or n.

    Returns:
        [n, c] float32.
    """
    content_mean, content_cov = _moments(content, unbiased)
    style_mean, style_cov = _moments(style, unbiased)
    eye = np.eye(content.shape[1])
    matrix = _power(style_cov + style_ridge * eye, 0.5) @ _power(content_cov + eye, -0.5)
    offset = style_mean - matrix @ content_mean
    return content @ matrix.T.astype(np.float32) + offset.astype(np.float32)


def _moments(features: np.ndarray, unbiased: bool) -> tuple[np.ndarray, np.ndarray]:
    mean = features.mean(0, dtype=np.float64)
    centred = features - mean.astype(np.float32)
    count = len(features) - 1 if unbiased else len(features)
    return mean, (centred.T @ centred).astype(np.float64) / max(count, 1)


def _power(matrix: np.ndarray, exponent: float) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    kept = values >= MIN_EIGENVALUE
    return (vectors[:, kept] * values[kept] ** exponent) @ vectors[:, kept].T
