"""Density and distribution function of the standard normal, which NumPy lacks."""

from __future__ import annotations

import math

import numpy as np

from .typing import Array

# Rational approximations of erf and erfc in double precision: S. L. Moshier, Cephes
# Mathematical Library, ndtr.c (after Hart et al. 1968), relative error below 4e-16.
_ERFC_LOW = (
    (2.46196981473530512524e-10, 5.64189564831068821977e-1, 7.46321056442269912687e0,
     4.86371970985681366614e1, 1.96520832956077098242e2, 5.26445194995477358631e2,
     9.34528527171957607540e2, 1.02755188689515710272e3, 5.57535335369399327526e2),
    (1.0, 1.32281951154744992508e1, 8.67072140885989742329e1, 3.54937778887819891062e2,
     9.75708501743205489753e2, 1.82390916687909736289e3, 2.24633760818710981792e3,
     1.65666309194161350182e3, 5.57535340817727675546e2),
)  # fmt: skip
_ERFC_HIGH = (
    (5.64189583547755073984e-1, 1.27536670759978104416e0, 5.01905042251180477414e0,
     6.16021097993053585195e0, 7.40974269950448939160e0, 2.97886665372100240670e0),
    (1.0, 2.26052863220117276590e0, 9.39603524938001434673e0, 1.20489539808096656605e1,
     1.70814450747565897222e1, 9.60896809063285878198e0, 3.36907645100081516050e0),
)  # fmt: skip
_ERF = (
    (9.60497373987051638749e0, 9.00260197203842689217e1, 2.23200534594684319226e3,
     7.00332514112805075473e3, 5.55923013010394962768e4),
    (1.0, 3.35617141647503099647e1, 5.21357949780152679795e2, 4.59432382970980127987e3,
     2.26290000613890934246e4, 4.92673942608635921086e4),
)  # fmt: skip

_BLOCK = 4096


def pdf(z: Array, out: Array) -> None:
    """Write the density e^(-z²/2) / √(2π) into `out`, of the shape of `z`."""
    np.multiply(z, z, out=out)
    out *= -0.5
    np.exp(out, out=out)
    out *= 1 / math.sqrt(2 * math.pi)


def cdf(z: Array, out: Array) -> None:
    """Write the distribution function Φ(z) = (1 + erf(z/√2)) / 2 into `out`.

    Parameters
    ----------
    z : ndarray of any shape
        Finite values between -40 and 40.
    out : C-contiguous ndarray of the same shape
        The array that receives Φ(z), accurate to the last digits even in the left tail.
    """
    source, target = z.reshape(-1), out.reshape(-1)
    for start in range(0, source.size, _BLOCK):  # in blocks, so that temporaries stay small
        block = slice(start, start + _BLOCK)
        target[block] = _cdf(source[block].astype(np.float64))


def _cdf(z: Array) -> Array:
    x = np.abs(z) * math.sqrt(0.5)
    square = x * x
    near = x * _ratio(_ERF, np.minimum(square, 1))
    tail = np.exp(-square)  # erfc(x), for x from 1 on
    tail *= np.where(
        x < 8, _ratio(_ERFC_LOW, np.minimum(x, 8)), _ratio(_ERFC_HIGH, np.maximum(x, 8))
    )
    half_tail = np.where(x < 1, 0.5 - 0.5 * near, 0.5 * tail)  # Φ(-|z|)
    return np.where(z > 0, 1 - half_tail, half_tail)


def _ratio(polynomials: tuple[tuple[float, ...], tuple[float, ...]], x: Array) -> Array:
    numerator, denominator = (_horner(p, x) for p in polynomials)
    return numerator / denominator


def _horner(coefficients: tuple[float, ...], x: Array) -> Array:
    total = np.full_like(x, coefficients[0])
    for c in coefficients[1:]:
        total *= x
        total += c
    return total
