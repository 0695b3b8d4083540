"""NovoGrad: momentum of gradients that are normalized tensor by tensor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from ..component import Decay, Positive
from ..typing import Array
from .optimizer import Coefficients, Namespace, Optimizer
from .reductions import norm


@dataclass(frozen=True)
class NovoGrad(Optimizer):
    """v ← β₂v + (1-β₂)‖g‖²; m ← β₁m + g/(√v + ε) + λθ; θ ← θ - ηm, with one v for each tensor.

    v starts at the first ‖g‖² that is not 0.

    Parameters
    ----------
    lr : float, default 0.01
        Learning rate η.
    beta1, beta2 : float, default 0.95 and 0.98
        Decay of the momentum and of the average of ‖g‖², in [0, 1).
    eps : float, default 1e-8
        Constant ε, outside the root.
    averaging : bool, default False
        Whether m is an average: the terms added to it are multiplied by 1 - β₁.
    weight_decay : float, default 0.0
        Weight decay λ, part of the momentum.

    References
    ----------
    Ginsburg et al. 2019, "Stochastic gradient methods with layer-wise adaptive moments for training
    of deep networks", Algorithm 1.
    """

    name: ClassVar[str] = "novograd"
    state: ClassVar[tuple[str, ...]] = ("m",)
    decays_itself: ClassVar[bool] = True
    lr: Positive = 0.01
    beta1: Decay = 0.95
    beta2: Decay = 0.98
    eps: Positive = 1e-8
    averaging: bool = False

    def reduces_over(self) -> Literal["tensor"]:
        return "tensor"

    def tensor_state(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        return {"root": (1,)}  # √v, because squares may overflow

    @staticmethod
    def coefficients(h: Namespace, t: int) -> Coefficients:
        return {
            "lr": h.lr,
            "beta1": h.beta1,
            "gain": 1 - h.beta1 if h.averaging else np.ones((1, 1)),
            "root_keep": np.sqrt(h.beta2),
            "root_gain": np.sqrt(1 - h.beta2),
            "eps": h.eps,
            "weight_decay": h.weight_decay,
        }

    @staticmethod
    def update(theta: Array, g: Array, s: Namespace, c: Namespace, work: Sequence[Array]) -> None:
        length = norm(g)
        averaged = np.hypot(c.root_keep * s.root, c.root_gain * length)
        s.root[:] = np.where(s.root == 0, length, averaged)
        g /= s.root + c.eps
        decayed = c.decayed
        g[:, decayed] += np.multiply(theta[:, decayed], c.weight_decay, out=work[0][:, decayed])
        g *= c.gain
        s.m *= c.beta1
        s.m += g
        theta -= np.multiply(s.m, c.lr, out=g)
