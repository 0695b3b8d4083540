"""Penalties, norms and clipping: functions on gradients, applied before the optimizer's step.

Dropout is a layer (:class:`nn.layers.Dropout`), label smoothing is part of the losses over
classes, and weight decay is part of the optimizers.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from .parameters import Layout
from .typing import Array


def add_l2_gradient(gradients: Array, parameters: Array, strength: Array, work: Array) -> None:
    """Add λθ, the gradient of the penalty ½λ‖θ‖².

    Parameters
    ----------
    gradients, parameters, work : ndarray of shape (runs, n)
        Gradients are changed in place; `work` is scratch space.
    strength : ndarray of shape (runs, 1)
        λ of each run, at least 0.
    """
    gradients += np.multiply(parameters, strength, out=work)


def add_l1_gradient(gradients: Array, parameters: Array, strength: Array, work: Array) -> None:
    """Add λ·sign(θ), the gradient of the penalty λ‖θ‖₁ (0 at 0).

    Parameters
    ----------
    gradients, parameters, work : ndarray of shape (runs, n)
        Gradients are changed in place; `work` is scratch space.
    strength : ndarray of shape (runs, 1)
        λ of each run, at least 0.
    """
    np.sign(parameters, out=work)
    work *= strength
    gradients += work


def global_norm(gradients: Array) -> Array:
    """Return the Euclidean norm of each run's gradient: (runs, 1) from (runs, n).

    The result is correct even where squares overflow or underflow, as they do in float32 beyond
    1e19.
    """
    # One product per run, so that its sum does not depend on the other runs.
    rows = gradients[:, np.newaxis, :]
    with np.errstate(over="ignore"):
        norms: Array = np.sqrt(np.matmul(rows, rows.transpose(0, 2, 1))[:, :, 0])
    least = _least_norm(gradients.dtype)
    for run, [norm] in enumerate(norms.tolist()):
        if least < norm < math.inf:
            continue
        # The squares overflow or underflow, which is rare enough for a loop over runs.
        largest = max(gradients[run].max(initial=0), -gradients[run].min(initial=0))
        if 0 < largest < math.inf:
            scaled = gradients[run] / largest
            norms[run] = largest * np.sqrt(scaled @ scaled)
    return norms


def norms_by_layer(flat: Array, layout: Layout) -> dict[str, Array]:
    """Return the norm, (runs,), of each layer's decaying entries in `flat`, (runs, P)."""
    return {
        layer: np.hypot.reduce([global_norm(flat[:, piece])[:, 0] for piece in pieces])
        for layer, pieces in layout.layers.items()
    }


@cache
def _least_norm(dtype: np.dtype[Any]) -> float:
    """Return the smallest norm whose square keeps full precision."""
    info = np.finfo(dtype)
    return math.sqrt(info.tiny / info.eps)


def clip_by_norm(gradients: Array, norms: Array, limit: Array) -> None:
    """Scale each run's gradient down to norm `limit` if it is longer (Pascanu et al. 2013).

    Parameters
    ----------
    gradients : ndarray of shape (runs, n)
        Gradients, changed in place.
    norms, limit : ndarray of shape (runs, 1)
        Norms of the gradients (:func:`global_norm`), and the largest norms allowed.
    """
    gradients *= np.where(norms > limit, limit / np.maximum(norms, limit), gradients.dtype.type(1))


def clip_by_value(gradients: Array, limit: Array) -> None:
    """Clip every entry to [-limit, limit], in place; `limit` is (runs, 1)."""
    np.clip(gradients, -limit, limit, out=gradients)
