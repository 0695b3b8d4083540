"""SOAP: Adam in the eigenbases of Shampoo's matrices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..component import Count, Decay, Positive
from ..speed.buffers import Workspace
from ..typing import Array
from .adam import Adam
from .eigenbases import eigenvectors, orthonormal
from .optimizer import Coefficients, Namespace, Optimizer


@dataclass(frozen=True)
class SOAP(Optimizer):
    """Weight matrices: m ← β₁m + (1-β₁)G; v ← β₂v + (1-β₂)(PᵀGQ)²; Θ ← Θ - η·P[PᵀmQ/(√v + ε)]Qᵀ.

    The step is multiplied by Adam's bias corrections, √(1-β₂ᵗ)/(1-β₁ᵗ). P and Q are the
    eigenvectors of L ← β₃L + (1-β₃)GGᵀ and R ← β₃R + (1-β₃)GᵀG after the first step, which but
    for weight decay leaves the parameters where they are. Later they follow by one step of power
    iteration and a QR decomposition. A side with more than ``max_size`` rows or columns is not
    rotated. Other parameters take Adam's step.

    Parameters
    ----------
    lr : float, default 0.003
        Learning rate η.
    beta1, beta2 : float, default 0.95 and 0.95
        Decay of the averages m and v, in [0, 1).
    shampoo_beta : float, default 0.95
        Decay β₃ of L and R, in [0, 1).
    eps : float, default 1e-8
        Constant ε, outside the root.
    interval : int, default 10
        Number of steps after which P and Q follow L and R.
    max_size : int, default 1200
        Largest size of L and of R.
    weight_decay : float, default 0.0
        Weight decay λ, decoupled.

    References
    ----------
    Vyas et al. 2024, "SOAP: improving and stabilizing Shampoo using Adam", Algorithms 3 and 4.
    """

    name: ClassVar[str] = "soap"
    state: ClassVar[tuple[str, ...]] = ("m", "v")
    decoupled: ClassVar[bool] = True
    whole_matrices: ClassVar[bool] = True
    lr: Positive = 0.003
    beta1: Decay = 0.95
    beta2: Decay = 0.95
    shampoo_beta: Decay = 0.95
    eps: Positive = 1e-8
    interval: Count = 10
    max_size: Count = 1200

    def options(self) -> dict[str, Any]:
        return super().options() | {"interval": self.interval, "max_size": self.max_size}

    def tensor_state(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        if len(shape) == 1:
            return {}
        sides = zip(("l", "r"), ("p", "q"), shape, strict=True)
        return {name: (n, n) for *names, n in sides if n <= self.max_size for name in names}

    @staticmethod
    def coefficients(h: Namespace, t: int) -> Coefficients:
        # The averages begin in the second step.
        steps = t - 1
        return {
            **Adam.coefficients(h, max(steps, 1)),
            "eps": h.eps / np.sqrt(1 - h.beta2),
            "beta3": h.shampoo_beta,
            "gain3": 1 - h.shampoo_beta,
            "first": np.full((1, 1), steps == 0),
            "renews": (steps % h.interval == 0) & (steps > 0),
        }

    @staticmethod
    def update_matrix(theta: Array, g: Array, s: Namespace, c: Namespace, work: Workspace) -> None:
        if not c.first.any():
            rotated = _rotated(g, s, work)
            s.m *= c.beta1
            s.m += g
            s.v *= c.beta2
            s.v += np.square(rotated, out=rotated)
            step = _rotated(s.m, s, work)
            root = np.sqrt(s.v, out=work.array("root", g.shape))
            root += c.eps
            step /= root
            step = _rotated_back(step, s, work)
            step *= c.step
            theta -= step
        transposed = g.transpose(0, 2, 1)
        for side, gradient, axis in (("lp", g, 1), ("rq", transposed, 2)):
            if hasattr(s, side[0]):
                average, basis = (getattr(s, name) for name in side)
                gram = work.array("gram", average.shape)
                np.matmul(gradient, gradient.transpose(0, 2, 1), out=gram)
                gram *= c.gain3
                average *= c.beta3
                average += gram
                if c.first.any():
                    basis[:] = eigenvectors(average)[1]
                elif c.renews.any():
                    _follow(average, basis, s.v, axis)

    @staticmethod
    def update(theta: Array, g: Array, s: Namespace, c: Namespace, work: Sequence[Array]) -> None:
        if not c.first.any():
            Adam.update(theta, g, s, Namespace(**vars(c), mask=None), work)


def _rotated(x: Array, s: Namespace, work: Workspace) -> Array:
    """Return PᵀXQ of each run, in a buffer."""
    half, rotated = (work.array(key, x.shape) for key in ("half", "rotated"))
    if hasattr(s, "p"):
        x = np.matmul(s.p.transpose(0, 2, 1), x, out=half)
    if hasattr(s, "q"):
        return np.matmul(x, s.q, out=rotated)
    np.copyto(rotated, x)
    return rotated


def _rotated_back(x: Array, s: Namespace, work: Workspace) -> Array:
    """Return PXQᵀ of each run, in a buffer or in `x`, which is that of :func:`_rotated`."""
    half = work.array("half", x.shape)
    if hasattr(s, "q"):
        x = np.matmul(x, s.q.transpose(0, 2, 1), out=half)
    if hasattr(s, "p"):
        return np.matmul(s.p, x, out=work.array("step", x.shape))
    return x


def _follow(average: Array, basis: Array, v: Array, axis: int) -> None:
    """Let the eigenvectors follow, the largest first, and the `axis` of v with them."""
    ahead = np.matmul(average, basis)
    sizes = np.matmul(basis.transpose(0, 2, 1), ahead).diagonal(axis1=1, axis2=2)
    order = np.argsort(-sizes, axis=1, kind="stable")
    v[:] = np.take_along_axis(v, np.expand_dims(order, 3 - axis), axis)
    basis[:] = orthonormal(np.take_along_axis(ahead, order[:, np.newaxis], axis=2))
