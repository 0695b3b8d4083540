"""Shampoo: a matrix for the rows and one for the columns of each weight matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..component import Count, Decay, Positive
from ..speed.buffers import Workspace
from ..typing import Array
from .eigenbases import inverse_fourth_roots
from .optimizer import Coefficients, Namespace, Optimizer


@dataclass(frozen=True)
class Shampoo(Optimizer):
    """L ← L + GGᵀ; R ← R + GᵀG; m ← μm + (1-μ)G; Θ ← Θ - η·(L + εI)^-¼ m (R + εI)^-¼.

    G is the gradient of a weight matrix Θ. On a side with more than ``max_size`` rows or columns
    only the diagonal is kept. Parameters other than weight matrices have a diagonal, too:
    h ← h + g², θ ← θ - η·m/√(h + ε).

    Parameters
    ----------
    lr : float, default 0.1
        Learning rate η.
    momentum : float, default 0.9
        Decay μ of the average of gradients, in [0, 1).
    eps : float, default 1e-6
        Constant ε, inside the roots.
    interval : int, default 10
        Number of steps from one computation of the roots of L and R to the next; during the first
        `interval` steps they are computed in each. L and R themselves change in every step.
    max_size : int, default 1200
        Largest size of L and of R.

    References
    ----------
    Gupta, Koren & Singer 2018, "Shampoo: preconditioned stochastic tensor optimization", Algorithm
    1; momentum, delayed roots and the diagonal are those of its section 5.
    """

    name: ClassVar[str] = "shampoo"
    state: ClassVar[tuple[str, ...]] = ("m",)
    whole_matrices: ClassVar[bool] = True
    lr: Positive = 0.1
    momentum: Decay = 0.9
    eps: Positive = 1e-6
    interval: Count = 10
    max_size: Count = 1200

    def options(self) -> dict[str, Any]:
        return super().options() | {"interval": self.interval, "max_size": self.max_size}

    def tensor_state(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        if len(shape) == 1:
            return {"h": shape}
        sides = [(n, n) if n <= self.max_size else (n, 1) for n in shape]
        return {"l": sides[0], "r": sides[1], "l_root": sides[0], "r_root": sides[1]}

    @staticmethod
    def coefficients(h: Namespace, t: int) -> Coefficients:
        return {
            "lr": h.lr,
            "momentum": h.momentum,
            "gain": 1 - h.momentum,
            "eps": h.eps,
            "renews": (t <= h.interval) | (t % h.interval == 0),
        }

    @staticmethod
    def update_matrix(theta: Array, g: Array, s: Namespace, c: Namespace, work: Workspace) -> None:
        transposed = g.transpose(0, 2, 1)
        for sums, root, gradient in ((s.l, s.l_root, g), (s.r, s.r_root, transposed)):
            sums += _squares(gradient, work) if _is_diagonal(sums) else _gram(gradient, work)
            if c.renews.any():
                root[:] = _root(sums, c.eps)
        s.m *= c.momentum
        s.m += np.multiply(g, c.gain, out=g)
        half, step = (work.array(key, g.shape) for key in ("half", "step"))
        product = np.multiply if _is_diagonal(s.l_root) else np.matmul
        product(s.l_root, s.m, out=half)
        product = np.multiply if _is_diagonal(s.r_root) else np.matmul
        product(half, s.r_root.transpose(0, 2, 1), out=step)  # symmetric unless it is a diagonal
        step *= c.lr
        theta -= step

    @staticmethod
    def update(theta: Array, g: Array, s: Namespace, c: Namespace, work: Sequence[Array]) -> None:
        s.m *= c.momentum
        s.m += np.multiply(g, c.gain, out=work[0])
        g *= g
        s.h += g
        root = np.add(s.h, c.eps, out=g)
        np.sqrt(root, out=root)
        np.divide(s.m, root, out=root)
        root *= c.lr
        theta -= root


def _is_diagonal(sums: Array) -> bool:
    _, rows, columns = sums.shape
    return bool(columns < rows)


def _gram(gradient: Array, work: Workspace) -> Array:
    """Return GGᵀ of each run."""
    runs, n = gradient.shape[:2]
    product = work.array("gram", (runs, n, n))
    return np.matmul(gradient, gradient.transpose(0, 2, 1), out=product)


def _squares(gradient: Array, work: Workspace) -> Array:
    """Return the diagonal of GGᵀ of each run, (runs, n, 1)."""
    squares = np.square(gradient, out=work.array("squares", gradient.shape))
    sums: Array = np.matmul(squares, work.ones(gradient.shape[2]).T)
    return sums


def _root(sums: Array, eps: Array) -> Array:
    """Return (L + εI)^-¼, where L may be a diagonal."""
    if _is_diagonal(sums):
        return 1 / np.sqrt(np.sqrt(sums + eps))
    return inverse_fourth_roots(sums, eps[:, 0])
