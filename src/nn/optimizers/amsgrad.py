"""Adam with the maximum of past second moments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..typing import Array, Float64Array
from .adam import Adam, average_moments, divisor
from .mask import masked
from .optimizer import Namespace


@dataclass(frozen=True)
class AMSGrad(Adam):
    """Adam with the running maximum of v in the denominator.

    The maximum is of v itself, as in the paper's Algorithm 2. Adam's bias corrections are applied,
    as in common implementations.

    Parameters
    ----------
    lr, beta1, beta2, eps, mask
        See :class:`~nn.optimizers.Adam`.

    References
    ----------
    Reddi, Kale & Kumar 2018, "On the convergence of Adam and beyond".
    """

    name: ClassVar[str] = "amsgrad"
    state: ClassVar[tuple[str, ...]] = ("m", "v", "v_max")

    @staticmethod
    def update(theta: Array, g: Array, s: Namespace, c: Namespace, work: Sequence[Array]) -> None:
        average_moments(g, s, c, work[0])
        step = work[0] if c.mask else g
        np.maximum(s.v_max, s.v, out=s.v_max)
        np.sqrt(s.v_max, out=step)
        step += c.eps
        np.divide(s.m, step, out=step)
        step *= c.step
        theta -= masked(step, g, c.mask)

    @staticmethod
    def preconditioner(h: Namespace, s: Namespace, t: int) -> Float64Array:
        return divisor(h, s.v_max, t)
