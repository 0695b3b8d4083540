"""L-BFGS and its line search."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nn
from nn.optimizers import LBFGS, OptimizerStack, ParameterGroup
from nn.optimizers.line_search import Point, strong_wolfe
from nn.parameters import Layout, Parameter

Function = Callable[[np.ndarray], tuple[float, np.ndarray]]

with np.load(Path(__file__).parents[2] / "fixtures" / "reference_optimizers.npz") as stored:
    REFERENCE = dict(stored)


def rosenbrock(x: np.ndarray) -> tuple[float, np.ndarray]:
    """The value and the gradient."""
    step, gap = 1 - x[:-1], x[1:] - x[:-1] ** 2
    gradient = np.zeros_like(x)
    gradient[:-1] = -400 * x[:-1] * gap - 2 * step
    gradient[1:] += 200 * gap
    return float((100 * gap**2 + step**2).sum()), gradient


class Evaluations:
    """The closure of functions of the rows of an array of parameters."""

    def __init__(self, theta: np.ndarray, functions: list[Function]) -> None:
        self.theta, self.functions = theta, functions
        self.gradients = np.zeros_like(theta)

    def __call__(self) -> None:
        self.losses()

    def losses(self) -> np.ndarray:
        found = [f(row) for f, row in zip(self.functions, self.theta, strict=True)]
        self.gradients[...] = [gradient for _, gradient in found]
        return np.array([value for value, _ in found])


def minimized(
    optimizers: list[nn.Optimizer],
    starts: list[list[float]],
    steps: int,
    functions: list[Function] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Parameters and evaluations after each step."""
    theta = np.array(starts, np.float64)
    closure = Evaluations(theta, functions or [rosenbrock] * len(theta))
    layout = Layout([Parameter("w", (theta.shape[1],), decays=True)])
    stack = OptimizerStack(optimizers, layout, theta.dtype)
    path, counts = [], []
    for _ in range(steps):
        if not stack.recall(closure.gradients):
            closure()
        stack.step(theta, closure.gradients, closure=closure)  # type: ignore[arg-type]
        path.append(theta.copy())
        counts.append(stack.evaluations.copy())
    return np.array(path), np.array(counts)


STARTS = {"lbfgs": [-1.2, 1.0, 0.5, -0.3], "lbfgs short": [2.0, -1.0, 0.0, 1.5]}
CASES: dict[str, nn.Optimizer] = {"lbfgs": LBFGS(), "lbfgs short": LBFGS(history=3, lr=0.3)}


@pytest.mark.parametrize("case", CASES)
def test_steps_are_those_of_pytorch(case: str) -> None:
    expected = REFERENCE[case]
    path, counts = minimized([CASES[case]], [STARTS[case]], len(expected))
    np.testing.assert_allclose(path[:, 0], expected, rtol=1e-6, atol=1e-9)
    # PyTorch evaluates the loss at the start of each step once more; ours does in the first.
    np.testing.assert_array_equal(counts[:, 0] - 1, REFERENCE[f"{case} evaluations"])


def test_a_stack_takes_the_steps_of_its_runs_alone() -> None:
    together, counts = minimized(list(CASES.values()), list(STARTS.values()), 40)
    for run, case in enumerate(CASES):
        alone, own = minimized([CASES[case]], [STARTS[case]], 40)
        np.testing.assert_array_equal(together[:, run], alone[:, 0])
        np.testing.assert_array_equal(counts[:, run], own[:, 0])


def test_weight_decay_is_a_penalty_of_the_loss() -> None:
    def penalized(x: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = rosenbrock(x)
        return value + 0.05 * float(x @ x), gradient + 0.1 * x

    path, _ = minimized([LBFGS(weight_decay=0.1)], [STARTS["lbfgs"]], 15)
    expected, _ = minimized([LBFGS()], [STARTS["lbfgs"]], 15, [penalized])
    np.testing.assert_allclose(path, expected, rtol=1e-9)


def test_it_goes_on_after_it_was_resumed() -> None:
    whole, _ = minimized([LBFGS(history=2)], [STARTS["lbfgs"]], 12)
    theta = np.array([STARTS["lbfgs"]])
    layout = Layout([Parameter("w", (4,), decays=True)])
    state: dict[str, np.ndarray] = {}
    for step in range(12):  # each of which is taken by another process
        closure = Evaluations(theta, [rosenbrock])
        stack = OptimizerStack([LBFGS(history=2)], layout, theta.dtype)
        if step:
            stack.restore(0, state)
            stack.t = step
        if not stack.recall(closure.gradients):
            closure()
        stack.step(theta, closure.gradients, closure=closure)  # type: ignore[arg-type]
        state = {name: array.copy() for name, array in stack.state(0).items()}
        np.testing.assert_array_equal(theta, whole[step])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_network_is_fitted_exactly(dtype: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 4))
    y = x @ rng.normal(size=(4, 1)) + 1
    network = nn.Network([nn.Dense(1)], 4, loss=nn.MeanSquaredError(), seeds=[0, 1], dtype=dtype)
    nn.fit(network, nn.LBFGS(), x, y, epochs=15)
    assert (network.loss(x, y) < 1e-9).all()


class TestHostileFunctions:
    def test_a_minimum_is_not_left(self) -> None:
        path, _ = minimized([LBFGS()], [[1.0, 1.0]], 3)
        assert (path == 1).all()

    @pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
    def test_where_the_loss_is_not_finite_the_step_is_shorter(self, value: float) -> None:
        def wall(x: np.ndarray) -> tuple[float, np.ndarray]:
            if x[0] > 0.5:
                return value, np.full_like(x, math.nan)
            return float(((x - 0.4) ** 2).sum()), 2 * (x - 0.4)

        path, _ = minimized([LBFGS(lr=10.0)], [[-3.0, 2.0]], 20, [wall])
        assert np.isfinite(path).all()
        if value != -math.inf:  # there is no lower value than that
            np.testing.assert_allclose(path[-1, 0], 0.4, atol=1e-4)

    def test_a_loss_that_is_not_finite_at_the_start_moves_nothing(self) -> None:
        def nowhere(x: np.ndarray) -> tuple[float, np.ndarray]:
            return math.nan, np.full_like(x, math.nan)

        path, _ = minimized([LBFGS()], [[1.0, 2.0]], 2, [nowhere])
        assert (path == [1.0, 2.0]).all()

    def test_a_loss_without_a_lower_bound_is_followed(self) -> None:
        path, _ = minimized([LBFGS()], [[0.0]], 2, [lambda x: (-float(x[0]), np.array([-1.0]))])
        assert path[-1, 0, 0] > 1e10

    @pytest.mark.parametrize("scale", [1e-200, 1e-9, 1e9, 1e160])
    def test_functions_of_any_scale(self, scale: float) -> None:
        def scaled(x: np.ndarray) -> tuple[float, np.ndarray]:
            value, gradient = rosenbrock(x)
            return scale * value, scale * gradient

        with np.errstate(over="ignore"):
            path, _ = minimized([LBFGS(tolerance=0.0)], [[-1.2, 1.0]], 60, [scaled])
        assert np.isfinite(path).all()


def searched(
    f: Callable[[float], tuple[float, float]], t: float, evaluations: int = 25
) -> tuple[Point, int]:
    """The point that a search returns, and how many places it tried."""
    search = strong_wolfe(Point(0.0, *f(0.0)), t, 1e-12, evaluations)
    place, count = next(search), 0
    while True:
        count += 1
        try:
            place = search.send(f(place))
        except StopIteration as stop:
            end: Point = stop.value
            return end, count


FUNCTIONS: dict[str, Callable[[float], tuple[float, float]]] = {
    "parabola": lambda t: ((t - 3) ** 2, 2 * (t - 3)),
    "quartic": lambda t: (t**4 - 5 * t**3 - t, 4 * t**3 - 15 * t**2 - 1),
    "wave": lambda t: (math.cos(3 * t) - t / 2 + t**2 / 50, -3 * math.sin(3 * t) - 0.5 + t / 25),
    "far": lambda t: (math.exp(-t) + 1e-6 * t, -math.exp(-t) + 1e-6),
}


@pytest.mark.parametrize("first", [1e-3, 0.1, 1.0, 20.0])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_search_fulfils_both_conditions(name: str, first: float) -> None:
    f = FUNCTIONS[name]
    value, slope = f(0.0)
    end, _ = searched(f, first, 100)
    assert end == (end.t, *f(end.t))
    assert end.value <= value + 1e-4 * end.t * slope
    assert abs(end.slope) <= 0.9 * abs(slope)


@pytest.mark.parametrize("most", [1, 2, 5])
def test_a_search_tries_no_more_places_than_it_may(most: int) -> None:
    end, count = searched(lambda t: (-t, -1.0), 1.0, most)
    assert count == most
    assert end.t > 0
    _, count = searched(lambda t: (0.0 if t == 0 else 1.0, -1.0), 1.0, most)
    assert count <= most


@pytest.mark.parametrize(
    "options",
    [
        {"sam": 0.1},
        {"lookahead": 5},
        {"groups": (ParameterGroup(parameters="biases"),)},
        {"history": 0},
        {"evaluations": 0},
    ],
)
def test_settings_that_do_not_go_with_it_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        LBFGS(**options)


def test_mini_batches_and_dropout_are_refused() -> None:
    network = nn.Network(nn.mlp([4], 1, dropout=0.5), 2, loss=nn.MeanSquaredError())
    with pytest.raises(ValueError, match="random numbers, such as dropout"):
        nn.fit(network, nn.LBFGS(), np.ones((5, 2)), np.ones((5, 1)), epochs=1)
    with pytest.raises(ValueError, match="leave out batch_size"):
        nn.fit(network, nn.LBFGS(), np.ones((5, 2)), np.ones((5, 1)), epochs=1, batch_size=2)


def test_a_step_without_a_closure_is_refused() -> None:
    stack = OptimizerStack([LBFGS()], Layout([Parameter("w", (2,))]), np.dtype(float))
    with pytest.raises(ValueError, match="needs a closure"):
        stack.step(np.zeros((1, 2)), np.ones((1, 2)))
