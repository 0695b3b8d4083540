"""The base classes of the functions to minimize."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..component import Finite, NonNegative
from ..layers import Layer
from ..parameters import Parameter
from ..typing import Array, Shape


@dataclass
class Function(Layer):
    """Base of the functions f(θ; x) of a point θ, which training minimizes in the mean over x.

    A function is a layer whose parameters are the point, whose input is a row x with as many
    numbers, and whose output is the value. With :class:`nn.losses.Value`, it is a network of its
    own.

    Parameters
    ----------
    start : float or list of float
        The coordinates at which the point starts; one number stands for all of them.
    spread : float, default 0.0
        Standard deviation of a Gaussian displacement of the start, which depends on the seed.

    Attributes
    ----------
    coordinates : int or None
        Number of the point's coordinates; None for any number.
    """

    per_run: ClassVar[tuple[str, ...]] = ("start", "spread")
    axes: ClassVar[tuple[str, ...]] = ("coordinates",)
    coordinates: ClassVar[int | None] = None

    start: Finite | tuple[Finite, ...] = 0.0
    spread: NonNegative = 0.0

    def output_shape(self, shape: Shape) -> Shape:
        (coordinates,) = shape
        if self.coordinates not in (None, coordinates):
            raise ValueError(f"{self.label} has {self.coordinates} coordinates, not {coordinates}")
        if isinstance(self.start, tuple) and len(self.start) != coordinates:
            raise ValueError(
                f"start of {self.label} has {len(self.start)} coordinates, not {coordinates}"
            )
        return (1,)

    def parameters(self, shape: Shape) -> list[Parameter]:
        return [Parameter("point", shape, decays=True)]

    def initialize(self, rng: np.random.Generator, values: dict[str, Array]) -> None:
        point = values["point"]
        point[...] = self.start + self.spread * rng.standard_normal(point.shape)

    @abstractmethod
    def values(self, point: Array, rows: Array) -> Array:
        """Return f(θ; x) for each row.

        Parameters
        ----------
        point : ndarray of shape (runs, 1, coordinates)
            The point θ of each run.
        rows : ndarray of shape (runs, batch, coordinates), or (1, batch, coordinates)
            The rows x.

        Returns
        -------
        ndarray of shape (runs, batch)
        """

    @abstractmethod
    def slopes(self, point: Array, rows: Array) -> Array:
        """Return the gradient with respect to θ for each row.

        Parameters
        ----------
        point, rows
            See :meth:`values`.

        Returns
        -------
        ndarray of shape (runs, batch, coordinates), or (1, batch, coordinates)
        """

    @property
    def point(self) -> Array:
        """The point of each run, (runs, 1, coordinates)."""
        return self.at.parameters["point"][:, np.newaxis, :]

    def forward(self, x: Array, training: bool) -> Array:
        self.x = x
        return self.values(self.point, x)[:, :, np.newaxis]

    def backward(self, grad: Array, input_gradient: bool) -> Array:
        if input_gradient:
            raise NotImplementedError("a function is the first layer of its network")
        slopes = self.slopes(self.point, self.x)
        # A product for each run, so that its sum over the batch does not depend on other runs.
        gradient = self.at.gradients["point"][:, np.newaxis, :]
        np.matmul(grad.transpose(0, 2, 1), slopes, out=gradient)
        return grad


@dataclass
class Landscape(Function):
    """Base of the functions g(θ - x), whose rows displace the point; without noise x is 0.

    Parameters
    ----------
    start, spread
        See :class:`Function`.
    """

    @abstractmethod
    def value(self, points: Array) -> Array:
        """Return g at each point: (..., coordinates) → (...)."""

    @abstractmethod
    def gradient(self, points: Array) -> Array:
        """Return the gradient of g at each point, an array of the shape of `points`."""

    def values(self, point: Array, rows: Array) -> Array:
        return self.value(point - rows)

    def slopes(self, point: Array, rows: Array) -> Array:
        return self.gradient(point - rows)
