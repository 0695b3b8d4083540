"""The common part of the Schedule-Free optimizers: where gradients are taken, and the average.

There are three points: z takes the steps, x is the average of all z and is evaluated, and gradients
are taken between them, at y = (1-β)z + βx. The parameters in training are y, and the state holds
s = z - x, so that y = x + (1-β)s. With the update u of the inner optimizer, the rate η and the
weight c of the newest z in the average, z ← z - ηu and x ← (1-c)x + cz become
s ← s - ηu, x ← x + cs, s ← (1-c)s.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..typing import Array
from .optimizer import Coefficients, Namespace

RUNNING = ("highest", "total")
"""The running numbers: the highest rate so far, and the sum of all weights of the average."""

START = {"highest": 0.0, "total": 0.0}
"""Their initial values."""


def coefficients(h: Namespace, t: int, beta: Array) -> Coefficients:
    """Compute the rate and the weights of step `t`.

    Parameters
    ----------
    h : namespace
        The hyperparameters: among them `lr`, `warmup_steps`, `weight_power` and `rate_power`.
    t : int
        The number of the step, from 1.
    beta : ndarray of shape (runs, 1)
        The share β of the average x in the point y.
    """
    lr = h.lr * np.minimum(t / np.maximum(h.warmup_steps, 1), 1)
    h.highest = np.maximum(h.highest, lr)
    weight = float(t) ** h.weight_power * h.highest**h.rate_power
    h.total = h.total + weight
    newest = weight / np.where(h.total > 0, h.total, 1)  # 0 as long as all rates were 0
    return {
        "lr": lr,
        "between": 1 - beta,
        "newest": newest,
        "kept": 1 - newest,
        "to_y": (1 - beta) * (1 - newest) + newest,
    }


def step(theta: Array, u: Array, s: Namespace, c: Namespace, work: Array) -> None:
    """Take the step of the update `u`, which is overwritten, in place."""
    theta -= np.multiply(s.gap, c.between, out=work)  # x
    u *= c.lr
    s.gap -= u
    theta += np.multiply(s.gap, c.to_y, out=work)  # the new x, and from there the new y
    s.gap *= c.kept


def evaluated(theta: Array, s: Namespace, beta: Array) -> Array:
    """Return the average x."""
    average: Array = (theta - s.gap * (1 - beta)).astype(theta.dtype)
    return average


def decay(theta: Array, s: Namespace, c: Namespace, work: Sequence[Array]) -> None:
    """Move z by -ηλy, with x fixed, so that decay at y counts as a part of the update."""
    change = np.multiply(theta, c.pull, out=work[0])
    s.gap -= change
    change *= c.between
    theta -= change
