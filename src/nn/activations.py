"""Activation functions, each with its derivative as a vector-Jacobian product.

All are pure functions of arrays of any shape, elementwise but for :class:`Softmax`, which acts
along the last axis. ``forward`` and ``backward`` write into arrays they are given, so that
training allocates nothing; calling an activation, ``Tanh()(z)``, returns a new array. No
finite input gives an overflow warning, but for :class:`Square`.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from .component import Component, NonNegative, Positive
from .normal_distribution import cdf, pdf
from .typing import Array


@dataclass(frozen=True)
class Activation(Component):
    """Base of the activation functions.

    Attributes
    ----------
    initializer : str
        Name of the weight initializer that suits a layer followed by this activation.
    scratch : int
        Number of scratch arrays that ``forward`` and ``backward`` need.
    elementwise : bool
        Whether an activation depends only on its own pre-activation. If not, arrays need not be
        contiguous.
    gives_probabilities : bool
        Whether the activations are probabilities: independent ones if the function is elementwise
        (:class:`Sigmoid`), else one distribution over exclusive classes (:class:`Softmax`).
    keeps_order : bool
        Whether the largest activation of a sample belongs to its largest pre-activation. Classes
        are then predicted from pre-activations, which rounding has not made equal.
    """

    initializer: ClassVar[str] = "scaled_gaussian"
    scratch: ClassVar[int] = 1
    elementwise: ClassVar[bool] = True
    gives_probabilities: ClassVar[bool] = False
    keeps_order: ClassVar[bool] = False

    @property
    def gives_distribution(self) -> bool:
        """Whether the activations of a sample are one distribution over exclusive classes."""
        return self.gives_probabilities and not self.elementwise

    @abstractmethod
    def forward(self, z: Array, out: Array, work: Array) -> None:
        """Write the activation of `z` into `out`.

        Parameters
        ----------
        z : ndarray of shape (..., features)
            Pre-activations.
        out : ndarray of the same shape
            The array that receives the activations; it must not overlap `z`.
        work : ndarray of shape (scratch, ..., features)
            Scratch space.
        """

    @abstractmethod
    def backward(self, grad: Array, z: Array, a: Array, out: Array, work: Array) -> None:
        """Write the gradient with respect to `z` into `out`.

        Parameters
        ----------
        grad : ndarray of shape (..., features)
            Gradient with respect to the activations. May be `out` itself.
        z, a : ndarray of the same shape
            The pre-activations, and the activations that ``forward`` gave.
        out : ndarray of the same shape
            The array that receives the gradient with respect to `z`.
        work : ndarray of shape (scratch, ..., features)
            Scratch space.
        """

    def __call__(self, z: Array) -> Array:
        """Return the activation of `z`, an ndarray of any shape, as a new array."""
        z = np.asarray(z)
        if not np.issubdtype(z.dtype, np.floating):
            z = z.astype(np.float64)
        out = np.empty_like(z)
        self.forward(z, out, np.empty((self.scratch, *z.shape), z.dtype))
        return out


@dataclass(frozen=True)
class Identity(Activation):
    """f(z) = z: the output of a regression."""

    name: ClassVar[str] = "identity"
    scratch: ClassVar[int] = 0

    def forward(self, z: Array, out: Array, work: Array) -> None:
        np.copyto(out, z)

    def backward(self, grad: Array, z: Array, a: Array, out: Array, work: Array) -> None:
        if out is not grad:
            np.copyto(out, grad)


@dataclass(frozen=True)
class Square(Activation):
    """f(z) = z², derivative 2z, which overflows where no other activation does."""

    name: ClassVar[str] = "square"

    def forward(self, z: Array, out: Array, work: Array) -> None:
        np.multiply(z, z, out=out)

    def backward(self, grad: Array, z: Array, a: Array, out: Array, work: Array) -> None:
        np.add(z, z, out=work[0])
        np.multiply(grad, work[0], out=out)


@dataclass(frozen=True)
class Sigmoid(Activation):
    """f(z) = 1 / (1 + e^-z), derivative f (1 - f)."""

    name: ClassVar[str] = "sigmoid"
    gives_probabilities: ClassVar[bool] = True

    def forward(self, z: Array, out: Array, work: Array) -> None:
        # e^min(z,0) / (1 + e^-|z|) overflows nowhere and keeps the digits of the left tail.
        np.abs(z, out=out)
        np.negative(out, out=out)
        np.exp(out, out=out)
        out += 1
        _minimum(z, work[0])
        np.exp(work[0], out=work[0])
        np.divide(work[0], out, out=out)

    def backward(self, grad: Array, z: Array, a: Array, out: Array, work: Array) -> None:
        np.subtract(1, a, out=work[0])
        work[0] *= a
        np.multiply(grad, work[0], out=out)


@dataclass(frozen=True)
class Tanh(Activation):
    """f(z) = tanh z, derivative 1 - f²."""

    name: ClassVar[str] = "tanh"

    def forward(self, z: Array, out: Array, work: Array) -> None:
        np.tanh(z, out=out)

    def backward(self, grad: Array, z: Array, a: Array, out: Array, work: Array) -> None:
        np.multiply(a, a, out=work[0])
        np.subtract(1, work[0], out=work[0])
        np.multiply(grad, work[0], out=out)


@dataclass(frozen=True)
class ReLU(Activation):
    """f(z) = max(z, 0), with derivative 0 at 0 (Nair & Hinton 2010)."""

    name: ClassVar[str] = "relu"
    initializer: ClassVar[str] = "he"

    def forward(self, z: Array, out: Array, work: Array) -> None:
        _maximum(z, out)

    def backward(self, grad: Array, z: Array, a: Array, out: Array, work: Array) -> None:
        np.greater(a, 0, out=work[0])
        np.multiply(grad, work[0], out=out)


@dataclass(frozen=True)
class LeakyReLU(Activation):
    """f(z) = z for z > 0, slope·z elsewhere (Maas et al. 2013).

    Parameters
    ----------
    slope : float, default 0.01
        Slope of the left half, at least 0; also the derivative at 0.
    """

    name: ClassVar[str] = "leaky_relu"
    initializer: ClassVar[str] = "he"
    scratch: ClassVar[int] = 2
    slope: NonNegative = 0.01

    def forward(self, z: Array, out: Array, work: Array) -> None:
        _minimum(z, work[0])
        work[0] *= self.slope
        _maximum(z, out)
        out += work[0]

    def backward(self, grad: Array, z: Array, a: Array, out: Array, work: Array) -> None:
        work[0].fill(self.slope)
        _merge(z, 1, work)
        np.multiply(grad, work[0], out=out)


@dataclass(frozen=True)
class ELU(Activation):
    """f(z) = z for z > 0, α (e^z - 1) elsewhere (Clevert et al. 2016).

    Parameters
    ----------
    alpha : float, default 1.0
        Negative of the limit of the left half, above 0.
    """

    name: ClassVar[str] = "elu"
    initializer: ClassVar[str] = "he"
    scratch: ClassVar[int] = 2
    alpha: Positive = 1.0

    def forward(self, z: Array, out: Array, work: Array) -> None:
        _elu(z, self.alpha, out, work[0])

    def backward(self, grad: Array, z: Array, a: Array, out: Array, work: Array) -> None:
        _minimum(a, work[0])
        work[0] += self.alpha
        _merge(z, 1, work)
        np.multiply(grad, work[0], out=out)


@dataclass(frozen=True)
class SELU(Activation):
    """f(z) = λ·ELU(z) with the fixed α and λ that keep mean 0 and variance 1.

    Klambauer et al. 2017, equation 2: λ = 1.0507009873554805, α = 1.6732632423543772.
    """

    name: ClassVar[str] = "selu"
    initializer: ClassVar[str] = "lecun"
    scratch: ClassVar[int] = 2
    scale: ClassVar[float] = 1.0507009873554805
    alpha: ClassVar[float] = 1.6732632423543772

    def forward(self, z: Array, out: Array, work: Array) -> None:
        _elu(z, self.alpha, out, work[0])
        out *= self.scale

    def backward(self, grad: Array, z: Array, a: Array, out: Array, work: Array) -> None:
        _minimum(a, work[0])
        work[0] += self.scale * self.alpha
        _merge(z, self.scale, work)
        np.multiply(grad, work[0], out=out)


@dataclass(frozen=True)
class Softplus(Activation):
    """f(z) = log(1 + e^z), a smooth ReLU whose derivative is the sigmoid."""

    name: ClassVar[str] = "softplus"
    initializer: ClassVar[str] = "he"

    def forward(self, z: Array, out: Array, work: Array) -> None:
        softplus(z, out, work[0])

    def backward(self, grad: Array, z: Array, a: Array, out: Array, work: Array) -> None:
        np.negative(a, out=work[0])
        np.expm1(work[0], out=work[0])  # sigmoid(z) = 1 - e^-softplus(z)
        np.negative(work[0], out=work[0])
        np.multiply(grad, work[0], out=out)


@dataclass(frozen=True)
class GELU(Activation):
    """f(z) = z·Φ(z), Φ the normal distribution function (Hendrycks & Gimpel 2016).

    Parameters
    ----------
    form : {"exact", "tanh"}, default "exact"
        Form of the function; ``"tanh"`` is the paper's approximation
        ½z(1 + tanh(√(2/π)(z + 0.044715z³))).
    """

    name: ClassVar[str] = "gelu"
    initializer: ClassVar[str] = "he"
    scratch: ClassVar[int] = 4
    form: Literal["exact", "tanh"] = "exact"

    def forward(self, z: Array, out: Array, work: Array) -> None:
        gate, t, inner, spare = work
        np.clip(z, -40, 40, out=t)
        self._gate(t, gate, inner, spare)
        np.multiply(z, gate, out=out)

    def backward(self, grad: Array, z: Array, a: Array, out: Array, work: Array) -> None:
        gate, t, inner, spare = work
        # Beyond |z| = 40 the gate is flat in any precision, while z³ may overflow.
        np.clip(z, -40, 40, out=t)
        self._gate(t, gate, inner, spare)
        if self.form == "exact":
            pdf(t, out=inner)
            inner *= t
        else:  # z·g'(z), with g = sigmoid(2u) and u' = √(2/π)(1 + 3·0.044715 z²)
            np.multiply(t, t, out=inner)
            inner *= 3 * 0.044715
            inner += 1
            inner *= t
            inner *= 2 * math.sqrt(2 / math.pi)
            inner *= gate
            np.subtract(1, gate, out=spare)
            inner *= spare
        gate += inner
        np.multiply(grad, gate, out=out)

    def _gate(self, t: Array, out: Array, inner: Array, spare: Array) -> None:
        if self.form == "exact":
            cdf(t, out=out)
            return
        np.multiply(t, t, out=inner)
        inner *= t
        inner *= 0.044715
        inner += t
        inner *= 2 * math.sqrt(2 / math.pi)
        Sigmoid().forward(inner, out, spare[np.newaxis])


@dataclass(frozen=True)
class SiLU(Activation):
    """f(z) = z·sigmoid(z), also called swish (Elfwing et al. 2018)."""

    name: ClassVar[str] = "silu"
    initializer: ClassVar[str] = "he"
    scratch: ClassVar[int] = 2

    def forward(self, z: Array, out: Array, work: Array) -> None:
        Sigmoid().forward(z, work[0], work[1:])
        np.multiply(z, work[0], out=out)

    def backward(self, grad: Array, z: Array, a: Array, out: Array, work: Array) -> None:
        gate, slope = work
        Sigmoid().forward(z, gate, work[1:])
        np.subtract(1, gate, out=slope)
        slope *= a
        slope += gate
        np.multiply(grad, slope, out=out)


@dataclass(frozen=True)
class Softmax(Activation):
    """f(z)ₖ = e^zₖ / Σⱼ e^zⱼ along the last axis: a distribution over classes."""

    name: ClassVar[str] = "softmax"
    elementwise: ClassVar[bool] = False
    gives_probabilities: ClassVar[bool] = True
    keeps_order: ClassVar[bool] = True

    def forward(self, z: Array, out: Array, work: Array) -> None:
        with np.errstate(over="ignore"):  # of the difference to -inf, whose exponential is right
            np.subtract(z, row_maximum(z), out=out)
        np.exp(out, out=out)
        out /= row_sum(out)

    def backward(self, grad: Array, z: Array, a: Array, out: Array, work: Array) -> None:
        np.multiply(grad, a, out=work[0])
        np.subtract(grad, row_sum(work[0]), out=out)
        out *= a


# NumPy sums a transposed array column by column, each in one pass. It sums the short rows of a
# contiguous array entry by entry, where a matrix product is faster.
def row_maximum(z: Array) -> Array:
    """Return the largest entry along the last axis, which is kept with length 1."""
    if z.flags.c_contiguous and z.shape[-1] <= 32:
        z = np.asfortranarray(z)
    largest: Array = np.maximum.reduce(z, axis=-1, keepdims=True)
    return largest


def row_sum(z: Array) -> Array:
    """Return the sum along the last axis, which is kept with length 1."""
    if z.flags.c_contiguous:
        total: Array = np.matmul(z, np.ones((z.shape[-1], 1), z.dtype))
        return total
    return np.add.reduce(z, axis=-1, keepdims=True)


def softplus(z: Array, out: Array, work: Array) -> None:
    """Write log(1 + e^z) = max(z, 0) + log(1 + e^-|z|) into `out`, which must not be `z`."""
    np.abs(z, out=out)
    np.negative(out, out=out)
    np.exp(out, out=out)
    np.log1p(out, out=out)
    _maximum(z, work)
    out += work


def _elu(z: Array, alpha: float, out: Array, work: Array) -> None:
    _minimum(z, work)
    np.expm1(work, out=out)
    out *= alpha
    _maximum(z, work)
    out += work


def _merge(z: Array, slope: float, work: Array) -> None:
    """Put `slope` into work[0] where z > 0, by products with 0 and 1 instead of a mask."""
    np.less_equal(z, 0, out=work[1])
    work[0] *= work[1]
    np.greater(z, 0, out=work[1])
    work[1] *= slope
    work[0] += work[1]


# NumPy's maximum of two arrays is several times faster than that of an array and a scalar.
def _maximum(z: Array, out: Array) -> None:
    out.fill(0)
    np.maximum(z, out, out=out)


def _minimum(z: Array, out: Array) -> None:
    out.fill(0)
    np.minimum(z, out, out=out)
