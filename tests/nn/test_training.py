"""Training in one call."""

import doctest

import numpy as np
import pytest

import nn
from nn import training
from nn.batches import Batches

RNG = np.random.default_rng(0)
X = RNG.standard_normal((23, 3))
Y = np.eye(4)[RNG.integers(0, 4, 23)]
SEEDS = [3, 0, 3]


def network(**options: object) -> nn.Network:
    layers = nn.mlp([6], 4, dropout=0.2)
    return nn.Network(layers, 3, loss=nn.CrossEntropy(), seeds=SEEDS, **options)


@pytest.mark.parametrize("batch_size", [None, 5, 23, 100])
@pytest.mark.parametrize(
    "optimizers", [nn.Adam(lr=0.05), [nn.SGD(), nn.Adam(), nn.Muon()]], ids=["one", "each"]
)
def test_it_is_the_loop_that_one_would_write(batch_size: int | None, optimizers: object) -> None:
    fitted, expected = network(), network()
    nn.fit(fitted, optimizers, X, Y, epochs=3, batch_size=batch_size)
    each = optimizers if isinstance(optimizers, list) else [optimizers] * 3
    stack = nn.OptimizerStack(each, expected.layout, expected.dtype)
    batches = Batches(X.astype(np.float32), Y.astype(np.float32), batch_size or 23, SEEDS)
    for _ in range(3):
        for x, y in batches.epoch():
            expected.backpropagate(x, y)
            stack.step(expected.parameters, expected.gradients)
    np.testing.assert_array_equal(fitted.parameters, expected.parameters)


def test_lists_of_numbers_do() -> None:
    fitted, expected = network(), network()
    nn.fit(fitted, nn.SGD(), X.tolist(), Y.tolist(), epochs=2, batch_size=5)
    nn.fit(expected, nn.SGD(), X, Y, epochs=2, batch_size=5)
    np.testing.assert_array_equal(fitted.parameters, expected.parameters)


@pytest.mark.parametrize("batch_size", [None, 5])
@pytest.mark.parametrize("weights", [None, "balanced"])
def test_class_indices_are_one_hot_targets(batch_size: int | None, weights: str | None) -> None:
    loss = nn.CrossEntropy(label_smoothing=0.1, class_weights=weights)
    fitted, expected = (nn.Network(nn.mlp([6], 4), 3, loss=loss, seeds=[1, 2]) for _ in range(2))
    nn.fit(fitted, nn.Adam(), X, Y.argmax(axis=1), epochs=2, batch_size=batch_size)
    nn.fit(expected, nn.Adam(), X, Y, epochs=2, batch_size=batch_size)
    np.testing.assert_array_equal(fitted.parameters, expected.parameters)


@pytest.mark.parametrize("padded", [False, True])
def test_a_target_for_each_step_is_learnt(padded: bool) -> None:
    tokens = np.random.default_rng(1).integers(0, 4, (40, 6))
    if padded:
        tokens[::2, 4:] = -1
    shifted = np.where(tokens < 0, -1, np.roll(tokens, 1, axis=1))  # what was read one step before
    shifted[:, 0] = tokens[:, 0]
    layers = nn.recurrent(nn.layers.GRU, [12], 4, tokens=4, output="steps")
    recurrent = nn.Network(layers, (6,), loss=nn.CrossEntropy(), seeds=[0, 1], padded=padded)
    nn.fit(recurrent, nn.Adam(lr=0.03), tokens, shifted, epochs=60, batch_size=10)
    assert (recurrent.loss(tokens, shifted) < 0.2).all()


@pytest.mark.parametrize(
    ("x", "y", "options", "message"),
    [
        (X[:, :2], Y, {}, r"x must have shape \(n, 3\), but has \(23, 2\)"),
        (X, Y.argmax(axis=1) / 2, {}, r"targets have shape \(23,\), not \(23, 4\)"),
        (X, Y.argmax(axis=1) + 1, {}, "must lie between 0 and 3, but range from 1 to 4"),
        (X, [Y, Y, Y], {}, "targets have an axis of 3 runs; give the same to all"),
        (X[:5], Y, {}, r"targets have shape \(23, 4\), not \(5, 4\)"),
        (X[np.newaxis], Y[np.newaxis], {}, r"but has \(1, 23, 3\)"),
        (X[:0], Y[:0], {}, r"but has \(0, 3\)"),
        (1.0, 2.0, {}, r"x must have shape \(n, 3\), but has \(\)"),
        (np.where(X > 1, 1e39, X), Y, {}, "x holds a number that is NaN, or infinite in float32"),
        (X, 2 * Y - 1, {}, r"targets in \[0, 1\], but they range from -1 to 1"),
        (X, Y + 0j, {}, "targets must be real numbers, but are complex128"),
        (X, 0 * Y, {}, "sum to 1 in each row, .* but a row sums to 0"),
        (X, Y, {"batch_size": 0}, "batch_size must be at least 1, but is 0"),
        (
            X,
            Y,
            {"optimizers": nn.Rprop(), "batch_size": 22},
            "rprop needs all 23 rows in every step",
        ),
        (X, Y, {"optimizers": [nn.SGD()] * 2}, "2 optimizers for 3 runs"),
    ],
)
def test_what_does_not_fit_is_refused(x, y, options: dict, message: str) -> None:
    arguments = {"optimizers": nn.SGD(), "epochs": 1, **options}
    stack = network()
    before = stack.parameters.copy()
    with pytest.raises(ValueError, match=message):
        nn.fit(stack, arguments.pop("optimizers"), x, y, **arguments)
    np.testing.assert_array_equal(stack.parameters, before)


def test_rprop_trains_with_all_rows() -> None:
    trained = nn.Network(nn.mlp([6], 4), 3, loss=nn.CrossEntropy(), seeds=SEEDS)
    before = trained.loss(X, Y)
    nn.fit(trained, nn.Rprop(), X, Y, epochs=30, batch_size=23)
    assert (trained.loss(X, Y) < 0.8 * before).all()


def test_example_in_the_docstring() -> None:
    outcome = doctest.testmod(training)
    assert outcome.attempted > 3
    assert outcome.failed == 0


def test_a_sample_without_any_token_is_refused() -> None:
    layers = [nn.Embedding(5, 4), nn.LSTM(3), nn.Dense(4)]
    padded = nn.Network(layers, 3, loss=nn.CrossEntropy(), padded=True)
    x = np.array([[1, 2, 0], [3, -1, -1], [-1, -1, -1]])
    nn.fit(padded, nn.SGD(), x[:2], Y[:2], epochs=1)
    with pytest.raises(ValueError, match="row 3 is a sequence without any step"):
        nn.fit(padded, nn.SGD(), x, Y[:3], epochs=1)
