"""Activations against SciPy, closed forms and central differences."""

import math

import numpy as np
import pytest
from scipy import special, stats

from nn import activations
from nn.activations import Activation
from nn.gradient_check import STEP, rounding_noise

# Klambauer et al. 2017: the fixed point of mean 0 and variance 1 in closed form.
_HALF = math.erfc(math.sqrt(0.5)) * math.exp(0.5)
SELU_ALPHA = -math.sqrt(2 / math.pi) / (_HALF - 1)
SELU_SCALE = (
    (1 - _HALF)
    * math.sqrt(2 * math.pi)
    * (
        2 * math.erfc(math.sqrt(2)) * math.exp(2)
        + math.pi * _HALF**2
        - 2 * (2 + math.pi) * _HALF
        + math.pi
        + 2
    )
    ** -0.5
)


def elu(alpha):
    return lambda z: np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0)))


def tanh_argument(z):
    return math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)


# Activation, its values, its derivative.
ELEMENTWISE = [
    (activations.Identity(), lambda z: z, np.ones_like),
    (activations.Sigmoid(), special.expit, lambda z: special.expit(z) * special.expit(-z)),
    (activations.Square(), np.square, lambda z: 2 * z),
    (activations.Tanh(), np.tanh, lambda z: np.cosh(z) ** -2.0),
    (activations.ReLU(), lambda z: np.where(z > 0, z, 0), lambda z: np.where(z > 0, 1, 0)),
    (
        activations.LeakyReLU(),
        lambda z: np.where(z > 0, z, 0.01 * z),
        lambda z: np.where(z > 0, 1, 0.01),
    ),
    (
        activations.LeakyReLU(slope=1.7),
        lambda z: np.where(z > 0, z, 1.7 * z),
        lambda z: np.where(z > 0, 1, 1.7),
    ),
    (
        activations.LeakyReLU(slope=0),
        lambda z: np.where(z > 0, z, 0),
        lambda z: np.where(z > 0, 1, 0),
    ),
    (activations.ELU(), elu(1), lambda z: np.exp(np.minimum(z, 0))),
    (
        activations.ELU(alpha=0.3),
        elu(0.3),
        lambda z: np.where(z > 0, 1, 0.3 * np.exp(np.minimum(z, 0))),
    ),
    (
        activations.SELU(),
        lambda z: SELU_SCALE * elu(SELU_ALPHA)(z),
        lambda z: SELU_SCALE * np.where(z > 0, 1, SELU_ALPHA * np.exp(np.minimum(z, 0))),
    ),
    (activations.Softplus(), lambda z: -special.log_expit(-z), special.expit),
    (
        activations.GELU(),
        lambda z: z * special.ndtr(z),
        lambda z: special.ndtr(z) + z * stats.norm.pdf(z),
    ),
    (
        # ½(1 + tanh u) = expit(2u)
        activations.GELU(form="tanh"),
        lambda z: z * special.expit(2 * tanh_argument(z)),
        lambda z: (
            special.expit(2 * tanh_argument(z))
            + z
            * 2
            * special.expit(2 * tanh_argument(z))
            * special.expit(-2 * tanh_argument(z))
            * math.sqrt(2 / math.pi)
            * (1 + 3 * 0.044715 * z**2)
        ),
    ),
    (
        activations.SiLU(),
        lambda z: z * special.expit(z),
        lambda z: special.expit(z) * (1 + z * special.expit(-z)),
    ),
]
ALL = [activation for activation, _, _ in ELEMENTWISE] + [activations.Softmax()]
elementwise = pytest.mark.parametrize(
    ("activation", "value", "slope"), ELEMENTWISE, ids=[repr(a) for a, _, _ in ELEMENTWISE]
)
everyone = pytest.mark.parametrize("activation", ALL, ids=repr)
precisions = pytest.mark.parametrize("dtype", [np.float32, np.float64])
ORDINARY = np.concatenate([np.linspace(-30, 30, 1201) + 0.0123, [-1e-3, 1e-9, -1e-9]])


def derivative(activation: Activation, z: np.ndarray, grad: np.ndarray) -> np.ndarray:
    """The gradient with respect to `z`, by way of a separate output array."""
    a, out = np.empty_like(z), np.full_like(z, np.nan)
    work = np.full((activation.scratch, *z.shape), np.nan, z.dtype)
    activation.forward(z, a, work)
    work.fill(np.nan)
    activation.backward(grad, z, a, out, work)
    return out


def test_every_activation_is_tried() -> None:
    assert {a.name for a in ALL} == set(Activation.names())


@elementwise
def test_values(activation, value, slope) -> None:
    np.testing.assert_allclose(activation(ORDINARY), value(ORDINARY), rtol=1e-12, atol=1e-99)
    single = ORDINARY.astype(np.float32)
    expected = value(single.astype(np.float64))
    result = activation(single)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-37)


@elementwise
def test_derivatives(activation, value, slope) -> None:
    grad = np.linspace(-2, 3, ORDINARY.size)
    actual = derivative(activation, ORDINARY, grad)
    np.testing.assert_allclose(actual, grad * slope(ORDINARY), rtol=1e-12, atol=1e-12)
    single = derivative(activation, ORDINARY.astype(np.float32), grad.astype(np.float32))
    np.testing.assert_allclose(single, grad * slope(ORDINARY), rtol=1e-4, atol=1e-5)


@elementwise
def test_derivatives_are_central_differences(activation, value, slope) -> None:
    z = np.linspace(-6, 6, 400)  # does not contain 0, where some have a kink
    differences = (activation(z + STEP) - activation(z - STEP)) / (2 * STEP)
    actual = derivative(activation, z, np.ones_like(z))
    noise = rounding_noise(activation(z)).max()
    np.testing.assert_allclose(actual, differences, rtol=1e-6, atol=noise)


class TestSoftmax:
    LOGITS = np.random.default_rng(0).normal(0, 5, (2, 7, 5))

    @pytest.mark.parametrize("width", [1, 2, 5, 32, 33, 100])
    def test_values(self, width: int) -> None:
        z = np.random.default_rng(width).normal(0, 10, (2, 3, width))
        actual = activations.Softmax()(z)
        np.testing.assert_allclose(actual, special.softmax(z, axis=-1), rtol=1e-12)
        np.testing.assert_allclose(actual.sum(axis=-1), 1, rtol=1e-12)

    def test_derivative_is_the_jacobian(self) -> None:
        # ∂ŷᵢ/∂zⱼ = ŷᵢ([i = j] - ŷⱼ)
        grad = np.random.default_rng(1).standard_normal(self.LOGITS.shape)
        p = special.softmax(self.LOGITS, axis=-1)
        jacobian = p[..., :, None] * (np.eye(5) - p[..., None, :])
        expected = np.einsum("rbi,rbij->rbj", grad, jacobian)
        actual = derivative(activations.Softmax(), self.LOGITS, grad)
        np.testing.assert_allclose(actual, expected, rtol=1e-10, atol=1e-12)

    def test_derivative_is_central_differences(self) -> None:
        z = self.LOGITS[0]
        grad = np.random.default_rng(2).standard_normal(z.shape)
        expected = np.empty_like(z)
        for k in range(z.shape[1]):
            shift = STEP * np.eye(z.shape[1])[k]
            change = activations.Softmax()(z + shift) - activations.Softmax()(z - shift)
            expected[:, k] = (grad * change).sum(axis=1) / (2 * STEP)
        actual = derivative(activations.Softmax(), z, grad)
        noise = rounding_noise(np.abs(grad).sum(axis=1)).max()
        np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=noise)

    def test_shift_changes_nothing(self) -> None:
        np.testing.assert_allclose(
            activations.Softmax()(self.LOGITS + 1000), activations.Softmax()(self.LOGITS), rtol=1e-9
        )

    @precisions
    def test_any_finite_logits(self, dtype: type) -> None:
        most = np.finfo(dtype).max
        rows = [[1e4, -1e4, 1e4], [most, -most, 0], [-most] * 3, [most] * 3, [0, 0, -most]]
        expected = [[0.5, 0, 0.5], [1, 0, 0], [1 / 3] * 3, [1 / 3] * 3, [0.5, 0.5, 0]]
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            actual = activations.Softmax()(np.array(rows, dtype))
        np.testing.assert_allclose(actual, expected, rtol=1e-5)


@everyone
@precisions
def test_no_finite_input_warns(activation: Activation, dtype: type) -> None:
    info = np.finfo(dtype)
    sizes = [0.0, info.smallest_subnormal, info.tiny, info.eps, 1, 17, 38.5, 40, 41, 88, 89, 104]
    sizes += [709, 710, 745, 746, 1e4, 1e10, math.sqrt(info.max), float(info.max) / 2]
    z = np.array([sign * size for size in sizes for sign in (1, -1)], dtype)
    if activation.name == "square":  # it may overflow, so only what has a square is tried
        z = z[np.abs(z) <= math.sqrt(info.max)]
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        values = activation(z)
        slopes = derivative(activation, z, np.ones_like(z))
    assert np.isfinite(values).all()
    assert np.isfinite(slopes).all()


@pytest.mark.parametrize(
    ("activation", "at_zero"),
    [
        (activations.ReLU(), 0),
        (activations.LeakyReLU(), 0.01),
        (activations.LeakyReLU(slope=0.5), 0.5),
        (activations.ELU(), 1),
    ],
    ids=repr,
)
def test_derivative_at_the_kink(activation: Activation, at_zero: float) -> None:
    z = np.array([0.0, -0.0])
    np.testing.assert_array_equal(derivative(activation, z, np.ones(2)), at_zero)


@everyone
@pytest.mark.parametrize("shape", [(4,), (1,), (3, 4), (2, 3, 4), (2, 1, 1), (0, 3), (2, 3, 2, 5)])
def test_any_shape(activation: Activation, shape: tuple[int, ...]) -> None:
    z = np.random.default_rng(0).standard_normal(shape)
    before = z.copy()
    a = activation(z)
    assert a.shape == shape
    np.testing.assert_array_equal(z, before)
    # Row by row it is the same.
    rows = np.array([activation(row) for row in z.reshape(-1, shape[-1])]).reshape(shape)
    np.testing.assert_allclose(a, rows, rtol=1e-12)


@everyone
def test_lists_and_whole_numbers(activation: Activation) -> None:
    expected = activation(np.array([-2.0, 0.0, 3.0]))
    np.testing.assert_array_equal(activation([-2, 0, 3]), expected)
    np.testing.assert_array_equal(activation(np.array([-2, 0, 3])), expected)


@everyone
def test_gradient_in_place(activation: Activation) -> None:
    z = np.random.default_rng(0).standard_normal((2, 5, 3))
    grad = np.random.default_rng(1).standard_normal((2, 5, 3))
    expected = derivative(activation, z, grad.copy())
    a, work = np.empty_like(z), np.empty((activation.scratch, *z.shape))
    activation.forward(z, a, work)
    activation.backward(grad, z, a, grad, work)
    np.testing.assert_array_equal(grad, expected)


@everyone
def test_nan_stays_visible(activation: Activation) -> None:
    # A diverged run must not look healthy.
    with np.errstate(invalid="ignore"):
        assert np.isnan(activation(np.array([[np.nan, 1.0]]))[0, 0])


@pytest.mark.parametrize(
    ("name", "initializer"),
    [
        ("identity", "scaled_gaussian"),
        ("sigmoid", "scaled_gaussian"),
        ("tanh", "scaled_gaussian"),
        ("relu", "he"),
        ("leaky_relu", "he"),
        ("elu", "he"),
    ],
)
def test_the_initializer_that_suits(name: str, initializer: str) -> None:
    assert Activation.named(name).initializer == initializer


def test_gelu_forms_are_close_but_not_the_same() -> None:
    z = np.linspace(-5, 5, 101)
    gap = np.abs(activations.GELU()(z) - activations.GELU(form="tanh")(z)).max()
    assert 1e-5 < gap < 1e-3
