"""Penalties and clipping, by hand and against what they are the gradients of."""

import numpy as np
import pytest

from nn.gradient_check import STEP, rounding_noise
from nn.gradients import (
    add_l1_gradient,
    add_l2_gradient,
    clip_by_norm,
    clip_by_value,
    global_norm,
)

precisions = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def column(*values: float, dtype: type = np.float64) -> np.ndarray:
    return np.array(values, dtype).reshape(-1, 1)


def penalty_gradient(add, theta: np.ndarray, strength: np.ndarray) -> np.ndarray:
    gradients = np.zeros_like(theta)
    add(gradients, theta, strength, np.full_like(theta, np.nan))
    return gradients


class TestPenalties:
    THETA = np.array([[1.5, -2.0, 0.25], [3.0, -1e-3, 7.0]])
    STRENGTH = column(0.1, 2.0)

    @pytest.mark.parametrize(
        ("add", "penalty"),
        [
            (add_l2_gradient, lambda theta, s: 0.5 * s * (theta**2).sum()),
            (add_l1_gradient, lambda theta, s: s * np.abs(theta).sum()),
        ],
        ids=["l2", "l1"],
    )
    def test_are_central_differences(self, add, penalty) -> None:
        expected, size = np.empty_like(self.THETA), 0.0
        for run, entry in np.ndindex(*self.THETA.shape):
            shift = np.zeros(3)
            shift[entry] = STEP
            s = self.STRENGTH[run, 0]
            up, down = penalty(self.THETA[run] + shift, s), penalty(self.THETA[run] - shift, s)
            size = max(size, up, down)
            expected[run, entry] = (up - down) / (2 * STEP)
        actual = penalty_gradient(add, self.THETA, self.STRENGTH)
        np.testing.assert_allclose(actual, expected, rtol=0, atol=rounding_noise(size))

    def test_are_added(self) -> None:
        theta, work = np.array([[2.0, -3.0]]), np.empty((1, 2))
        gradients = np.array([[10.0, 20.0]])
        add_l2_gradient(gradients, theta, column(0.5), work)
        np.testing.assert_array_equal(gradients, [[11.0, 18.5]])
        add_l1_gradient(gradients, theta, column(0.25), work)
        np.testing.assert_array_equal(gradients, [[11.25, 18.25]])
        np.testing.assert_array_equal(theta, [[2.0, -3.0]])

    def test_l1_is_0_at_0(self) -> None:
        zeros = np.array([[0.0, -0.0]])
        np.testing.assert_array_equal(penalty_gradient(add_l1_gradient, zeros, column(3)), [[0, 0]])

    def test_strength_0_changes_nothing(self) -> None:
        for add in (add_l1_gradient, add_l2_gradient):
            np.testing.assert_array_equal(penalty_gradient(add, self.THETA, column(0, 0)), 0)


class TestClipping:
    @precisions
    def test_norm(self, dtype: type) -> None:
        gradients = np.array([[3.0, 4.0], [0.0, 0.0], [-5.0, 12.0]], dtype)
        norms = global_norm(gradients)
        assert norms.dtype == dtype
        np.testing.assert_array_equal(norms, [[5], [0], [13]])

    @precisions
    @pytest.mark.parametrize("scale", [1e-30, 1e-22, 1e15, 1e25, 1e37])
    def test_norm_whose_square_no_float_holds(self, dtype: type, scale: float) -> None:
        gradients = np.array([[3.0, 4.0], [1, 0]], dtype) * dtype(scale)
        with np.errstate(over="raise", invalid="raise"):
            norms = global_norm(gradients)
            clip_by_norm(gradients, norms, column(scale, 2 * scale, dtype=dtype))
        np.testing.assert_allclose(norms, [[5 * scale], [scale]], rtol=1e-5)
        np.testing.assert_allclose(gradients, [[0.6 * scale, 0.8 * scale], [scale, 0]], rtol=1e-5)

    @precisions
    def test_by_norm(self, dtype: type) -> None:
        gradients = np.array([[3.0, 4.0], [0.3, 0.4], [0.0, 0.0], [30.0, 40.0]], dtype)
        limit = column(1, 1, 1, 100, dtype=dtype)
        with np.errstate(all="raise"):
            clip_by_norm(gradients, global_norm(gradients), limit)
        expected = [[0.6, 0.8], [0.3, 0.4], [0, 0], [30, 40]]
        np.testing.assert_allclose(gradients, expected, rtol=1e-5)
        # What is short enough keeps its bits.
        np.testing.assert_array_equal(gradients[1], np.array([0.3, 0.4], dtype))

    def test_by_norm_keeps_the_direction(self) -> None:
        rng = np.random.default_rng(0)
        gradients = rng.standard_normal((4, 50))
        before = gradients.copy()
        clip_by_norm(gradients, global_norm(gradients), np.full((4, 1), 0.5))
        np.testing.assert_allclose(np.linalg.norm(gradients, axis=1), 0.5, rtol=1e-12)
        ratios = gradients / before
        np.testing.assert_allclose(ratios, ratios[:, :1] * np.ones(50), rtol=1e-12)

    def test_by_value(self) -> None:
        gradients = np.array([[-3.0, 0.5, 2.0], [-3.0, 0.5, 2.0]])
        clip_by_value(gradients, column(1, 2.5))
        np.testing.assert_array_equal(gradients, [[-1, 0.5, 1], [-2.5, 0.5, 2]])

    def test_a_diverged_run_stays_diverged_and_alone(self) -> None:
        gradients = np.array([[np.nan, 1.0], [3.0, 4.0], [np.inf, 1.0]])
        with np.errstate(invalid="ignore"):
            norms = global_norm(gradients)
            clip_by_norm(gradients, norms, column(1, 1, 1))
        assert not np.isfinite(norms[[0, 2]]).any()
        assert not np.isfinite(gradients[[0, 2]]).all(axis=1).any()
        np.testing.assert_allclose(gradients[1], [0.6, 0.8])

    @precisions
    @pytest.mark.parametrize("size", [1, 7, 100, 5000])
    def test_norm_is_the_run_s_own(self, dtype: type, size: int) -> None:
        gradients = np.random.default_rng(size).standard_normal((5, size)).astype(dtype)
        together = global_norm(gradients)
        for run in range(5):
            alone = global_norm(gradients[run : run + 1].copy())
            np.testing.assert_array_equal(alone[0], together[run])
        expected = np.linalg.norm(gradients.astype(np.float64), axis=1)
        np.testing.assert_allclose(together[:, 0], expected, rtol=1e-5)
