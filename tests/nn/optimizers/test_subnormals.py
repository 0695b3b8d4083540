"""State that has decayed into the subnormal numbers, which are slow, is set to 0."""

import dataclasses

import numpy as np
import pytest

from nn.optimizers import Momentum, Optimizer, OptimizerStack
from nn.optimizers.rule import FLUSH_EVERY
from nn.parameters import Layout, Parameter
from tests.nn.optimizers.stepping import STEPPING
from tests.nn.speed.test_compile import assert_equal_bits, compile_after

LAYOUT = Layout([Parameter("w", (3, 4), decays=True), Parameter("b", (2,))])
STATEFUL = [name for name in STEPPING if Optimizer.named(name).slots()]
NEVER = 1 << 60


def subnormals(stack: OptimizerStack, run: int) -> int:
    """How many entries of a run's state are subnormal."""
    return sum(
        np.count_nonzero((array != 0) & (np.abs(array) < np.finfo(array.dtype).tiny))
        for array in stack.state(run).values()
    )


def started(
    optimizers: list[Optimizer], dtype: type, seeds: list[int]
) -> tuple[OptimizerStack, np.ndarray]:
    """Make a stack whose state is on its way down, and parameters; each run's by its seed."""
    stack = OptimizerStack(optimizers, LAYOUT, np.dtype(dtype))
    tiny = float(np.finfo(dtype).tiny)
    theta = np.empty((len(optimizers), LAYOUT.size), dtype)
    for run, seed in enumerate(seeds):
        rng = np.random.default_rng(seed)
        theta[run] = rng.standard_normal(LAYOUT.size)
        stack.restore(
            run,
            {
                name: (tiny * 10.0 ** rng.uniform(-7, 7, array.shape)).astype(dtype)
                if array.shape == (LAYOUT.size,)
                else array
                for name, array in stack.state(run).items()
            },
        )
    return stack, theta


def go_on(stack: OptimizerStack, theta: np.ndarray, steps: int) -> None:
    """Take steps without any gradient."""
    with np.errstate(all="ignore"):
        for _ in range(steps):
            stack.step(theta, np.zeros_like(theta))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("after", [0, NEVER], ids=["compiled", "NumPy"])
@pytest.mark.parametrize("name", STATEFUL)
def test_none_is_left_after_a_flush(name: str, after: int, dtype: type) -> None:
    with compile_after(after):
        stack, theta = started([Optimizer.named(name)] * 2, dtype, [0, 1])
        assert subnormals(stack, 0) > 0
        go_on(stack, theta, FLUSH_EVERY)
    assert stack.t == FLUSH_EVERY
    assert subnormals(stack, 0) == subnormals(stack, 1) == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_not_subnormal_stays_as_it_is(dtype: type) -> None:
    stack, _ = started([Momentum(momentum=1.0)], dtype, [0])
    tiny = np.finfo(dtype).tiny
    first = [tiny, -tiny, 1, np.inf, -np.inf, np.nan, tiny / 2, -tiny / 2, 0, np.finfo(dtype).max]
    (velocity,) = stack.state(0).values()
    velocity[: len(first)] = first
    stack.groups[0].rule.flush()
    expected = [tiny, -tiny, 1, np.inf, -np.inf, np.nan, 0, 0, 0, np.finfo(dtype).max]
    np.testing.assert_array_equal(velocity[: len(first)], np.array(expected, dtype))


def test_a_state_larger_than_a_block() -> None:
    where = Layout([Parameter("w", (1 << 18, 1), decays=True), Parameter("b", (5,))])
    stack = OptimizerStack([Momentum()] * 3, where, np.dtype(np.float32))
    stack.groups[0].rule.state["v"][...] = 1e-40
    stack.groups[0].rule.flush()
    assert not stack.groups[0].rule.state["v"].any()


def test_rules_of_ones_own_are_flushed_too() -> None:
    @dataclasses.dataclass(frozen=True)
    class Own(Momentum):
        name = ""

        @staticmethod
        def update(theta, g, s, c, work) -> None:
            s.v *= 0.9
            theta -= np.tanh(s.v)

    stack, theta = started([Own()], np.float32, [0])
    go_on(stack, theta, FLUSH_EVERY)
    assert subnormals(stack, 0) == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", STATEFUL)
def test_neither_the_stack_nor_a_resumption_shows(name: str, dtype: type) -> None:
    optimizers = [Optimizer.named(name, lr=lr) for lr in (0.1, 0.2, 0.3)]
    steps, pause = FLUSH_EVERY + 7, FLUSH_EVERY - 3
    alone = []
    for seed, optimizer in enumerate(optimizers):
        stack, theta = started([optimizer], dtype, [seed])
        go_on(stack, theta, steps)
        alone.append([theta[0], *stack.state(0).values()])
    stack, theta = started(optimizers, dtype, [0, 1, 2])
    go_on(stack, theta, pause)
    resumed = OptimizerStack(optimizers[1:], LAYOUT, np.dtype(dtype))
    resumed.t = stack.t
    for run in (0, 1):
        resumed.restore(run, stack.state(run + 1))
    rest = theta[1:].copy()
    go_on(resumed, rest, steps - pause)
    go_on(stack, theta, steps - pause)
    for run in range(3):
        assert_equal_bits([theta[run], *stack.state(run).values()], alone[run])
    for run in (0, 1):
        assert_equal_bits([rest[run], *resumed.state(run).values()], alone[run + 1])
