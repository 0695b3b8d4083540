"""Lookahead around any optimizer."""

import numpy as np
import pytest

import nn
from nn.optimizers import OptimizerStack
from nn.parameters import Layout, Parameter

LAYOUT = Layout([Parameter("w", (4,), decays=True)])
GRADIENTS = np.random.default_rng(0).normal(size=(11, 4))


@pytest.mark.parametrize("rate", [0.5, 0.2, 1.0])
@pytest.mark.parametrize("steps", [1, 2, 5])
@pytest.mark.parametrize("inner", [nn.SGD(lr=0.1), nn.Adam(lr=0.1), nn.NAdam()], ids=str)
def test_steps_are_those_of_the_algorithm(inner: nn.Optimizer, steps: int, rate: float) -> None:
    settings = {**vars(inner), "lookahead": steps, "lookahead_rate": rate}
    stack = OptimizerStack([type(inner)(**settings)], LAYOUT, np.dtype(float))
    own = OptimizerStack([inner], LAYOUT, np.dtype(float))
    theta, fast, slow = np.ones((1, 4)), np.ones((1, 4)), np.ones((1, 4))
    for step, g in enumerate(GRADIENTS, 1):
        stack.step(theta, g[None].copy())
        own.step(fast, g[None].copy())
        if step % steps == 0:
            slow = slow + rate * (fast - slow)
            fast[...] = slow
        np.testing.assert_allclose(theta, fast, rtol=1e-13)
        rows, weights = stack.evaluated(theta)
        assert rows == [0]
        np.testing.assert_allclose(weights, slow, rtol=1e-13)


def test_runs_of_a_stack_have_their_own() -> None:
    optimizers = [
        nn.SGD(lookahead=2), nn.SGD(), nn.SGD(lookahead=3, lookahead_rate=0.1), nn.Adam(lookahead=2)
    ]  # fmt: skip
    together = OptimizerStack(optimizers, LAYOUT, np.dtype(np.float32))
    alone = [OptimizerStack([one], LAYOUT, np.dtype(np.float32)) for one in optimizers]
    theta = np.ones((4, 4), np.float32)
    each = [np.ones((1, 4), np.float32) for _ in optimizers]
    runs = [0, 1, 2, 3]
    for step, g in enumerate(GRADIENTS.astype(np.float32)):
        if step == 5:  # in the middle of k steps, a run leaves
            runs = [0, 2, 3]
            together.keep(runs)
            theta = theta[runs]
        together.step(theta, np.tile(g, (len(runs), 1)))
        for stack, own in zip(alone, each, strict=True):
            stack.step(own, g[None].copy())
        for row, run in enumerate(runs):
            np.testing.assert_array_equal(theta[row], each[run][0])
    rows, weights = together.evaluated(theta)
    assert rows == [0, 1, 2]
    for row, run in enumerate(runs):
        np.testing.assert_array_equal(weights[row], alone[run].evaluated(each[run])[1][0])


def test_the_slow_weights_are_part_of_the_state() -> None:
    stack = OptimizerStack([nn.Adam(lookahead=4)], LAYOUT, np.dtype(float))
    theta = np.ones((1, 4))
    for g in GRADIENTS[:6]:
        stack.step(theta, g[None].copy())
    again = OptimizerStack([nn.Adam(lookahead=4)], LAYOUT, np.dtype(float))
    again.restore(0, {name: array.copy() for name, array in stack.state(0).items()})
    again.t, copy = stack.t, theta.copy()
    for g in GRADIENTS[6:]:
        stack.step(theta, g[None].copy())
        again.step(copy, g[None].copy())
        np.testing.assert_array_equal(theta, copy)


@pytest.mark.parametrize("kind", [nn.ScheduleFreeSGD, nn.ScheduleFreeAdamW])
def test_it_is_refused_around_another_average(kind: type[nn.Optimizer]) -> None:
    with pytest.raises(ValueError, match="set lookahead to 0"):
        kind(lookahead=5)
