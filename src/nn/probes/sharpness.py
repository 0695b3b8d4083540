"""The sharpness of the training loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from ..component import Count, Interval
from ..gradients import global_norm
from ..randomness import stream
from ..typing import Array, Float64Array
from .probe import Probe, Probed

_STEP = np.finfo(np.float64).eps ** (1 / 3)
"""Half the distance of two gradients, relative to max(1, ‖θ‖): truncation and rounding balance."""


@dataclass(frozen=True)
class Sharpness(Probe):
    """The largest (most positive) eigenvalue of the Hessian H of the training loss.

    With `preconditioned`, that of P^-½ H P^-½, where P is the diagonal by which the optimizer
    divides, such as √v̂ + ε for Adam; no value for optimizers that divide by nothing, and before
    the first step. Gradient descent is stable as long as η times the sharpness is below 2.

    Products with H are central differences of gradients in float64, and Lanczos' method finds the
    eigenvalue (see :func:`largest_eigenvalues`).

    Parameters
    ----------
    every, part, rows
        See :class:`Probe`.
    preconditioned : bool, default False
        Whether the optimizer's preconditioner is applied.
    iterations : int, default 100
        Largest number of products with H, each of which takes two gradients.
    tolerance : float, default 1e-3
        The relative error at which Lanczos' method stops.

    References
    ----------
    Cohen et al. 2021, "Gradient descent on neural networks typically occurs at the edge of
    stability"; preconditioned: Cohen et al. 2022, "Adaptive gradient methods at the edge of
    stability".
    """

    name: ClassVar[str] = "sharpness"
    preconditioned: bool = False
    iterations: Count = 100
    tolerance: Annotated[float, Interval(0, 1, "neither")] = 1e-3

    @property
    def label(self) -> str:
        return "preconditioned_sharpness" if self.preconditioned else "sharpness"

    def measure(self, probed: Probed) -> dict[str, Array]:
        network = probed.network
        root = np.sqrt(probed.preconditioner) if self.preconditioned else np.ones((1, 1))
        defined = np.isfinite(root).all(axis=1) & np.isfinite(network.parameters).all(axis=1)
        if not defined.any():
            return {"": np.full(network.runs, np.nan)}
        root = np.where(np.isfinite(root), root, 1)
        half = _STEP * np.maximum(1, global_norm(network.parameters))

        def product(vectors: Float64Array) -> Float64Array:
            direction = vectors / root
            length = global_norm(direction)
            step = half * direction / np.where(length > 0, length, 1)
            difference: Float64Array = probed.gradients(step) - probed.gradients(-step)
            return difference * length / (2 * half) / root

        starts = [
            stream(seed, "sharpness").standard_normal(network.layout.size) for seed in network.seeds
        ]
        largest = largest_eigenvalues(product, np.array(starts), self.iterations, self.tolerance)
        return {"": np.where(defined, largest, np.nan)}


def largest_eigenvalues(
    product: Callable[[Float64Array], Float64Array],
    start: Float64Array,
    iterations: int,
    tolerance: float,
) -> Float64Array:
    """Find the largest eigenvalue of each of several symmetric matrices by Lanczos' method.

    Vectors are orthogonalized against all earlier ones. A run stops when the residual of the
    largest Ritz pair is below the tolerance, so that its result does not depend on other runs. The
    largest Ritz value never exceeds the largest eigenvalue, and is near it long before the bound.

    Parameters
    ----------
    product : callable
        A function that multiplies each matrix by its vector: (runs, n) → (runs, n).
    start : ndarray of shape (runs, n)
        A vector for each run that is not 0.
    iterations : int
        Largest number of products.
    tolerance : float
        Largest residual, relative to the eigenvalue.

    Returns
    -------
    ndarray of shape (runs,)
        The eigenvalues: most positive, not largest in magnitude. NaN where a product was not
        finite.
    """
    runs, size = start.shape
    basis = np.zeros((runs, 0, size))
    diagonal, beside = np.zeros((runs, 0)), np.zeros((runs, 0))
    found = np.full(runs, np.nan)
    open_runs = np.ones(runs, bool)
    vectors = start / global_norm(start)
    for _ in range(min(iterations, size)):
        basis = np.concatenate([basis, vectors[:, np.newaxis]], axis=1)
        following = product(vectors)
        open_runs &= np.isfinite(following).all(axis=1)
        following = np.where(open_runs[:, np.newaxis], following, 0)
        diagonal = np.concatenate([diagonal, _dots(vectors, following)], axis=1)
        for _ in range(2):  # the second time removes what rounding left
            shares = np.matmul(basis, following[:, :, np.newaxis])
            following = following - np.matmul(shares.transpose(0, 2, 1), basis)[:, 0]
        length = global_norm(following)
        values, weights = np.linalg.eigh(_tridiagonal(diagonal, beside))
        residual = length[:, 0] * np.abs(weights[:, -1, -1])
        scale = np.abs(values).max(axis=1)
        found[open_runs] = values[open_runs, -1]
        # Beyond an invariant subspace there is only rounding.
        exhausted = length[:, 0] <= size * np.finfo(np.float64).eps * scale
        open_runs &= ~((residual <= tolerance * np.abs(values[:, -1])) | exhausted)
        if not open_runs.any():
            break
        beside = np.concatenate([beside, length], axis=1)
        vectors = np.where(open_runs[:, np.newaxis], following / np.where(length, length, 1), 0)
    return found


def _dots(left: Float64Array, right: Float64Array) -> Float64Array:
    """Return the inner product of each run's vectors, (runs, 1)."""
    dots: Float64Array = np.matmul(left[:, np.newaxis], right[:, :, np.newaxis])[:, :, 0]
    return dots


def _tridiagonal(diagonal: Float64Array, beside: Float64Array) -> Float64Array:
    """Return symmetric tridiagonal matrices, (runs, k, k)."""
    runs, size = diagonal.shape
    matrices = np.zeros((runs, size, size))
    places = np.arange(size)
    matrices[:, places, places] = diagonal
    matrices[:, places[1:], places[:-1]] = beside
    matrices[:, places[:-1], places[1:]] = beside
    return matrices
