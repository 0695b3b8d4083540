"""Initializers, which draw weights from an explicit random stream.

They draw in float64 whatever the network's precision, so that a run in float32 starts from the
rounded weights of the same run in float64.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from .component import Component, Finite, Positive
from .typing import Float64Array, Shape


@dataclass(frozen=True)
class Initializer(Component):
    """Base of the initializers: a distribution of weight matrices, and of kernels."""

    @abstractmethod
    def __call__(self, rng: np.random.Generator, shape: Shape) -> Float64Array:
        """Draw weights.

        Parameters
        ----------
        rng : numpy.random.Generator
            The run's random stream for initialization.
        shape : tuple of int
            Shape ``(fan_in, fan_out)`` of a weight matrix, or that of a bias.

        Returns
        -------
        ndarray of that shape, float64
        """

    def biases(self, rng: np.random.Generator, fan_in: int, units: int) -> Float64Array:
        """Draw the biases of a layer of `units` with `fan_in` inputs.

        By default they are drawn like an array of their shape, whatever the number of inputs.

        Returns
        -------
        ndarray of shape (units,), float64
        """
        return self(rng, (units,))

    def kernels(self, rng: np.random.Generator, shape: Shape, groups: int = 1) -> Float64Array:
        """Draw the kernels of a convolution.

        By default they are drawn as a matrix (fan_in, channels). The fan-in of an output is the
        number of numbers that its kernel sees; the fan-out of an input, on which some initializers
        depend too, is the number of outputs whose kernels see it (but for the edges, and the
        stride).

        Parameters
        ----------
        rng : numpy.random.Generator
            The run's random stream for initialization.
        shape : tuple of int
            Shape ``(channels, input channels / groups, *kernel)``.
        groups : int, default 1
            Number of groups of channels.

        Returns
        -------
        ndarray of that shape, float64
        """
        return self(rng, (math.prod(shape[1:]), shape[0])).T.reshape(shape)


@dataclass(frozen=True)
class Zeros(Initializer):
    """All zeros."""

    name: ClassVar[str] = "zeros"

    def __call__(self, rng: np.random.Generator, shape: Shape) -> Float64Array:
        return np.zeros(shape)


@dataclass(frozen=True)
class Filled(Initializer):
    """One value throughout.

    Parameters
    ----------
    value : float, default 0.0
        The value of all entries.
    """

    name: ClassVar[str] = "constant"
    value: Finite = 0.0

    def __call__(self, rng: np.random.Generator, shape: Shape) -> Float64Array:
        return np.full(shape, float(self.value))


@dataclass(frozen=True)
class Normal(Initializer):
    """Independent draws from N(0, std²).

    Parameters
    ----------
    std : float, default 0.01
        Standard deviation.
    """

    name: ClassVar[str] = "normal"
    std: Positive = 0.01

    def __call__(self, rng: np.random.Generator, shape: Shape) -> Float64Array:
        return rng.standard_normal(shape) * self.std


@dataclass(frozen=True)
class Uniform(Initializer):
    """Independent uniform draws from [-limit, limit).

    Parameters
    ----------
    limit : float, default 0.05
        Bound of the interval.
    """

    name: ClassVar[str] = "uniform"
    limit: Positive = 0.05

    def __call__(self, rng: np.random.Generator, shape: Shape) -> Float64Array:
        return rng.uniform(-self.limit, self.limit, shape)


@dataclass(frozen=True)
class PyTorchUniform(Initializer):
    """U(-1/√fan_in, 1/√fan_in) for weights and biases, the default of PyTorch's `nn.Linear`."""

    name: ClassVar[str] = "pytorch_uniform"

    def __call__(self, rng: np.random.Generator, shape: Shape) -> Float64Array:
        limit = 1 / math.sqrt(shape[0])
        return rng.uniform(-limit, limit, shape)

    def biases(self, rng: np.random.Generator, fan_in: int, units: int) -> Float64Array:
        limit = 1 / math.sqrt(fan_in)
        return rng.uniform(-limit, limit, units)


@dataclass(frozen=True)
class TruncatedNormal(Initializer):
    """N(0, std²), where draws beyond two standard deviations are repeated.

    Parameters
    ----------
    std : float, default 0.01
        Standard deviation of the normal before truncation; that of the weights is 0.88 times it.
    """

    name: ClassVar[str] = "truncated_normal"
    std: Positive = 0.01

    def __call__(self, rng: np.random.Generator, shape: Shape) -> Float64Array:
        draws = rng.standard_normal(shape)
        while (beyond := np.abs(draws) > 2).any():
            draws[beyond] = rng.standard_normal(int(beyond.sum()))
        return draws * self.std


@dataclass(frozen=True)
class ScaledGaussian(Initializer):
    """N(0, 1/fan_in), which keeps the variance of a linear layer (Nielsen 2015, chapter 3)."""

    name: ClassVar[str] = "scaled_gaussian"

    def __call__(self, rng: np.random.Generator, shape: Shape) -> Float64Array:
        return rng.standard_normal(shape) / math.sqrt(shape[0])


@dataclass(frozen=True)
class VarianceScaling(Initializer):
    """Base of the initializers with variance `gain` / fan, normal or uniform.

    Parameters
    ----------
    distribution : {"normal", "uniform"}
        Shape of the distribution. Uniform draws of the same variance lie within ±√(3·variance).
    """

    distribution: Literal["normal", "uniform"] = "normal"

    @abstractmethod
    def variance(self, fan_in: int, fan_out: int) -> float:
        """Return the variance of weights between `fan_in` inputs and `fan_out` outputs."""

    def __call__(self, rng: np.random.Generator, shape: Shape) -> Float64Array:
        return self._draw(rng, shape, self.variance(shape[0], shape[-1]))

    def kernels(self, rng: np.random.Generator, shape: Shape, groups: int = 1) -> Float64Array:
        fan_out = shape[0] // groups * math.prod(shape[2:])
        return self._draw(rng, shape, self.variance(math.prod(shape[1:]), fan_out))

    def _draw(self, rng: np.random.Generator, shape: Shape, variance: float) -> Float64Array:
        if self.distribution == "normal":
            return rng.standard_normal(shape) * math.sqrt(variance)
        limit = math.sqrt(3 * variance)
        return rng.uniform(-limit, limit, shape)


@dataclass(frozen=True)
class Xavier(VarianceScaling):
    """Variance 2 / (fan_in + fan_out), uniform by default (Glorot & Bengio 2010, eq. 16)."""

    name: ClassVar[str] = "xavier"
    distribution: Literal["normal", "uniform"] = "uniform"

    def variance(self, fan_in: int, fan_out: int) -> float:
        return 2 / (fan_in + fan_out)


@dataclass(frozen=True)
class He(VarianceScaling):
    """Variance 2 / fan_in, for ReLU and similar activations (He et al. 2015, eq. 10)."""

    name: ClassVar[str] = "he"

    def variance(self, fan_in: int, fan_out: int) -> float:
        return 2 / fan_in


@dataclass(frozen=True)
class LeCun(VarianceScaling):
    """Variance 1 / fan_in (LeCun et al. 1998, section 4.6), normal or uniform."""

    name: ClassVar[str] = "lecun"

    def variance(self, fan_in: int, fan_out: int) -> float:
        return 1 / fan_in


@dataclass(frozen=True)
class Orthogonal(Initializer):
    """A uniformly random orthogonal matrix times a gain (Saxe et al. 2014).

    Parameters
    ----------
    gain : float, default 1.0
        Factor of the matrix.
    """

    name: ClassVar[str] = "orthogonal"
    gain: Positive = 1.0

    def __call__(self, rng: np.random.Generator, shape: Shape) -> Float64Array:
        if len(shape) != 2:
            raise ValueError("the orthogonal initializer is for matrices of weights, not biases")
        rows, columns = shape
        draws = rng.standard_normal((max(rows, columns), min(rows, columns)))
        q, r = np.linalg.qr(draws)
        q = q * np.sign(np.diag(r))  # makes the distribution uniform (Mezzadri 2007)
        return (q if rows >= columns else q.T) * self.gain
