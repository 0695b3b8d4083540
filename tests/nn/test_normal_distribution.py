"""The normal distribution against SciPy."""

import numpy as np
import pytest
from scipy import special, stats

from nn.normal_distribution import cdf, pdf


def grid(dtype: type) -> np.ndarray:
    fine = np.linspace(-40, 40, 20001)
    seams = np.array([1, 8, -1, -8]) * np.sqrt(2)  # where one approximation hands over
    near = seams[:, None] * (1 + np.arange(-5, 6) * 1e-15)
    return np.concatenate([fine, near.ravel(), [0, -0.0, 1e-300, -1e-20]]).astype(dtype)


@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 1e-12), (np.float32, 2e-6)])
def test_distribution_function(dtype: type, rtol: float) -> None:
    z = grid(dtype)
    out = np.empty_like(z)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        cdf(z, out)
    expected = special.ndtr(z.astype(np.float64))
    # Denormal tails have fewer digits.
    np.testing.assert_allclose(out, expected, rtol=rtol, atol=np.finfo(dtype).tiny)
    assert ((out >= 0) & (out <= 1)).all()


def test_density() -> None:
    z = grid(np.float64)
    out = np.empty_like(z)
    pdf(z, out)
    np.testing.assert_allclose(out, stats.norm.pdf(z), rtol=1e-12, atol=1e-307)


@pytest.mark.parametrize("shape", [(), (0,), (1,), (5000,), (3, 4097), (2, 3, 5)])
def test_any_shape(shape: tuple[int, ...]) -> None:
    z = np.asarray(np.random.default_rng(0).normal(0, 3, shape))
    out = np.empty(shape)
    cdf(z, out)
    np.testing.assert_allclose(out, special.ndtr(z), rtol=1e-12)


def test_a_block_does_not_depend_on_its_neighbours() -> None:
    z = np.random.default_rng(0).normal(0, 3, 9001).astype(np.float32)
    together, alone = np.empty_like(z), np.empty_like(z)
    cdf(z, together)
    for start in range(0, z.size, 517):
        cdf(z[start : start + 517], alone[start : start + 517])
    np.testing.assert_array_equal(together, alone)
