"""Sharpness-aware minimization around any optimizer."""

from collections.abc import Sequence

import numpy as np
import pytest

import nn
from nn.optimizers import OptimizerStack
from nn.optimizers.closure import Closure

X = np.random.default_rng(0).normal(size=(12, 3))
Y = (X**2).sum(axis=1, keepdims=True)


def network(seeds: Sequence[int] = (0,), dtype: str = "float64", **options: object) -> nn.Network:
    layers = nn.mlp([5], 1, activation=nn.activations.Tanh(), **options)  # type: ignore[arg-type]
    return nn.Network(layers, 3, loss=nn.MeanSquaredError(), seeds=seeds, dtype=dtype)


def gradient(at: np.ndarray) -> np.ndarray:
    """The gradient of the loss, by central differences."""
    probe, result = network(), np.empty_like(at)
    for i in range(at.size):
        ends = []
        for step in (1e-5, -1e-5):
            probe.parameters[0] = at
            probe.parameters[0, i] += step
            ends.append(probe.loss(X, Y)[0])
        result[i] = (ends[0] - ends[1]) / 2e-5
    return result


@pytest.mark.parametrize("radius", [0.01, 0.5])
def test_steps_are_those_of_the_algorithm(radius: float) -> None:
    trained = network()
    theta = trained.parameters[0].copy()
    nn.fit(trained, nn.SGD(lr=0.1, sam=radius), X, Y, epochs=4)
    for _ in range(4):
        slope = gradient(theta)
        theta = theta - 0.1 * gradient(theta + radius * slope / np.sqrt((slope**2).sum()))
    np.testing.assert_allclose(trained.parameters[0], theta, rtol=1e-6, atol=1e-8)


def test_a_radius_of_0_changes_nothing() -> None:
    with_sam, without = network([1]), network([1])
    nn.fit(with_sam, nn.Adam(sam=0.0), X, Y, epochs=3, batch_size=5)
    nn.fit(without, nn.Adam(), X, Y, epochs=3, batch_size=5)
    np.testing.assert_array_equal(with_sam.parameters, without.parameters)


def test_the_second_pass_has_the_masks_of_the_first() -> None:
    """With another mask the direction would not be that in which this loss rises."""
    dropped = network(dropout=0.5)
    closure = Closure(dropped, (X, Y))
    dropped.backpropagate(X, Y)
    first, states = dropped.gradients.copy(), dropped.random_states(0)
    closure()
    np.testing.assert_array_equal(dropped.gradients, first)
    assert dropped.random_states(0) == states
    dropped.backpropagate(X, Y)
    assert (dropped.gradients != first).any()


def test_running_statistics_are_those_of_the_first_pass() -> None:
    once, twice = network(normalization="batch"), network(normalization="batch")
    nn.fit(once, nn.SGD(lr=1e-300), X, Y, epochs=3)
    nn.fit(twice, nn.SGD(lr=1e-300, sam=1.0), X, Y, epochs=3)
    np.testing.assert_array_equal(once.statistics, twice.statistics)


@pytest.mark.parametrize("options", [{}, {"normalization": "batch"}, {"dropout": 0.3}])
def test_a_stack_takes_the_steps_of_its_runs_alone(options: dict[str, object]) -> None:
    optimizers = [
        nn.Adam(lr=0.01, sam=0.05), nn.Adam(lr=0.02), nn.Adam(sam=0.5),
        nn.ScheduleFreeSGD(sam=0.1), nn.Muon(sam=0.1, lookahead=2), nn.SGD(lr=0.01),
    ]  # fmt: skip
    seeds = range(len(optimizers))
    together = network(seeds, "float32", **options)
    nn.fit(together, optimizers, X, Y, epochs=3, batch_size=5)
    for run, optimizer in enumerate(optimizers):
        alone = network([run], "float32", **options)
        nn.fit(alone, optimizer, X, Y, epochs=3, batch_size=5)
        np.testing.assert_array_equal(together.parameters[run], alone.parameters[0])
        np.testing.assert_array_equal(together.statistics[run], alone.statistics[0])


def test_gradients_are_counted() -> None:
    trained = network([0, 1])
    stack = OptimizerStack.of(trained, [nn.SGD(sam=0.1), nn.SGD()])
    for _ in range(3):
        closure = Closure(trained, (X, Y))
        trained.backpropagate(X, Y)
        stack.step(trained.parameters, trained.gradients, closure=closure)
    assert stack.evaluations.tolist() == [6, 3]
    stack.keep([0])
    assert stack.evaluations.tolist() == [6]


@pytest.mark.parametrize("value", [0.0, np.inf, np.nan])
def test_other_runs_do_not_suffer_from_a_gradient(value: float) -> None:
    trained = network([0, 1, 2], "float32")
    stack = OptimizerStack.of(trained, [nn.SGD(sam=0.1), nn.SGD(sam=0.2), nn.SGD()])
    closure = Closure(trained, (X, Y))
    trained.backpropagate(X, Y)
    start = trained.parameters.copy()
    trained.gradients[0] = value
    with np.errstate(all="ignore"):
        stack.step(trained.parameters, trained.gradients, closure=closure)
    assert np.isfinite(trained.parameters[1:]).all()
    assert (trained.parameters[1:] != start[1:]).any(axis=1).all()


def test_a_line_search_beside_it_disturbs_nobody() -> None:
    optimizers = [nn.LBFGS(), nn.SGD(lr=0.1, sam=0.2), nn.Adam(), nn.LBFGS(lr=0.5)]
    together = network(range(4))
    nn.fit(together, optimizers, X, Y, epochs=5)
    for run, optimizer in enumerate(optimizers):
        alone = network([run])
        nn.fit(alone, optimizer, X, Y, epochs=5)
        np.testing.assert_array_equal(together.parameters[run], alone.parameters[0])
