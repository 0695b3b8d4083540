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

    The step is multiplied by Adam's bias corrections, √(1-β₂ᵗ)/(1-β₁ᵗ). P and Q are the eigenvectors of L ← β₃L + (1-β₃)GGᵀ and
    R ← β₃R + (1-β₃)GᵀG after the first step, which leaves the parameters where they are. Later they
    follow by one step of power iteration and a QR decomposition. A side with more than ``max_size``
    rows or columns is not rotated. Other parameters take Adam's step.

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
            rotated = _rotated(g, s)
            s.m *= c.beta1
            s.m += g
            s.v *= c.beta2
            s.v += np.square(rotated, out=rotated)
            root = np.sqrt(s.v, out=rotated)
            root += c.eps
            step = _rotated_back(_rotated(s.m, s) / root, s)
            step *= c.step
            theta -= step
        transposed = g.transpose(0, 2, 1)
        for average, basis, gradient, axis in (("l", "p", g, 1), ("r", "q", transposed, 2)):
            if hasattr(s, average):
                _follow(getattr(s, average), getattr(s, basis), gradient, s.v, axis, c)

    @staticmethod
    def update(theta: Array, g: Array, s: Namespace, c: Namespace, work: Sequence[Array]) -> None:
        if not c.first.any():
            Adam.update(theta, g, s, Namespace(**vars(c), mask=None), work)


def _rotated(x: Array, s: Namespace) -> Array:
    """Return PᵀXQ of each run."""
    if hasattr(s, "p"):
        x = np.matmul(s.p.transpose(0, 2, 1), x)
    return np.matmul(x, s.q) if hasattr(s, "q") else x.copy()


def _rotated_back(x: Array, s: Namespace) -> Array:
    """Return PXQᵀ of each run; a rotation may overwrite `x`."""
    if hasattr(s, "p"):
        x = np.matmul(s.p, x)
    return np.matmul(x, s.q.transpose(0, 2, 1)) if hasattr(s, "q") else x


def _follow(average: Array, basis: Array, g: Array, v: Array, axis: int, c: Namespace) -> None:
    """Average GGᵀ; let its eigenvectors follow, and their `axis` of v, if it is time."""
    average *= c.beta3
    average += np.matmul(g, g.transpose(0, 2, 1)) * c.gain3
    if c.first.any():
        basis[:] = eigenvectors(average)[1]
    elif c.renews.any():
        ahead = np.matmul(average, basis)
        sizes = np.matmul(basis.transpose(0, 2, 1), ahead).diagonal(axis1=1, axis2=2)
        order = np.argsort(-sizes, axis=1, kind="stable")
        v[:] = np.take_along_axis(v, np.expand_dims(order, 3 - axis), axis)
        basis[:] = orthonormal(np.take_along_axis(ahead, order[:, np.newaxis], axis=2))
