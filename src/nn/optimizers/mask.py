"""Masks on steps change the entries that would move against the gradient of the batch."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ..typing import Array
from .reductions import total

Mask = Literal["cautious", "grams"] | None
"""The masks: ``cautious`` sets entries of the step u whose sign is not the gradient's to 0 and
divides the others by their share of the tensor, at least 0.001 (Liang et al. 2024, "Cautious
optimizers", Algorithm 1); ``grams`` gives every entry the gradient's sign, sign(g)·abs(u) (Cao et
al. 2024, "Grams: gradient descent with adaptive momentum scaling", Algorithm 1)."""

_LEAST = 1e-3
"""The smallest share by which the cautious mask divides, that of the authors."""


def reduced(mask: Mask) -> Literal["tensor"] | None:
    """Return the unit that :func:`masked` needs as a whole (:meth:`Optimizer.reduces_over`)."""
    return "tensor" if mask == "cautious" else None


def masked(step: Array, g: Array, mask: Mask) -> Array:
    """Return the masked step, in the array `step`.

    Parameters
    ----------
    step : ndarray of shape (runs, n)
        The step, which will be subtracted from the parameters; changed in place.
    g : ndarray of shape (runs, n)
        The gradient; it is overwritten if there is a mask.
    mask : Mask
        The mask.
    """
    if mask is None:
        return step
    # By signs, because products of small numbers would underflow.
    np.sign(g, out=g)
    step *= g  # positive where the signs agree
    if mask == "grams":
        np.abs(step, out=step)
        step *= g
        return step
    np.maximum(step, 0, out=step)
    step *= g
    agree = np.not_equal(step, 0, out=g)
    step /= np.maximum(total(agree) / g.dtype.type(g.shape[1]), g.dtype.type(_LEAST))
    return step
