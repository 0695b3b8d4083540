"""The gradient check finds what is wrong and passes what is right."""

from dataclasses import dataclass

import numpy as np
import pytest

import nn
from nn.gradient_check import gradient_error, numerical_gradients


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


def test_differences_of_a_line_are_its_slope() -> None:
    # Absolute error of w·x + b at a prediction below the target: ∂w = -x, ∂b = -1.
    line = nn.Network(nn.mlp([], 1), 1, loss=nn.MeanAbsoluteError(), dtype=np.float64)
    line.parameters[...] = [[0.5, 0.0]]
    gradients = numerical_gradients(line, np.array([[[3.0]]]), np.array([[[10.0]]]))
    np.testing.assert_allclose(gradients, [[-3, -1]], rtol=1e-9)


def test_leaves_the_network_as_it_was() -> None:
    checked = network(nn.activations.Tanh(), normalization="batch")
    before = checked.parameters.copy(), checked.statistics.copy()
    gradient_error(checked, X, Y)
    np.testing.assert_array_equal(checked.parameters, before[0])
    np.testing.assert_array_equal(checked.statistics, before[1])


def test_needs_double_precision() -> None:
    with pytest.raises(ValueError, match="float64"):
        gradient_error(network(nn.activations.Tanh(), np.float32), X, Y)
