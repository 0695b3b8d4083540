"""Training that has got going allocates nothing large."""

import math
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest

import nn
from nn.activations import Activation
from nn.gradients import add_l1_gradient, clip_by_norm, global_norm
from nn.losses import Loss
from nn.optimizers import Optimizer
from nn.optimizers import rule as base
from nn.speed import compile as fusion
from tests.nn.optimizers.stepping import STEPPING
from tests.nn.own import names

KIB = 1 << 10


@pytest.fixture(autouse=True, params=[math.inf, 0], ids=["numpy", "compiled"])
def compile_after(request, monkeypatch):
    """Compile never, or in the first step: by its own measure of time, it might at any step."""
    for module in (fusion, base):
        monkeypatch.setattr(module, "COMPILE_AFTER", request.param)


def peak(network: nn.Network, optimizer: Optimizer, batch: int) -> int:
    """Most bytes held at a time, beyond what was held before, in steps after the first two."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((network.runs, batch, network.inputs)).astype(network.dtype)
    y = rng.dirichlet(np.ones(network.outputs), (network.runs, batch)).astype(network.dtype)
    stack = nn.OptimizerStack([optimizer] * network.runs, network.layout, network.dtype)
    factor, limit = np.ones((network.runs, 1)), np.ones((network.runs, 1), network.dtype)
    work = np.empty_like(network.parameters)

    def step() -> None:
        network.backpropagate(x, y)
        add_l1_gradient(network.gradients, network.parameters, 1e-4 * limit, work)
        clip_by_norm(network.gradients, global_norm(network.gradients), limit)
        stack.step(network.parameters, network.gradients, factor)

    for _ in range(2):
        step()
    # What other threads of the tests' process allocate counts as well, but not every time.
    return min(_peak_of(step) for _ in range(2))


def _peak_of(step: Callable[[], None]) -> int:
    """Measure the most bytes that a step holds at a time; what was held before does not count."""
    tracemalloc.start()
    try:
        step()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def make(layers, inputs: int, loss: Loss | None = None, output=None) -> nn.Network:
    """In float32: what makes an array of numbers in double precision shows all the more."""
    return nn.Network(
        layers, inputs, loss=loss or nn.CrossEntropy(), output_activation=output, seeds=[0, 1]
    )


@pytest.mark.parametrize("name", STEPPING)
def test_optimizers(name: str) -> None:
    # 2 runs of 128·128 + … parameters: 133 KiB, and as much gradients.
    network = make(nn.mlp([128], 4), 128)
    assert network.parameters.nbytes > 130 * KIB
    # Roots and eigenvectors may allocate; the steps between them may not.
    options = {"interval": 2} if name in ("shampoo", "soap") else {}
    optimizer = Optimizer.named(name, weight_decay=0.01, **options)
    assert peak(network, optimizer, batch=2) < 30 * KIB


def test_rmsprop_with_everything() -> None:
    network = make(nn.mlp([128], 4), 128)
    assert peak(network, nn.RMSprop(centered=True, momentum=0.9), batch=2) < 30 * KIB


# 2 runs × 512 samples × 64 units: an array of activations has 256 KiB. What has one number for
# a sample or a unit may come and go.
BATCH, UNITS = 512, 64
SMALL = 100 * KIB


@pytest.mark.parametrize("name", Activation.names())
def test_activations(name: str) -> None:
    # The normal distribution function works on blocks of a fixed size, less than 500 KiB.
    batch, limit = (4 * BATCH, 500 * KIB) if name == "gelu" else (BATCH, SMALL)
    network = make(nn.mlp([UNITS], 2, activation=Activation.named(name)), 8)
    assert peak(network, nn.SGD(), batch) < limit


@pytest.mark.parametrize(
    "layer", [nn.Dense(UNITS), nn.Dropout(0.5), nn.BatchNorm(), nn.LayerNorm()], ids=repr
)
def test_layers(layer) -> None:
    network = make([nn.Dense(UNITS), layer, nn.Dense(2)], 8)
    assert peak(network, nn.SGD(), BATCH) < SMALL


@pytest.mark.parametrize("name", names(Loss))
def test_losses(name: str) -> None:
    assert peak(make(nn.mlp([], UNITS), 8, Loss.named(name)), nn.SGD(), BATCH) < SMALL


def test_nielsens_sigmoid_with_squared_error() -> None:
    network = make(nn.mlp([], UNITS), 8, nn.MeanSquaredError(), nn.activations.Sigmoid())
    assert peak(network, nn.SGD(), BATCH) < SMALL
