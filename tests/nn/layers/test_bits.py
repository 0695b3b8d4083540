"""Layers with shapes in a stack: the bits of a run alone, compiled or not, replayed or not."""

import itertools

import numpy as np
import pytest

import nn
from nn.activations import ReLU
from nn.optimizers import rule
from nn.speed import compile as fusion
from nn.speed.buffers import Workspace
from nn.speed.replay import Tape
from tests.nn.layers.helpers import batch, network_of, tanh


def relu() -> nn.Layer:
    return nn.layers.ActivationLayer(ReLU())


def norms(count: int) -> list[nn.Layer]:
    return [nn.BatchNorm(), nn.GroupNorm(2), nn.LayerNorm()][count : count + 1]


def head(units: int = 12) -> list[nn.Layer]:
    return [nn.Flatten(), nn.Dense(units), relu(), nn.Dense(3)]


NETWORKS = {
    "lenet": (
        (1, 12, 12),
        [nn.Conv2d(6, 5, padding=2), relu(), nn.MaxPool2d(2), nn.Conv2d(16, 3), relu(),
         nn.MaxPool2d(2), *head()],
    ),
    "sequence": (
        (1, 40),
        [nn.Conv1d(25, 5, 2, 1), relu(), nn.Conv1d(25, 3, 2, 1), relu(), nn.Conv1d(25, 3, 2, 1),
         relu(), nn.Flatten(), nn.Dense(3)],
    ),
    "residual": (
        (3, 6, 6),
        [nn.Conv2d(4, 3, padding=1), *norms(0), relu(),
         nn.Residual([nn.Conv2d(8, 3, 2, 1), *norms(1), relu(), nn.Conv2d(8, 3, padding=1)],
                     [nn.Conv2d(8, 1, 2)]),
         relu(), nn.Residual([nn.Conv2d(8, 1), *norms(2)]), nn.GlobalAvgPool(), nn.Dense(3)],
    ),
    "groups and overlaps": (
        (4, 7, 6),
        [nn.Conv2d(4, 3, groups=4, padding="same", padding_value=0.5), tanh(),
         nn.MaxPool2d(3, 2, 1), nn.Conv2d(6, 2, groups=2, dilation=2, padding=1),
         nn.AvgPool2d(2, 1), nn.ChannelDropout(0.3), nn.Dropout(0.2), *head(5)],
    ),
    "augmented": (
        (2, 6, 5),
        [nn.RandomShift(2, value=-1.0), nn.RandomFlip(), nn.Conv2d(3, 3), nn.RandomFlip(0.3),
         nn.RandomShift(), tanh(), *head(4)],
    ),
    "recurrent": (
        (2, 7),
        [nn.RNN(4, bidirectional=True, output="all", learnt_state=True),
         nn.LSTM(5, bidirectional=True, output="all"), nn.GRU(3, learnt_state=True), nn.Dense(3)],
    ),
    "recurrent, all outputs": (
        (1, 5), [nn.GRU(6, bidirectional=True, output="all"), *head()],
    ),
    "one channel, one output": (
        (1, 3, 3), [nn.Conv2d(1, 2), tanh(), nn.Flatten(), nn.Dense(1), nn.Dense(3)],
    ),
}  # fmt: skip

OPTIMIZERS = [nn.Adam(lr=0.01), nn.SGD(lr=0.1), nn.Muon(weight_decay=0.1), nn.Momentum(lr=0.05)]
SEEDS = [11, 12, 13, 14, 15]


def trained(
    name: str, runs: list[int], rows: int, *, shared: bool = False, steps: int = 6
) -> list[list[np.ndarray]]:
    """Weights and predictions of each run after some steps of two sizes of batches."""
    shape, layers = NETWORKS[name]
    seeds = [SEEDS[run] for run in runs]
    network = network_of(layers, shape, seeds=seeds, dtype="float32")
    optimizers = [OPTIMIZERS[run % len(OPTIMIZERS)] for run in runs]
    stack = nn.OptimizerStack.of(network, optimizers)
    batches = []
    for n in (rows, (rows + 1) // 2):
        each = []
        for seed in [0] if shared else seeds:
            rng = np.random.default_rng(seed)
            y = np.eye(3, dtype=np.float32)[rng.integers(0, 3, n)]
            each.append((rng.standard_normal((n, *shape), dtype=np.float32), y))
        batches.append([np.stack(arrays) for arrays in zip(*each, strict=True)])
    for _ in range(steps):
        for x, y in batches:
            network.backpropagate(x, y)
            stack.step(network.parameters, network.gradients)
    test = np.random.default_rng(9).standard_normal((23, *shape), dtype=np.float32)
    predictions = network.predict(test)
    return [[*network.weights(row).values(), predictions[row]] for row in range(len(runs))]


def assert_same(one: list[np.ndarray], other: list[np.ndarray]) -> None:
    assert len(one) == len(other)
    for left, right in zip(one, other, strict=True):
        assert np.isfinite(left).all()
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("rows", [1, 20])
@pytest.mark.parametrize("shared", [False, True], ids=["own", "shared"])
@pytest.mark.parametrize("compiled", [False, True], ids=["numpy", "compiled"])
def test_a_run_alone_and_in_a_stack(name, rows: int, shared: bool, compiled, monkeypatch) -> None:
    for module in (fusion, rule):
        monkeypatch.setattr(module, "COMPILE_AFTER", 0 if compiled else 1e12)
    together = trained(name, [3, 0, 4, 1, 2], rows, shared=shared)
    for place, run in enumerate([3, 0, 4, 1, 2]):
        assert_same(together[place], trained(name, [run], rows, shared=shared)[0])


@pytest.mark.parametrize("name", NETWORKS)
def test_compiled_and_replayed_or_neither(name: str, monkeypatch) -> None:
    for module in (fusion, rule):
        monkeypatch.setattr(module, "COMPILE_AFTER", 0)
    fast = trained(name, [0, 1, 2], 8)
    monkeypatch.setattr("nn.speed.off", frozenset({"compile", "replay", "pages"}))
    for one, other in zip(fast, trained(name, [0, 1, 2], 8), strict=True):
        assert_same(one, other)


def test_large_blocks_of_rows_follow_from_the_architecture(monkeypatch) -> None:
    """The bits of a product depend on its rows, so that a block must not depend on the stack."""
    monkeypatch.setattr("nn.network._SCRATCH", 9000)
    shape, layers = NETWORKS["lenet"]
    x = np.random.default_rng(0).standard_normal((200, *shape), dtype=np.float32)
    seeds = SEEDS[:3]
    network = network_of(layers, shape, seeds=seeds, dtype="float32")
    sizes = {logits.shape[1] for _, logits in network.logits(x)}
    assert max(sizes) == 9000 // max(layer.scratch(layer.at.shape) for layer in network.layers)
    alone = [network_of(layers, shape, seeds=[seed], dtype="float32") for seed in seeds]
    for row, one in enumerate(alone):
        np.testing.assert_array_equal(one.predict(x)[0], network.predict(x)[row])


@pytest.mark.parametrize("name", NETWORKS)
def test_evaluation_between_replayed_steps_leaves_no_trace(name: str) -> None:
    """Batches of several sizes share buffers, the edges of padded samples among them."""
    shape, layers = NETWORKS[name]
    test = np.random.default_rng(9).standard_normal((40, *shape), dtype=np.float32)
    trained_weights = []
    for evaluates in (False, True):
        network = network_of(layers, shape, seeds=SEEDS[:2], dtype="float32")
        x, y = batch(network, 8)
        for _ in range(5):
            network.backpropagate(x, y)
            network.parameters -= np.float32(0.05) * network.gradients
            if evaluates:
                network.predict(test)
                network.predict(test[:3])
        trained_weights.append(network.parameters.copy())
    np.testing.assert_array_equal(*trained_weights)


def test_blocks_of_vectors_have_512_rows() -> None:
    network = network_of([nn.Dense(100), tanh(), nn.Dense(3)], (50,), seeds=[0])
    x = np.zeros((1500, 50))
    assert [rows.stop - rows.start for rows, _ in network.logits(x)] == [512, 512, 476]


def goes_to_blas(array: np.ndarray) -> bool:
    """Whether BLAS takes a matrix: the numbers of a row, or of a column, are neighbours.

    Of others, and of rows that overlap, NumPy makes copies, or takes loops of its own that are many
    times slower.
    """
    size, (rows, columns) = array.itemsize, array.shape[-2:]
    row, column = array.strides[-2:]
    plain = (columns == 1 or column == size) and (rows == 1 or row >= columns * size)
    turned = (rows == 1 or row == size) and (columns == 1 or column >= rows * size)
    return plain or turned


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("rows", [1, 7])
def test_products_go_to_blas(name: str, rows: int, monkeypatch) -> None:
    seen = []

    class Watching(Tape):
        def __call__(self, function, *arguments) -> None:
            if function is np.matmul:
                seen.append(arguments)
            super().__call__(function, *arguments)

    monkeypatch.setattr("nn.network.Tape", Watching)
    trained(name, [0, 1], rows, steps=1)
    assert seen
    for a, b, out in seen:
        assert all(map(goes_to_blas, (a, b, out)))
        assert a.ctypes.data != b.ctypes.data  # the product of x.T and x is another routine's
        assert out.ndim >= 3  # a product for each run


def test_memory_of_a_step_is_bounded(monkeypatch) -> None:
    """Buffers take less than three times parameters, state, activations and columns."""
    allocated = []
    zeros = Workspace.zeros

    def counted(self, shape):
        allocated.append(int(np.prod(shape)))
        return zeros(self, shape)

    monkeypatch.setattr(Workspace, "zeros", counted)
    for name, rows in itertools.product(NETWORKS, (16,)):
        allocated.clear()
        shape, layers = NETWORKS[name]
        network = network_of(layers, shape, seeds=[0], dtype="float32")
        x = np.zeros((1, rows, *shape), np.float32)
        y = np.zeros((1, rows, 3), np.float32)
        y[..., 0] = 1
        network.backpropagate(x, y)
        needed = 2 * network.layout.size + x.size
        for layer in network.layers:
            at = layer.at.shape
            needed += rows * (layer.scratch(at) + int(np.prod(layer.output_shape(at))))
        assert sum(allocated) < 3 * needed
