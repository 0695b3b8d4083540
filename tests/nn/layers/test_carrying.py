"""States that go from batch to batch: streams read in pieces are read as if they were whole."""

import numpy as np
import pytest

import nn
from nn.batches import Batches
from nn.optimizers import rule
from nn.orders import Streams
from nn.speed import compile as fusion
from tests.nn.layers.helpers import network_of

KINDS = [nn.RNN, nn.LSTM, nn.GRU]


def layers_of(kind) -> list[nn.Layer]:
    return [kind(4, output="all"), kind(3, output="all"), nn.StepDense(3)]


def network(kind, length: int, *, carries: bool, seeds=(1, 2), dtype="float64") -> nn.Network:
    made = nn.Network(
        layers_of(kind), (2, length), loss=nn.CrossEntropy(), seeds=seeds, dtype=dtype,
        carries=carries,
    )  # fmt: skip
    for row, seed in enumerate(seeds):
        made.parameters[row] += np.random.default_rng(seed).normal(0, 0.3, made.layout.size)
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_pieces_of_a_stream_in_training(kind) -> None:
    x = np.random.default_rng(0).standard_normal((2, 5, 2, 12))
    whole = network(kind, 12, carries=False).forward(x, training=True).copy()
    pieces = network(kind, 3, carries=True)
    for _ in range(2):  # an epoch begins anew
        pieces.restart()
        for start in range(0, 12, 3):
            piece = np.ascontiguousarray(x[..., start : start + 3])
            logits = pieces.forward(piece, training=True)
            np.testing.assert_allclose(logits, whole[:, :, start : start + 3], rtol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rows", [1, 31, 32, 64, 70, 97])
def test_rows_in_evaluation_are_streams(kind, rows: int) -> None:
    """Up to 32 streams of adjacent rows, the last of which may be shorter."""
    x = np.random.default_rng(0).standard_normal((rows, 2, 3))
    length = -(-rows // min(rows, 32))
    found = network(kind, 3, carries=True).predict(x)
    for start in range(0, rows, length):
        stream = np.concatenate(list(x[start : start + length]), axis=1)[np.newaxis]
        whole = network(kind, stream.shape[2], carries=False).predict(stream)[:, 0]
        own = found[:, start : start + length]
        np.testing.assert_allclose(own.reshape(2, -1, 3), whole, rtol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("compiled", [False, True], ids=["numpy", "compiled"])
def test_gradients_end_at_the_first_step_of_a_batch(kind, compiled: bool, monkeypatch) -> None:
    """Central differences of a batch's loss, with the states of the batch before held."""
    monkeypatch.setattr(fusion, "COMPILE_AFTER", 0 if compiled else 1e9)
    made = network(kind, 3, carries=True)
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 4, 2, 3)), rng.integers(0, 3, (2, 4, 3))
    for _ in range(3):
        made.backpropagate(x, y)  # the states of three batches, and a captured step
    carried = {key: array.copy() for key, array in made.carried.items()}
    assert all(array.any() for array in carried.values())

    def loss() -> np.ndarray:
        for key, array in carried.items():
            made.carried[key][...] = array
        return made.losses(made.forward(x, training=True), y).mean(axis=1)

    expected = np.zeros_like(made.gradients)
    for column in range(made.layout.size):
        losses = []
        for sign in (1, -1):
            made.parameters[:, column] += sign * 1e-5
            losses.append(loss())
            made.parameters[:, column] -= sign * 1e-5
        expected[:, column] = (losses[0] - losses[1]) / 2e-5
    loss()
    for key, array in carried.items():
        made.carried[key][...] = array
    made.backpropagate(x, y)
    np.testing.assert_allclose(made.gradients, expected, atol=1e-8)


def trained(runs: list[int], *, evaluates: bool = False) -> np.ndarray:
    seeds = [[5, 6, 7][run] for run in runs]
    made = network(nn.LSTM, 3, carries=True, seeds=seeds, dtype="float32")
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((22, 2, 3)).astype(np.float32), rng.integers(0, 3, (22, 3))
    stack = nn.OptimizerStack.of(made, nn.Adam(lr=0.01))
    batches = Batches(x, y, 4, seeds, order=Streams())
    for _ in range(3):
        made.restart()
        for batch in batches.epoch():
            made.backpropagate(*batch)
            stack.step(made.parameters, made.gradients)
            if evaluates:
                made.predict(x[:9])
    return np.concatenate([made.parameters, made.predict(x).reshape(len(runs), -1)], axis=1)


@pytest.mark.parametrize("compiled", [False, True], ids=["numpy", "compiled"])
def test_a_run_alone_and_in_a_stack(compiled: bool, monkeypatch) -> None:
    for module in (fusion, rule):
        monkeypatch.setattr(module, "COMPILE_AFTER", 0 if compiled else 1e12)
    together = trained([2, 0, 1])
    for place, run in enumerate([2, 0, 1]):
        np.testing.assert_array_equal(together[place], trained([run])[0])


def test_evaluation_and_replaying_leave_no_trace(monkeypatch) -> None:
    expected = trained([0, 1])
    np.testing.assert_array_equal(trained([0, 1], evaluates=True), expected)
    monkeypatch.setattr("nn.speed.off", frozenset({"compile", "replay", "pages"}))
    np.testing.assert_array_equal(trained([0, 1]), expected)


@pytest.mark.parametrize(
    ("options", "reason"),
    [({"bidirectional": True}, "from their ends"), ({"learnt_state": True}, "is learnt")],
)
def test_layers_that_cannot_carry(options, reason: str) -> None:
    layers = [nn.GRU(2, output="all", **options), nn.StepDense(3)]
    with pytest.raises(ValueError, match=f"gru1 cannot carry its state .*{reason}"):
        nn.Network(layers, (1, 4), loss=nn.CrossEntropy(), carries=True)
    assert network_of(layers, (1, 4))
    block = [nn.Residual((layers[0], nn.StepDense(1))), nn.StepDense(3)]
    with pytest.raises(ValueError, match=f"residual1 cannot carry its state .*{reason}"):
        nn.Network(block, (1, 4), loss=nn.CrossEntropy(), carries=True)
