"""Muon: orthogonalized momentum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..component import Decay, Fraction, Positive
from ..speed.buffers import Workspace
from ..typing import Array
from .adam import Adam
from .optimizer import Coefficients, Namespace, Optimizer

_A, _B, _C = 3.4445, -4.7750, 2.0315
_ITERATIONS = 5


@dataclass(frozen=True)
class Muon(Optimizer):
    """Weight matrices: m ← μm + (1-μ)g; u = (1-μ)g + μm; θ ← θ(1-ηλ) - η√max(1, fan_out/fan_in)·U.

    U is a nearly orthogonal matrix: the result of five Newton-Schulz steps
    X ← aX + (bA + cA²)X from u/(‖u‖_F + 1e-7), with A = XXᵀ on the short side and (a, b, c) =
    (3.4445, -4.7750, 2.0315). All parameters other than weight matrices take a step of AdamW,
    with a separate learning rate. The kernels of a convolution are one matrix, with fan_in the
    numbers that a kernel sees and fan_out the channels.

    Parameters
    ----------
    lr : float, default 0.02
        Learning rate η of the matrices.
    momentum : float, default 0.95
        Momentum μ, in [0, 1].
    adamw_lr : float, default 0.001
        Learning rate of all other parameters, which the schedule multiplies too.
    beta1, beta2, eps : float, default 0.9, 0.999 and 1e-8
        Settings of the AdamW part.
    weight_decay : float, default 0.0
        Weight decay λ, decoupled. It acts on the AdamW part only with ``decay_biases``.

    References
    ----------
    Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks".
    """

    name: ClassVar[str] = "muon"
    state: ClassVar[tuple[str, ...]] = ("m", "v")
    decoupled: ClassVar[bool] = True
    whole_matrices: ClassVar[bool] = True
    lr: Positive = 0.02
    momentum: Fraction = 0.95
    adamw_lr: Positive = 0.001
    beta1: Decay = 0.9
    beta2: Decay = 0.999
    eps: Positive = 1e-8

    @staticmethod
    def coefficients(h: Namespace, t: int) -> Coefficients:
        adamw = Namespace(**vars(h))
        adamw.lr = h.adamw_lr * h.schedule
        return {
            **Adam.coefficients(adamw, t),
            "lr": h.lr,
            "momentum": h.momentum,
            "gain": 1 - h.momentum,
            "adamw_decay": 1 - adamw.lr * h.weight_decay,
        }

    @staticmethod
    def update_matrix(theta: Array, g: Array, s: Namespace, c: Namespace, work: Workspace) -> None:
        fan_in, fan_out = theta.shape[1:]
        step = work.array("step", theta.shape)
        g *= c.gain
        s.m *= c.momentum
        s.m += g
        g += np.multiply(s.m, c.momentum, out=step)
        np.multiply(newton_schulz(g, work), c.lr, out=step)
        step *= max(1.0, fan_out / fan_in) ** 0.5
        theta -= step

    @staticmethod
    def update(theta: Array, g: Array, s: Namespace, c: Namespace, work: Sequence[Array]) -> None:
        if c.decay_biases:
            theta *= c.adamw_decay
        Adam.update(theta, g, s, c, work)


def newton_schulz(u: Array, workspace: Workspace | None = None) -> Array:
    """Bring the singular values of each matrix near 1.

    Parameters
    ----------
    u : ndarray of shape (runs, rows, columns)
        The matrices.
    workspace : Workspace, optional
        Buffers for the intermediate products.

    Returns
    -------
    ndarray of the same shape
        A buffer of the workspace.
    """
    workspace = workspace or Workspace(u.dtype)
    runs, rows, columns = u.shape
    short, long = min(rows, columns), max(rows, columns)
    tall = rows > columns
    x, step = (workspace.array(key, (runs, short, long)) for key in ("x", "x step"))
    gram, square = (workspace.array(key, (runs, short, short)) for key in ("gram", "gram²"))
    np.copyto(x, u.transpose(0, 2, 1) if tall else u)
    flat = x.reshape(runs, 1, -1)
    x /= np.sqrt(np.matmul(flat, flat.transpose(0, 2, 1))) + 1e-7
    for _ in range(_ITERATIONS):
        np.matmul(x, x.transpose(0, 2, 1), out=gram)
        np.matmul(gram, gram, out=square)
        square *= _C
        gram *= _B
        square += gram
        np.matmul(square, x, out=step)
        x *= _A
        x += step
    if not tall:
        return x
    result = workspace.array("untransposed", (runs, rows, columns))
    np.copyto(result, x.transpose(0, 2, 1))
    return result
