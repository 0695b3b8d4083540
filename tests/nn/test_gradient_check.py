"""The gradient check finds what is wrong and passes what is right."""

from dataclasses import dataclass

import numpy as np
import pytest

import nn
from nn.gradient_check import gradient_error, numerical_gradients, rounding_noise


@dataclass(frozen=True)
class TanhWithAWrongSlope(nn.activations.Tanh):
    """Off by a part in ten thousand."""

    def backward(self, grad, z, a, out, work):
        super().backward(grad, z, a, out, work)
        out *= 1.0001


def network(activation, dtype=np.float64, normalization=None) -> nn.Network:
    layers = nn.mlp([4], 2, activation=activation, normalization=normalization)
    return nn.Network(layers, 3, loss=nn.CrossEntropy(), seeds=[0, 1], dtype=dtype)


RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((2, 5, 3)), RNG.dirichlet(np.ones(2), (2, 5))


def test_passes_what_is_right() -> None:
    for normalization in (None, "batch", "layer"):
        error = gradient_error(network(nn.activations.Tanh(), normalization=normalization), X, Y)
        assert error.shape == (2,)
        assert error.max() < 1e-8


def test_finds_what_is_wrong() -> None:
    assert gradient_error(network(TanhWithAWrongSlope()), X, Y).min() > 1e-6


@pytest.mark.parametrize("offset", [0.0, 100.0])
def test_differences_of_a_gradient_that_is_0_are_rounding(offset: float) -> None:
    # Batch normalization takes away what the bias before it adds.
    layers = nn.mlp([16], 2, activation=nn.activations.SELU(), normalization="batch")
    checked = nn.Network(layers, 3, loss=nn.MeanSquaredError(), seeds=range(8), dtype=np.float64)
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((8, 6, 3)), offset + rng.standard_normal((8, 6, 2))
    checked.backpropagate(x, y)
    losses = ((checked.forward(x, training=True) - y) ** 2).mean(axis=(1, 2))
    biases = checked.layout.slices["dense1/bias"]
    differences = np.abs(numerical_gradients(checked, x, y)[:, biases])
    assert (differences <= rounding_noise(losses)[:, np.newaxis]).all()
    assert (np.abs(checked.gradients[:, biases]) <= rounding_noise(losses, 1.0)[:, None]).all()


def test_rounding_is_no_error() -> None:
    # Where the targets are the predictions, the whole gradient is 0 but for rounding.
    checked = network(nn.activations.Tanh())
    y = nn.activations.Softmax()(checked.forward(X, training=True))
    assert np.abs(numerical_gradients(checked, X, y)).max() > 0
    np.testing.assert_array_equal(gradient_error(checked, X, y), 0)


def test_noise_grows_with_the_loss_and_shrinks_with_the_step() -> None:
    small, large = rounding_noise([0.0, 1000.0])
    assert large == pytest.approx(1000 * small)
    assert rounding_noise(0.0, 1e-3) == pytest.approx(small / 100)
    assert np.finfo(np.float64).eps < small < 1e-8


def test_differences_of_a_line_are_its_slope() -> None:
    # Absolute error of w·x + b at a prediction below the target: ∂w = -x, ∂b = -1.
    line = nn.Network(nn.mlp([], 1), 1, loss=nn.MeanAbsoluteError(), dtype=np.float64)
    line.parameters[...] = [[0.5, 0.0]]
    gradients = numerical_gradients(line, np.array([[[3.0]]]), np.array([[[10.0]]]))
    np.testing.assert_allclose(gradients, [[-3, -1]], rtol=0, atol=float(rounding_noise(8.5)))


def test_leaves_the_network_as_it_was() -> None:
    checked = network(nn.activations.Tanh(), normalization="batch")
    before = checked.parameters.copy(), checked.statistics.copy()
    gradient_error(checked, X, Y)
    np.testing.assert_array_equal(checked.parameters, before[0])
    np.testing.assert_array_equal(checked.statistics, before[1])


def test_needs_double_precision() -> None:
    with pytest.raises(ValueError, match="float64"):
        gradient_error(network(nn.activations.Tanh(), np.float32), X, Y)
