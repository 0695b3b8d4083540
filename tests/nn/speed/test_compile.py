"""Compiled loops give the bits of the NumPy code that they are recorded from."""

import contextlib
import dataclasses
import functools
import itertools
import random
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from nn import layers as layers_module
from nn.activations import Activation
from nn.losses import Loss
from nn.objective import Objective
from nn.optimizers import SGD, Optimizer, OptimizerStack
from nn.optimizers import rule as base
from nn.parameters import Layout, Parameter
from nn.speed import compile as fusion
from nn.speed import trace as recording
from nn.speed.buffers import Workspace
from nn.speed.compile import Fused
from tests.nn.optimizers.stepping import STEPPING
from tests.nn.own import names
from tests.nn.test_stacking import PROBLEMS, RUNS, assert_same_bits, optimizers, train

NEVER = 1 << 60
DTYPES = [np.float32, np.float64]
ELEMENTWISE = [
    name
    for name in STEPPING
    if not (Optimizer.named(name).reduces_over() or Optimizer.named(name).whole_matrices)
]

needs_llvmlite = pytest.mark.skipif(
    fusion._llvm() is None, reason="llvmlite, the extra `fast`, is not installed"
)


@contextlib.contextmanager
def compile_after(elements: int, times: int | None = None) -> Iterator[None]:
    """Compile rules after so many elements, and other code when NumPy has run it so many times."""
    seconds = itertools.count()
    with (
        mock.patch.object(base, "COMPILE_AFTER", elements),
        mock.patch.object(base, "_updated", Counter()),
        mock.patch.object(fusion, "COMPILE_AFTER", elements if times is None else times),
        mock.patch.object(fusion, "_spent", defaultdict(float)),
        mock.patch.object(fusion, "perf_counter", seconds.__next__),
    ):
        yield


def layout(weights: int, biases: int) -> Layout:
    return Layout([Parameter("w", (weights, 1), decays=True), Parameter("b", (biases,))])


def trajectory(
    optimizers: list[Optimizer], where: Layout, dtype: type, *, after: int, steps: int = 7
) -> tuple[list[np.ndarray], list[base.Rule]]:
    """Parameters and state after each step; gradients of all sizes, with zeros among them."""
    rng = np.random.default_rng(0)
    shape = (len(optimizers), where.size)
    theta = rng.standard_normal(shape).astype(dtype)
    seen = []
    with compile_after(after), np.errstate(all="ignore"):
        stack = OptimizerStack(optimizers, where, np.dtype(dtype))
        for step in range(steps):
            g = rng.standard_normal(shape) * 10.0 ** rng.integers(-25, 12, shape)
            g[rng.random(shape) < 0.1] = 0
            factor = np.full((len(optimizers), 1), 0.9**step)
            stack.step(theta, g.astype(dtype), factor)
            seen.append(theta.copy())
            for group in stack.groups:
                seen += [array.copy() for array in group.rule.state.values()]
    return seen, [group.rule for group in stack.groups]


def assert_equal_bits(actual: list[np.ndarray], expected: list[np.ndarray]) -> None:
    for a, e in zip(actual, expected, strict=True):
        np.testing.assert_array_equal(a, e)  # NaN equals NaN
        numbers = ~np.isnan(e)
        np.testing.assert_array_equal(np.signbit(a)[numbers], np.signbit(e)[numbers])


@needs_llvmlite
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("options", [{}, {"weight_decay": 0.1}, {"decay_biases": True}])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_every_elementwise_rule_is_compiled(name: str, options: dict, dtype: type) -> None:
    rules = [Optimizer.named(name, lr=lr, **options) for lr in (0.1, 0.2, 0.3)]
    numpy, (plain,) = trajectory(rules, layout(37, 5), dtype, after=NEVER)
    fused, (compiled,) = trajectory(rules, layout(37, 5), dtype, after=0)
    assert plain._compiled is None
    assert sum(part.stop - part.start for part, _ in compiled._compiled) == 42
    assert_equal_bits(fused, numpy)


@needs_llvmlite
@given(
    st.lists(optimizers(), min_size=1, max_size=5),
    st.integers(1, 70),
    st.integers(0, 40),
    st.sampled_from(DTYPES),
    st.integers(0, 600),
)
def test_any_rules_side_by_side(
    rules: list[Optimizer], weights: int, biases: int, dtype: type, after: int
) -> None:
    where = layout(weights, biases) if biases else Layout([Parameter("w", (weights, 1), True)])
    numpy, _ = trajectory(rules, where, dtype, after=NEVER)
    fused, _ = trajectory(rules, where, dtype, after=after)
    assert_equal_bits(fused, numpy)


@needs_llvmlite
@given(PROBLEMS, st.lists(RUNS, min_size=1, max_size=5), st.integers(0, 2000), st.integers(0, 4))
def test_whole_training(problem, runs, after: int, times: int) -> None:
    half = {2: list(range(0, len(runs), 2))}
    with np.errstate(all="ignore"):
        with compile_after(NEVER):
            numpy = train(problem, runs, half)
        with compile_after(after, times):
            fused = train(problem, runs, half)
    assert numpy.keys() == fused.keys()
    for run in numpy:
        assert_same_bits(fused[run], numpy[run])


def outputs_and_gradients(
    function: Activation, units: int, batches: list[int], dtype: type, *, after: int
) -> tuple[list[np.ndarray], nn.Network]:
    """What a layer of an activation makes of numbers of all sizes, forward and backward."""
    rng = np.random.default_rng(0)
    layers = [nn.Dense(units), layers_module.ActivationLayer(function), nn.Dense(3)]
    seen = []
    with compile_after(after), np.errstate(all="ignore"):
        network = nn.Network(layers, 4, loss=nn.CrossEntropy(), seeds=[0, 1, 2], dtype=dtype)
        network.parameters += 0.1
        for batch in batches:
            x = rng.standard_normal((3, batch, 4)) * 10.0 ** rng.integers(-4, 3, (3, batch, 1))
            logits = network.backpropagate(x, np.full((batch, 3), 1 / 3))
            seen += [logits.copy(), network.gradients.copy()]
            network.keep([0, 1, 2])
    return seen, network


@needs_llvmlite
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("units", [1, 3, 40])
@pytest.mark.parametrize("name", Activation.names())
def test_layers(name: str, units: int, dtype: type) -> None:
    function, batches = Activation.named(name), [5, 1, 33, 5, 5]
    numpy, _ = outputs_and_gradients(function, units, batches, dtype, after=NEVER)
    for after in (0, 2, 4):
        fused, _ = outputs_and_gradients(function, units, batches, dtype, after=after)
        assert_equal_bits(fused, numpy)


@needs_llvmlite
@pytest.mark.parametrize("name", sorted({*Activation.names()} - {"identity"}))
def test_which_activations_are_compiled(name: str) -> None:
    hidden = nn.mlp([3], 2, activation=Activation.named(name))
    network = nn.Network(hidden, 2, loss=nn.CrossEntropy())
    with compile_after(0):
        network.backpropagate(np.ones((4, 2)), np.full((4, 2), 0.5))
    dense, activation, _ = network.layers
    assert dense.add_bias._bound
    assert network._gradient._bound
    # The normal distribution is no ufunc; a hidden softmax has its columns next to each other.
    compiled = name not in ("gelu", "softmax")
    assert bool(activation.apply._bound) == bool(activation.apply_derivative._bound) == compiled


@needs_llvmlite
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("loss", names(Loss))
def test_gradients_of_losses(loss: str, dtype: type) -> None:
    objective = Objective(Loss.named(loss))
    rng = np.random.default_rng(0)
    for outputs, batch in itertools.product([1, 2, 33], [1, 11]):
        shape = (3, batch, outputs)
        logits = (rng.standard_normal(shape) * 10.0 ** rng.integers(-3, 4, shape)).astype(dtype)
        logits[rng.random(shape) < 0.1] = 0
        targets = rng.dirichlet(np.ones(outputs), (3, batch)).astype(dtype)
        for memory in ("array", "transposed"):
            results = []
            for after in (NEVER, 0):
                workspace = Workspace(np.dtype(dtype))
                place = getattr(workspace, memory)
                arrays = [place(i, shape) for i in range(3)]
                arrays[1][...], arrays[2][...] = logits, targets
                code = objective.fused_gradient(workspace)
                with compile_after(after), np.errstate(all="ignore"):
                    for _ in range(2):
                        code(*arrays)
                results.append(arrays[0].copy())
            assert_equal_bits(results[1:], results[:1])


@needs_llvmlite
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("ufunc", [np.add, np.maximum])
def test_what_is_done_to_columns(ufunc: np.ufunc, dtype: type) -> None:
    workspace = Workspace(np.dtype(dtype))
    rng = np.random.default_rng(0)
    for outputs, batch in itertools.product([1, 2, 7, 8, 9, 32], [2, 8, 17]):
        for runs in (1, 5):
            out, z = (workspace.transposed(i, (runs, batch, outputs)) for i in range(2))
            z[...] = rng.standard_normal(z.shape) * 10.0 ** rng.integers(-6, 7, z.shape)

            def code(out, z, work) -> None:
                np.divide(z, ufunc.reduce(z, axis=-1, keepdims=True), out=out)

            with compile_after(0):
                Fused(code, "", 0, workspace)(out, z)
            # NumPy takes one column after the other.
            total = functools.reduce(ufunc, [z[..., column] for column in range(outputs)])
            expected = z / total[..., np.newaxis]
            assert_equal_bits([out], [expected])
            code(out, z, ())
            assert_equal_bits([out], [expected])


@needs_llvmlite
def test_a_layer_takes_other_arrays_each_time() -> None:
    # As with an activation that is the first layer, whose inputs are the caller's.
    layers = [layers_module.ActivationLayer(nn.activations.LeakyReLU(0.5)), nn.Dense(1)]
    network = nn.Network(layers, 3, loss=nn.MeanSquaredError(), seeds=[0, 1])
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((6, 2, 4, 3)).astype(np.float32)
    inputs = [*inputs, inputs[0, :1], inputs[0].swapaxes(1, 2)[:, :3, :3], inputs[0][:, ::2]]
    with compile_after(NEVER):
        expected = [network.forward(x).copy() for x in inputs]
    with compile_after(0):
        actual = [network.forward(x).copy() for x in inputs]
    assert network.layers[0].apply._bound
    assert_equal_bits(actual, expected)


def temporaries_across_a_call(z, out, work) -> None:
    double = 2 * z
    np.exp(z, out=out)
    out += double


def a_call_without_memory(z, out, work) -> None:
    np.multiply(np.exp(z), 2, out=out)


def a_call_on_a_temporary(z, out, work) -> None:
    np.exp(2 * z, out=out)


def a_call_of_some(z, out, work) -> None:
    out.fill(1)
    np.exp(z, out=out, where=np.array(True))


def sums_of_rows(z, out, work) -> None:
    np.subtract(z, np.add.reduce(z, axis=-1, keepdims=True), out=out)


def sums_of_columns(z, out, work) -> None:
    np.subtract(z, np.add.reduce(z, axis=1, keepdims=True), out=out)


@pytest.mark.parametrize(
    "forward",
    [
        temporaries_across_a_call,
        a_call_without_memory,
        a_call_on_a_temporary,
        a_call_of_some,
        sums_of_rows,
        sums_of_columns,
    ],
)
def test_other_activations_stay_with_numpy(forward) -> None:
    @dataclasses.dataclass(frozen=True)
    class Own(Activation):
        name = ""

        def forward(self, z, out, work) -> None:
            forward(z, out, work)

        def backward(self, grad, z, a, out, work) -> None:
            np.multiply(grad, a, out=out)

    numpy, _ = outputs_and_gradients(Own(), 5, [4, 1], np.float32, after=NEVER)
    fused, network = outputs_and_gradients(Own(), 5, [4, 1], np.float32, after=0)
    assert_equal_bits(fused, numpy)
    with compile_after(0):
        network.forward(np.ones((3, 4, 4), np.float32))
    assert not network.layers[1].apply._bound


@needs_llvmlite
def test_what_numpy_calls_in_between_sees_what_was_written() -> None:
    def code(out, z, work) -> None:
        np.multiply(z, 3, out=work[0])
        np.negative(z, out=out)
        np.exp(work[0], out=work[1])
        np.tanh(out, out=out)
        out += work[1]
        np.log1p(work[0], out=work[0])
        out -= work[0]

    rng = np.random.default_rng(0)
    z, out, expected = rng.random((2, 3, 7)), np.empty((2, 3, 7)), np.empty((2, 3, 7))
    code(expected, z, np.empty((2, 2, 3, 7)))
    fused = Fused(code, "", 2, Workspace(np.dtype(np.float64)))
    with compile_after(0):
        fused(out, z)
    assert len(fused._bound[2, 3, 7][1]) == 6  # three loops and three calls
    np.testing.assert_array_equal(out, expected)


@needs_llvmlite
def test_captured_code_is_bound_to_each_of_the_arrays_it_runs_with() -> None:
    fused = Fused(
        lambda out, z, _: np.multiply(z, 3, out=out), "", 0, Workspace(np.dtype(np.float64))
    )
    z = np.random.default_rng(0).random((2, 1, 3, 4))
    out = np.zeros_like(z)
    steps = [(out[:, :, step], z[:, :, step]) for step in range(3)]
    with compile_after(0):
        for step in steps:
            fused(*step)
        calls = [call for step in steps for call in fused.calls(*step)]
    assert all(isinstance(call, fusion.Bound) for call in calls)
    out.fill(0)
    for call in calls:
        call()
    np.testing.assert_array_equal(out, 3 * z)


@needs_llvmlite
def test_an_activation_of_ones_own_is_compiled() -> None:
    @dataclasses.dataclass(frozen=True)
    class Square(Activation):
        name = ""

        def forward(self, z, out, work) -> None:
            np.multiply(z, np.abs(z), out=out)

        def backward(self, grad, z, a, out, work) -> None:
            np.abs(z, out=work[0])
            work[0] *= 2
            np.multiply(grad, work[0], out=out)

    numpy, _ = outputs_and_gradients(Square(), 5, [4] * 3, np.float32, after=NEVER)
    fused, network = outputs_and_gradients(Square(), 5, [4] * 3, np.float32, after=0)
    assert_equal_bits(fused, numpy)
    with compile_after(0):
        network.backpropagate(np.ones((4, 4)), np.ones((4, 3)))
    assert network.layers[1].apply._bound
    assert network.layers[1].apply_derivative._bound


def run(calls: list[fusion.Bound]) -> None:
    for call in calls:
        call()


SPECIAL = [0.0, -0.0, 1.0, -1.5, 3e-39, -1e-45, 1e38, -3e38, np.inf, -np.inf, np.nan]


@needs_llvmlite
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "ufunc", list(recording.INSTRUCTIONS), ids=[ufunc.__name__ for ufunc in recording.INSTRUCTIONS]
)
def test_every_instruction_on_special_values(ufunc: np.ufunc, dtype: type) -> None:
    a, b = (grid.reshape(1, -1).astype(dtype) for grid in np.meshgrid(SPECIAL, SPECIAL))
    inputs = [a, b][: ufunc.nin]

    def body(changed, read, numbers, scratch) -> None:
        ufunc(*read, out=changed[0])

    loop = fusion.fuse(body, changed=1, read=ufunc.nin, numbers=0, scratch=0, dtype=np.dtype(dtype))
    out = np.full_like(a, 7)
    run(loop.bind([array[np.newaxis] for array in (out, *inputs)]))
    with np.errstate(all="ignore"):
        expected = ufunc(*inputs)
    if ufunc in (np.maximum, np.minimum):  # where NumPy lets the place decide between 0 and -0
        out, expected = out + 0, expected + 0
    assert_equal_bits([out], [expected])


@needs_llvmlite
@pytest.mark.parametrize(
    "ufunc", list(recording.COMPARISONS), ids=[ufunc.__name__ for ufunc in recording.COMPARISONS]
)
def test_every_comparison_as_a_mask(ufunc: np.ufunc) -> None:
    a, b = (grid.reshape(1, -1).astype(np.float32) for grid in np.meshgrid(SPECIAL, SPECIAL))

    def body(changed, read, numbers, scratch) -> None:
        np.copyto(changed[0], 2, where=ufunc(*read))

    loop = fusion.fuse(body, changed=1, read=2, numbers=0, scratch=0, dtype=np.dtype("f"))
    out = np.full_like(a, 7)
    run(loop.bind([array[np.newaxis] for array in (out, a, b)]))
    np.testing.assert_array_equal(out, np.where(ufunc(a, b), 2, 7))


@needs_llvmlite
@pytest.mark.parametrize("columns", [17, 127, 128, 129, 1000])  # a block has 128
def test_only_the_columns_asked_for_change(columns: int) -> None:
    def body(changed, read, numbers, scratch) -> None:
        np.multiply(read[0], numbers[1], out=scratch[0])
        changed[0] += scratch[0]
        changed[0] -= 0.1

    loop = fusion.fuse(body, changed=1, read=1, numbers=2, scratch=1, dtype=np.dtype("f"))
    x = np.ones((3, columns + 20), np.float32)
    y = np.arange(x.size, dtype=np.float32).reshape(x.shape)
    numbers = np.array([[9, 1], [9, 2], [9, 3]], np.float32)
    arrays = [array[:, np.newaxis] for array in (x, y)]
    chosen = slice(13, 13 + columns)
    run(loop.bind([array[..., chosen] for array in arrays], numbers))
    expected = np.ones_like(x)
    expected[:, chosen] += y[:, chosen] * numbers[:, 1:]
    expected[:, chosen] -= np.float32(0.1)
    np.testing.assert_array_equal(x, expected)
    run(loop.bind([array[:0] for array in arrays], numbers[:0]))  # no runs
    run(loop.bind([array[..., :0] for array in arrays], numbers))  # no columns
    np.testing.assert_array_equal(x, expected)


def sums(theta, g, s, c, work) -> None:
    g /= np.sqrt(np.sum(g * g, axis=1, keepdims=True)) + 1
    theta -= g


def shapes(theta, g, s, c, work) -> None:
    theta -= np.full(theta.shape, c.lr, theta.dtype)


def double_precision(theta, g, s, c, work) -> None:
    g *= np.float64(1 / 3)
    theta -= g


def slices(theta, g, s, c, work) -> None:
    theta[:, ::2] -= g[:, ::2]


def another_function(theta, g, s, c, work) -> None:
    theta -= np.tanh(g, out=g)


def some_of_it(theta, g, s, c, work) -> None:
    np.multiply(g, c.lr, out=g, where=np.array([True]))
    theta -= g


def decides(theta, g, s, c, work) -> None:
    if c.lr < 0.2:  # as NumPy allows where all runs agree on one number
        g *= 2
    theta -= g


_calls = 0


def counted(theta, g, s, c, work) -> None:
    global _calls
    _calls += 1
    theta -= _calls * g


@pytest.mark.parametrize(
    "update",
    [sums, shapes, double_precision, slices, another_function, some_of_it, decides, counted],
)
def test_other_rules_stay_with_numpy(update) -> None:
    @dataclasses.dataclass(frozen=True)
    class Own(SGD):
        name = ""

    Own.update = staticmethod(update)
    global _calls
    _calls = 0
    numpy, _ = trajectory([Own(lr=0.3)], layout(9, 2), np.float32, after=NEVER)
    _calls = 0
    after, (rule,) = trajectory([Own(lr=0.3)], layout(9, 2), np.float32, after=0)
    assert not rule._compiled
    if update is not counted:  # which has been called to be looked at, too
        assert_equal_bits(after, numpy)


def test_random_numbers_are_not_frozen() -> None:
    generator = random.Random(0)

    def body(changed, read, numbers, scratch) -> None:
        changed[0] += generator.random()

    loop = fusion.fuse(body, changed=1, read=0, numbers=0, scratch=0, dtype=np.dtype("f"))
    assert loop is None


@needs_llvmlite
def test_a_rule_of_ones_own_is_compiled() -> None:
    @dataclasses.dataclass(frozen=True)
    class Signed(SGD):
        name = ""

        @staticmethod
        def update(theta, g, s, c, work) -> None:
            theta -= c.lr * np.sign(g) + 0.5 * np.abs(-g) / (1 + np.square(g))

    numpy, _ = trajectory([Signed()] * 2, layout(33, 3), np.float32, after=NEVER)
    fused, (rule,) = trajectory([Signed()] * 2, layout(33, 3), np.float32, after=0)
    assert rule._compiled
    assert_equal_bits(fused, numpy)


def test_coefficients_may_change_places() -> None:
    @dataclasses.dataclass(frozen=True)
    class Swapping(SGD):
        name = ""

        @staticmethod
        def coefficients(h, t):
            if t % 2:
                return {"lr": h.lr, "share": h.lr / 3}
            return {"share": h.lr / 3, "lr": h.lr}

        @staticmethod
        def update(theta, g, s, c, work) -> None:
            theta *= c.share
            theta -= c.lr * g

    numpy, _ = trajectory([Swapping()], layout(9, 2), np.float32, after=NEVER)
    fused, _ = trajectory([Swapping()], layout(9, 2), np.float32, after=0)
    assert_equal_bits(fused, numpy)


def test_arrays_that_do_not_fit_together_stay_with_numpy() -> None:
    where = layout(40, 2)
    results = []
    for after in (NEVER, 0):
        rng = np.random.default_rng(0)
        theta = np.asfortranarray(rng.standard_normal((3, 42)).astype(np.float32))
        g = rng.standard_normal((3, 42)).astype(np.float32)
        with compile_after(after):
            stack = OptimizerStack([Optimizer.named("adam")] * 3, where, np.dtype("f"))
            for _ in range(3):
                stack.step(theta, g.copy())
        results.append(theta)
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("after", [0, NEVER])
def test_parameters_that_must_not_change_are_left_alone(after: int) -> None:
    theta, g = np.ones((1, 4), np.float32), np.ones((1, 4), np.float32)
    theta.flags.writeable = False
    with compile_after(after):
        stack = OptimizerStack([Optimizer.named("adam")], layout(3, 1), np.dtype("f"))
        with pytest.raises(ValueError, match="read-only"):
            stack.step(theta, g)
    assert (theta == 1).all()


@pytest.mark.parametrize("after", [0, NEVER])
def test_arrays_may_be_others_in_each_step(after: int) -> None:
    gradients = np.random.default_rng(0).standard_normal((6, 2, 42)).astype(np.float32)
    results = []
    for others in (False, True):
        theta, g = np.ones((2, 42), np.float32), np.empty((2, 42), np.float32)
        with compile_after(after):
            stack = OptimizerStack([Optimizer.named("adam")] * 2, layout(40, 2), np.dtype("f"))
            for step, gradient in enumerate(gradients):
                if step == 3:
                    stack.keep([1])
                    theta, g = theta[1:], g[1:]
                if others:
                    theta, g = theta.copy(), g.copy()
                g[...] = gradient[-len(g) :]
                stack.step(theta, g)
        results.append(theta)
    np.testing.assert_array_equal(*results)


def test_without_llvmlite_numpy_does_it() -> None:
    program = (
        "import sys; sys.modules['llvmlite'] = None\n"
        "import numpy as np, nn\n"
        "from nn.optimizers import rule as base\n"
        "base.COMPILE_AFTER = 0\n"
        "network = nn.Network(nn.mlp([4], 1), 2, loss=nn.MeanSquaredError())\n"
        "stack = nn.OptimizerStack([nn.Adam()], network.layout, network.dtype)\n"
        "network.backpropagate(np.ones((3, 2)), np.ones((3, 1)))\n"
        "stack.step(network.parameters, network.gradients)\n"
        "assert stack.groups[0].rule._compiled == []\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_the_compiler_is_not_imported_before_it_pays() -> None:
    program = (
        "import sys, numpy as np, nn\n"
        "network = nn.Network(nn.mlp([4], 1), 2, loss=nn.MeanSquaredError())\n"
        "stack = nn.OptimizerStack([nn.Adam()], network.layout, network.dtype)\n"
        "network.backpropagate(np.ones((3, 2)), np.ones((3, 1)))\n"
        "stack.step(network.parameters, network.gradients)\n"
        "assert 'llvmlite' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
