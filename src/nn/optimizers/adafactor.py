"""Adafactor: second moments of a matrix from those of its rows and columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np

from ..component import Interval, Positive
from ..speed.buffers import Workspace
from ..typing import Array
from .optimizer import Coefficients, Namespace, Optimizer
from .reductions import root_mean_square


@dataclass(frozen=True)
class Adafactor(Optimizer):
    """u = g/√v̂; θ ← θ(1 - ηλ) - α·u/max(1, RMS(u)/δ) with α = max(ε₂, RMS(θ))·min(η, 1/√t).

    For a weight matrix v̂ = rc/mean(r), where r and c are averages of the means of g² over each row
    and over each column; otherwise v̂ is the average of g². The decay of the averages is 1 - t^-κ.

    Parameters
    ----------
    lr : float, default 0.01
        Largest relative learning rate η.
    decay_power : float, default 0.8
        Power κ, above 0.
    eps1 : float, default 1e-15
        Smallest divisor ε₁ of g. The mean of r is at least ε₁, too.
    eps2 : float, default 1e-3
        Smallest scale ε₂ of parameters.
    clip : float, default 1.0
        Largest root mean square δ of the step before it is scaled.
    weight_decay : float, default 0.0
        Weight decay λ, decoupled, with the rate η.

    References
    ----------
    Shazeer & Stern 2018, "Adafactor: adaptive learning rates with sublinear memory cost",
    Algorithms 4-6.
    """

    name: ClassVar[str] = "adafactor"
    decays_itself: ClassVar[bool] = True
    whole_matrices: ClassVar[bool] = True
    lr: Positive = 0.01
    decay_power: Annotated[float, Interval(0, closed="neither")] = 0.8
    eps1: Positive = 1e-15
    eps2: Positive = 1e-3
    clip: Positive = 1.0

    def reduces_over(self) -> Literal["tensor"]:
        return "tensor"

    def tensor_state(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        # Roots of the averages, because squares may overflow.
        if len(shape) == 2:
            return {"rows": (shape[0], 1), "columns": (1, shape[1])}
        return {"root": shape}

    @staticmethod
    def coefficients(h: Namespace, t: int) -> Coefficients:
        # Powers of Python, because NumPy's may differ in the last bit from processor to processor.
        gain = np.array([[t**-power] for power in h.decay_power.ravel().tolist()])
        return {
            "root_keep": np.sqrt(1 - gain),
            "root_gain": np.sqrt(gain),
            "rate": np.minimum(h.lr, t**-0.5),
            "eps1": h.eps1,
            "root_eps1": np.sqrt(h.eps1),
            "eps2": h.eps2,
            "clip": h.clip,
            "decay": 1 - h.lr * h.weight_decay,
        }

    @staticmethod
    def update_matrix(theta: Array, g: Array, s: Namespace, c: Namespace, work: Workspace) -> None:
        squares = work.array("squares", g.shape)
        largest = np.abs(g, out=squares).max(axis=(1, 2), keepdims=True)
        np.divide(g, np.where(largest == 0, 1, largest), out=squares)
        squares *= squares
        fan_in, fan_out = g.shape[1:]
        # Products with ones, so that the sums of a run do not depend on the others.
        by_row = np.matmul(squares, work.ones(fan_out).T) / g.dtype.type(fan_out)
        by_column = np.matmul(work.ones(fan_in), squares) / g.dtype.type(fan_in)
        _average(s.rows, largest * np.sqrt(by_row), c)
        _average(s.columns, largest * np.sqrt(by_column), c)
        scale = np.maximum(root_mean_square(s.rows), c.root_eps1)
        divisor = np.matmul(s.rows / scale, s.columns, out=squares)
        _step(theta, g, divisor, c)

    @staticmethod
    def update(theta: Array, g: Array, s: Namespace, c: Namespace, work: Sequence[Array]) -> None:
        _average(s.root, np.abs(g, out=work[0]), c)
        np.copyto(work[0], s.root)
        _step(theta, g, work[0], c)


def _average(root: Array, new: Array, c: Namespace) -> None:
    """Average the squares of two arrays of roots, in place."""
    root *= c.root_keep
    new *= c.root_gain
    np.hypot(root, new, out=root)


def _step(theta: Array, g: Array, divisor: Array, c: Namespace) -> None:
    """Take the step for the divisor √v̂; all arrays are overwritten."""
    scale = np.maximum(root_mean_square(theta), c.eps2) * c.rate  # before weight decay
    theta[:, c.decayed] *= c.decay
    g /= np.maximum(divisor, c.eps1, out=divisor)
    g *= scale / np.maximum(root_mean_square(g) / c.clip, 1)
    theta -= g
