"""Kernels as initializers, Muon and weight decay see them."""

import numpy as np
import pytest

import nn
from nn.initializers import (
    He,
    Initializer,
    LeCun,
    Orthogonal,
    PyTorchUniform,
    ScaledGaussian,
    Xavier,
)
from nn.optimizers import OptimizerStack
from nn.parameters import Layout, Parameter

SHAPE = (40, 30, 3, 5)  # channels, input channels / groups, height, width
FAN_IN = 30 * 3 * 5


@pytest.mark.parametrize(
    ("initializer", "groups", "variance"),
    [
        (He(), 1, 2 / FAN_IN),
        (LeCun(distribution="uniform"), 1, 1 / FAN_IN),
        (ScaledGaussian(), 1, 1 / FAN_IN),
        (PyTorchUniform(), 1, 1 / (3 * FAN_IN)),
        (Xavier(), 1, 2 / (FAN_IN + 40 * 15)),
        (Xavier(distribution="normal"), 4, 2 / (FAN_IN + 10 * 15)),
    ],
)
def test_the_variance_follows_from_the_fans(initializer, groups, variance: float) -> None:
    kernels = initializer.kernels(np.random.default_rng(0), SHAPE, groups)
    assert kernels.shape == SHAPE
    assert kernels.var() == pytest.approx(variance, rel=0.03)


def test_orthogonal_kernels_are_orthonormal_as_rows() -> None:
    kernels = Orthogonal(gain=2.0).kernels(np.random.default_rng(0), (6, 3, 2, 2))
    matrix = kernels.reshape(6, -1)
    np.testing.assert_allclose(matrix @ matrix.T, 4 * np.eye(6), atol=1e-12)


@pytest.mark.parametrize("name", [n for n in Initializer.names() if n != "orthogonal"])
def test_a_layer_is_initialized_by_its_initializer(name: str) -> None:
    layer = nn.Conv2d(4, 3, initializer=Initializer.named(name))
    network = nn.Network(
        [layer, nn.Flatten()], (2, 4, 4), loss=nn.MeanSquaredError(), seeds=[3], dtype="float64"
    )
    rng = nn.randomness.stream(3, "initialization", 0)
    expected = Initializer.named(name).kernels(rng, (4, 2, 3, 3))
    np.testing.assert_array_equal(network.weights()["conv2d1/weights"], expected)


@pytest.mark.parametrize("runs", [1, 3])
def test_muon_takes_kernels_as_a_matrix_of_what_they_see(runs: int) -> None:
    rng = np.random.default_rng(0)
    kernels, gradients = rng.standard_normal((2, runs, 5, 2, 3, 3))
    as_matrix = [
        a.reshape(runs, 5, 18).swapaxes(1, 2).reshape(runs, -1) for a in (kernels, gradients)
    ]
    results = []
    for shape, (theta, g) in (
        ((5, 2, 3, 3), (kernels.reshape(runs, -1), gradients.reshape(runs, -1))),
        ((18, 5), as_matrix),
    ):
        layout = Layout([Parameter("layer/weights", shape, decays=True)])
        stack = OptimizerStack([nn.Muon(weight_decay=0.1)] * runs, layout, np.dtype(np.float64))
        theta = theta.copy()
        for _ in range(3):
            stack.step(theta, g.copy())
        results.append(theta)
    back = results[1].reshape(runs, 18, 5).swapaxes(1, 2).reshape(runs, -1)
    np.testing.assert_allclose(results[0], back, rtol=1e-12)


def test_weight_decay_and_penalties_act_on_kernels_and_not_on_biases() -> None:
    network = nn.Network(
        [nn.Conv2d(4, 3), nn.BatchNorm(), nn.Flatten(), nn.Dense(2)],
        (2, 4, 4),
        loss=nn.CrossEntropy(),
    )
    decaying = {p.name for p in network.layout.parameters if p.decays}
    assert decaying == {"conv2d1/weights", "dense1/weights"}
    assert network.layout.decayed == 4 * 2 * 9 + 16 * 2
