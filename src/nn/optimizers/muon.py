"""Muon: orthogonalized momentum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np

from ..component import Decay, Finite, Fraction, Interval, Positive
from ..parameters import Layout, Parameter
from ..speed.buffers import Workspace
from ..typing import Array
from .adam import Adam
from .optimizer import Coefficients, Namespace, Optimizer

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Coefficients (a, b, c) with which five steps bring singular values into about [0.7, 1.2]."""


@dataclass(frozen=True)
class Muon(Optimizer):
    """Weight matrices: m ← μm + (1-μ)g; u = (1-μ)g + μm; θ ← θ(1-ηλ) - ηρU.

    U is a nearly orthogonal matrix: the result of Newton-Schulz steps X ← aX + (bA + cA²)X from
    u/(‖u‖_F + 1e-7), with A = XXᵀ on the short side. All parameters other than these matrices take
    a step of AdamW, with a separate learning rate. The kernels of a convolution are one matrix,
    with fan_in the numbers that a kernel sees and fan_out the channels; so are the weights of all
    gates of a recurrent layer, those of inputs and those of states each.

    Parameters
    ----------
    lr : float, default 0.02
        Learning rate η of the matrices.
    momentum : float, default 0.95
        Momentum μ, in [0, 1].
    nesterov : bool, default True
        Whether u is (1-μ)g + μm, and otherwise m.
    ns_steps : int, default 5
        Number of Newton-Schulz steps, from 1 to 99.
    ns_coefficients : tuple of three floats, default (3.4445, -4.775, 2.0315)
        Coefficients (a, b, c).
    adjust_lr : {"original", "match_rms_adamw"}, default "original"
        The factor ρ: √max(1, fan_out/fan_in), or 0.2·√max(fan_in, fan_out), with which the step's
        root mean square is about that of AdamW.
    matrices : {"all", "hidden"}, default "all"
        The weights that are updated as matrices: all, or all but those of the first and of the last
        layer that has weights, which then take a step of AdamW.
    adamw_lr : float, default 0.001
        Learning rate of all other parameters, which the schedule multiplies too.
    beta1, beta2, eps : float, default 0.9, 0.999 and 1e-8
        Settings of the AdamW part.
    weight_decay : float, default 0.0
        Weight decay λ, decoupled. In the AdamW part it acts on weights, and on biases only with
        ``decay_biases``.

    References
    ----------
    Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks"; the second factor
    is that of Liu et al. 2025, "Muon is scalable for LLM training", eq. 4.
    """

    name: ClassVar[str] = "muon"
    state: ClassVar[tuple[str, ...]] = ("m", "v")
    decays_itself: ClassVar[bool] = True
    whole_matrices: ClassVar[bool] = True
    lr: Positive = 0.02
    momentum: Fraction = 0.95
    nesterov: bool = True
    ns_steps: Annotated[int, Interval(1, 99)] = 5
    ns_coefficients: tuple[Finite, ...] = COEFFICIENTS
    adjust_lr: Literal["original", "match_rms_adamw"] = "original"
    matrices: Literal["all", "hidden"] = "all"
    adamw_lr: Positive = 0.001
    beta1: Decay = 0.9
    beta2: Decay = 0.999
    eps: Positive = 1e-8

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.ns_coefficients) != 3:
            raise ValueError(
                f"{type(self).__name__}: ns_coefficients must be three numbers, but is "
                f"{list(self.ns_coefficients)}; give {list(COEFFICIENTS)}, say"
            )

        if self.groups and self.matrices == "hidden":
            raise ValueError(
                f"{type(self).__name__}: matrices=hidden needs all layers at once, which groups "
                "would divide; leave groups empty or use matrices=all"
            )

    def options(self) -> dict[str, Any]:
        return super().options() | {"ns_steps": self.ns_steps}

    def updated_as_matrices(self, layout: Layout) -> list[Parameter]:
        found = super().updated_as_matrices(layout)
        if self.matrices == "all":
            return found
        hidden = list(layout.layers)[1:-1]
        found = [p for p in found if p.layer in hidden]
        if not found:
            raise ValueError(
                "matrices=hidden asks for weights between the first and the last layer that has "
                f"weights, but there are only those of {', '.join(layout.layers)}; use "
                "matrices=all or a deeper network"
            )
        return found

    @staticmethod
    def coefficients(h: Namespace, t: int) -> Coefficients:
        adamw = Namespace(**vars(h))
        adamw.lr = h.adamw_lr * h.schedule
        return {
            **Adam.coefficients(adamw, t),
            "lr": h.lr,
            "momentum": h.momentum,
            "gain": 1 - h.momentum,
            "decay": 1 - h.lr * h.weight_decay,
            "adamw_decay": 1 - adamw.lr * h.weight_decay,
        }

    @staticmethod
    def update_matrix(theta: Array, g: Array, s: Namespace, c: Namespace, work: Workspace) -> None:
        theta[:, c.decayed] *= c.decay
        step = work.array("step", theta.shape)
        g *= c.gain
        s.m *= c.momentum
        s.m += g
        if c.nesterov:
            g += np.multiply(s.m, c.momentum, out=step)
        else:
            np.copyto(g, s.m)
        u = newton_schulz(g, c.ns_steps, c.ns_coefficients, work)
        np.multiply(u, c.lr, out=step)
        step *= _factor(c.adjust_lr, *theta.shape[1:])
        theta -= step

    @staticmethod
    def update(theta: Array, g: Array, s: Namespace, c: Namespace, work: Sequence[Array]) -> None:
        theta[:, c.decayed] *= c.adamw_decay
        Adam.update(theta, g, s, Namespace(**vars(c), mask=None), work)


def _factor(adjust_lr: str, fan_in: int, fan_out: int) -> float:
    """Return the factor ρ of the learning rate of a matrix."""
    if adjust_lr == "match_rms_adamw":
        return 0.2 * float(max(fan_in, fan_out) ** 0.5)
    return float(max(1.0, fan_out / fan_in) ** 0.5)


def newton_schulz(
    u: Array,
    steps: int = 5,
    coefficients: Sequence[float] = COEFFICIENTS,
    workspace: Workspace | None = None,
) -> Array:
    """Bring the singular values of each matrix near 1.

    Parameters
    ----------
    u : ndarray of shape (runs, rows, columns)
        The matrices.
    steps : int, default 5
        Number of steps.
    coefficients : sequence of three floats
        Coefficients (a, b, c) of a step.
    workspace : Workspace, optional
        Buffers for the intermediate products.

    Returns
    -------
    ndarray of the same shape
        A buffer of the workspace.
    """
    workspace = workspace or Workspace(u.dtype)
    a, b, c = coefficients
    runs, rows, columns = u.shape
    short, long = min(rows, columns), max(rows, columns)
    tall = rows > columns
    x, step = (workspace.array(key, (runs, short, long)) for key in ("x", "x step"))
    gram, square = (workspace.array(key, (runs, short, short)) for key in ("gram", "gram²"))
    np.copyto(x, u.transpose(0, 2, 1) if tall else u)
    flat = x.reshape(runs, 1, -1)
    x /= np.sqrt(np.matmul(flat, flat.transpose(0, 2, 1))) + 1e-7
    for _ in range(steps):
        np.matmul(x, x.transpose(0, 2, 1), out=gram)
        np.matmul(gram, gram, out=square)
        square *= c
        gram *= b
        square += gram
        np.matmul(square, x, out=step)
        x *= a
        x += step
    if not tall:
        return x
    result = workspace.array("untransposed", (runs, rows, columns))
    np.copyto(result, x.transpose(0, 2, 1))
    return result
