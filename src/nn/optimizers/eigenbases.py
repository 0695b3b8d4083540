"""Eigenvectors and roots of the symmetric matrices by which whole-matrix rules precondition."""

from __future__ import annotations

import numpy as np

from ..typing import Array


def eigenvectors(matrices: Array) -> tuple[Array, Array]:
    """Return eigenvalues and eigenvectors of symmetric matrices, the largest first.

    They are computed in float64, matrix by matrix, so that a run that diverges stays alone with it.

    Parameters
    ----------
    matrices : ndarray of shape (runs, n, n)
        The matrices.

    Returns
    -------
    values : ndarray of shape (runs, n), float64
        The eigenvalues.
    vectors : ndarray of shape (runs, n, n), float64
        The eigenvectors, as columns. NaN, like the values, if the matrix is not finite.
    """
    runs, n = matrices.shape[:2]
    values, vectors = np.full((runs, n), np.nan), np.full((runs, n, n), np.nan)
    for run, matrix in enumerate(matrices.astype(np.float64)):
        if np.isfinite(matrix).all():
            ascending, columns = np.linalg.eigh(matrix)
            values[run], vectors[run] = ascending[::-1], columns[:, ::-1]
    return values, vectors


def inverse_fourth_roots(matrices: Array, eps: Array) -> Array:
    """Return (A + εI)^-¼ for symmetric, positive semi-definite matrices A.

    Parameters
    ----------
    matrices : ndarray of shape (runs, n, n)
        The matrices A.
    eps : ndarray of shape (runs, 1) or (1, 1)
        ε of each run, above 0.

    Returns
    -------
    ndarray of shape (runs, n, n), float64
        NaN for a matrix that is not finite.
    """
    values, vectors = eigenvectors(matrices)
    scales = 1 / np.sqrt(np.sqrt(np.maximum(values, 0) + eps))
    roots: Array = np.matmul(vectors * scales[:, np.newaxis], vectors.transpose(0, 2, 1))
    return roots


def orthonormal(matrices: Array) -> Array:
    """Return the orthonormal factor of each matrix, (runs, n, n), in its precision."""
    return np.stack([np.linalg.qr(matrix)[0] for matrix in matrices])
