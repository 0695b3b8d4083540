"""Quadratic functions with a given spectrum, along the axes or rotated."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, ClassVar

import numpy as np

from ..component import AtMost, Component, Finite, Interval
from ..typing import Array, Float64Array
from .function import Landscape


@dataclass(frozen=True)
class Eigenvalues(Component):
    """Eigenvalues that are drawn uniformly from an interval.

    Parameters
    ----------
    share : float
        Their share of all eigenvalues, in (0, 1].
    low, high : float
        The ends of the interval.
    """

    share: Annotated[float, Interval(0, 1, "right")]
    low: Finite
    high: Finite


@dataclass(kw_only=True)
class Quadratic(Landscape):
    """g = ½zᵀQz with Q = RᵀΛR, a sum of quadratics along rotated axes.

    The eigenvalues Λ and then the rotation R are drawn from ``numpy.random.RandomState(seed)``.
    With 90% of 100 eigenvalues from [0, 1], 10% from [30, 60] and the other defaults, it is
    DeepOBS's ``quadratic_deep`` (Schneider et al. 2019), whose spectrum imitates that of deep
    networks (Chaudhari et al. 2017).

    Parameters
    ----------
    start : float or list of float, default 1.0
        The starting point.
    spread
        See :class:`Function`.
    spectrum : list of Eigenvalues
        The eigenvalues, whose shares sum to 1.
    rotated : bool, default True
        Whether R is a rotation drawn uniformly (from the Haar measure), or the identity.
    seed : int, default 42
        Seed of the function, which does not depend on the run's.
    """

    name: ClassVar[str] = "quadratic"
    start: Finite | tuple[Finite, ...] = 1.0
    spectrum: Annotated[tuple[Eigenvalues, ...], AtMost(100)]
    rotated: bool = True
    seed: Annotated[int, Interval(0, 2**32 - 1)] = 42

    def __post_init__(self) -> None:
        super().__post_init__()
        total = sum(one.share for one in self.spectrum)
        if not math.isclose(total, 1, rel_tol=1e-9):
            raise ValueError(f"the shares of spectrum must sum to 1, but sum to {total:g}")

    def hessian(self, coordinates: int) -> Float64Array:
        """Return Q, of shape (coordinates, coordinates)."""
        rng = np.random.RandomState(self.seed)
        ends = np.cumsum([one.share for one in self.spectrum]) * coordinates
        counts = np.diff(np.rint(ends).astype(int), prepend=0)
        eigenvalues = np.concatenate(
            [
                rng.uniform(one.low, one.high, count)
                for one, count in zip(self.spectrum, counts, strict=True)
            ]
        )
        if not self.rotated or coordinates == 1:
            return np.diag(eigenvalues)
        rotation = random_rotation(coordinates, rng)
        hessian: Float64Array = rotation.T @ (eigenvalues[:, np.newaxis] * rotation)
        return hessian

    @cached_property
    def q(self) -> Array:
        """Q in the network's precision."""
        coordinates = self.at.parameters["point"].shape[1]
        return self.hessian(coordinates).astype(self.at.workspace.dtype)

    def value(self, points: Array) -> Array:
        value: Array = (points * self.gradient(points)).sum(axis=-1) / 2
        return value

    def gradient(self, points: Array) -> Array:
        gradient: Array = np.matmul(points, self.q)
        return gradient


def random_rotation(size: int, rng: np.random.RandomState) -> Float64Array:
    """Draw a rotation uniformly, by the subgroup algorithm of Diaconis & Shahshahani (1987).

    Parameters
    ----------
    size : int
        Number of dimensions, at least 2.
    rng : numpy.random.RandomState
        The generator: an angle is drawn first, then a direction for each further dimension.

    Returns
    -------
    ndarray of shape (size, size)
        An orthogonal matrix with determinant 1 for an even size.
    """
    angle = 2 * math.pi * rng.uniform()
    rotation = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    for dimensions in range(3, size + 1):
        direction = rng.normal(size=dimensions)
        # A reflection that takes the first axis to a uniform direction, after a rotation of the
        # other axes.
        normal = -direction / np.linalg.norm(direction)
        normal[0] += 1
        normal /= np.linalg.norm(normal)
        grown = np.eye(dimensions)
        grown[1:, 1:] = rotation
        rotation = grown - 2 * np.outer(normal, normal @ grown)
    return -rotation
