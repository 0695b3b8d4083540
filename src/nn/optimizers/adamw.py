"""Adam with decoupled weight decay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..component import NonNegative
from ..typing import Array, Float64Array
from .adam import Adam
from .amsgrad import AMSGrad
from .optimizer import Namespace


@dataclass(frozen=True)
class AdamW(Adam):
    """θ ← θ(1 - ηλ), then Adam's step, or AMSGrad's.

    Parameters
    ----------
    weight_decay : float, default 0.01
        Weight decay λ, multiplied by the scheduled learning rate as in common implementations
        (the paper multiplies it by the schedule alone).
    amsgrad : bool, default False
        Whether the step is that of :class:`~nn.optimizers.AMSGrad`.
    lr, beta1, beta2, eps, mask
        See :class:`~nn.optimizers.Adam`.

    References
    ----------
    Loshchilov & Hutter 2019, "Decoupled weight decay regularization", Algorithm 2.
    """

    name: ClassVar[str] = "adamw"
    decoupled: ClassVar[bool] = True
    weight_decay: NonNegative = 0.01
    amsgrad: bool = False

    def slots(self) -> tuple[str, ...]:
        return AMSGrad.state if self.amsgrad else Adam.state

    @staticmethod
    def update(theta: Array, g: Array, s: Namespace, c: Namespace, work: Sequence[Array]) -> None:
        step = AMSGrad.update if c.amsgrad else Adam.update
        step(theta, g, s, c, work)

    @staticmethod
    def preconditioner(h: Namespace, s: Namespace, t: int) -> Float64Array:
        kind = AMSGrad if h.amsgrad else Adam
        return kind.preconditioner(h, s, t)
