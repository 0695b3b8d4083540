"""Samples that end before their last step: each gives what it gives alone, cut to its length."""

import numpy as np
import pytest

import nn
from nn.gradient_check import gradient_error
from nn.lengths import lengths_of
from nn.optimizers import rule
from nn.speed import compile as fusion
from tests.nn.layers.helpers import batch, cut, network_of

KINDS = [nn.RNN, nn.LSTM, nn.GRU]
LENGTHS = np.array([6, 1, 3, 5, 2])
OPTIONS = {"bidirectional": True, "learnt_state": True}


def samples(shape: tuple[int, ...], lengths: np.ndarray = LENGTHS, seed: int = 0) -> np.ndarray:
    x = np.random.default_rng(seed).standard_normal((len(lengths), *shape))
    cut(x, lengths)
    return x


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_each_sample_as_if_it_were_that_long(kind, bidirectional: bool) -> None:
    layers = [
        kind(4, output="all", bidirectional=bidirectional, learnt_state=True),
        kind(3, bidirectional=bidirectional),
        nn.Dense(2),
    ]
    padded = network_of(layers, (2, 6), padded=True)
    x = samples((2, 6))
    predictions = padded.predict(x)
    for row, length in enumerate(LENGTHS):
        alone = network_of(layers, (2, length))
        expected = alone.predict(x[row : row + 1, :, :length])
        np.testing.assert_allclose(predictions[:, row : row + 1], expected, rtol=1e-12)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("positions", ["sinusoidal", "learnt"])
def test_transformers_do_not_attend_beyond_the_end(causal: bool, positions: str) -> None:
    block = nn.transformer(1, 4, 3, heads=2, causal=causal, positions=positions)
    padded = network_of(block, (4, 6), padded=True)
    predictions = padded.predict(samples((4, 6)))
    assert np.isfinite(predictions).all()
    weights = padded.weights()
    for row, length in enumerate(LENGTHS):
        alone = network_of(block, (4, int(length)), seeds=[1])
        fitting = {
            name: values if values.shape != (4, 6) else values[:, :length]
            for name, values in weights.items()
        }
        alone.load(fitting)
        expected = alone.predict(samples((4, 6))[row : row + 1, :, :length])
        np.testing.assert_allclose(predictions[:1, row : row + 1], expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("causal", [False, True])
def test_gradients_of_transformers_by_central_differences(causal: bool) -> None:
    layers = nn.transformer(1, 4, 3, heads=2, causal=causal, positions="learnt")
    network = network_of(layers, (2, 6), padded=True)
    x, y = batch(network, 4)
    assert (gradient_error(network, x, y) < 1e-7).all()


@pytest.mark.parametrize("kind", KINDS)
def test_states_stay_after_the_end(kind) -> None:
    layer = kind(3, output="all", **OPTIONS)
    network = network_of([layer, nn.Flatten()], (2, 6), padded=True, seeds=[1])
    out = network.forward(samples((2, 6))[np.newaxis])[0].reshape(len(LENGTHS), 6, 6)
    start = network.weights()[f"{layer.name}1/reverse/state"]
    for states, length in zip(out, LENGTHS, strict=True):
        forward, reverse = states[:3], states[3:]
        np.testing.assert_array_equal(forward[:, length:], forward[:, [length - 1] * (6 - length)])
        np.testing.assert_array_equal(
            reverse[:, length:], start[:, np.newaxis] + 0 * reverse[:, length:]
        )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("compiled", [False, True], ids=["numpy", "compiled"])
def test_bits_if_no_sample_ends_early(kind, compiled: bool, monkeypatch) -> None:
    monkeypatch.setattr(fusion, "COMPILE_AFTER", 0 if compiled else 1e12)
    results = []
    for padded in (False, True):
        layers = [kind(4, output="all", **OPTIONS), kind(3), nn.Dense(3)]
        network = network_of(layers, (2, 5), padded=padded, dtype="float32")
        x, y = batch(network_of(layers, (2, 5), dtype="float32"), 7)
        for _ in range(4):
            network.backpropagate(x, y)
            network.parameters -= np.float32(0.1) * network.gradients
        results.append(network.parameters.copy())
    np.testing.assert_array_equal(*results)


NETWORKS = {
    "recurrent": [nn.LSTM(4, output="all", **OPTIONS), nn.GRU(3, **OPTIONS), nn.Dense(3)],
    "transformer": nn.transformer(1, 4, 3, heads=2, positions="learnt"),
}


def trained(runs: list[int], *, shared: bool, network_name: str = "recurrent") -> list[np.ndarray]:
    layers = NETWORKS[network_name]
    seeds = [[11, 12, 13][run] for run in runs]
    network = network_of(layers, (2, 6), padded=True, seeds=seeds, dtype="float32")
    stack = nn.OptimizerStack.of(network, nn.Adam(lr=0.01))
    sizes = []
    for rows in (8, 3):
        each = [
            [
                array[0]
                for array in batch(
                    network_of(layers, (2, 6), padded=True, seeds=[seed]), rows, seed
                )
            ]
            for seed in ([0] if shared else seeds)
        ]
        sizes.append([np.stack(a).astype(np.float32) for a in zip(*each, strict=True)])
    for _ in range(5):
        for x, y in sizes:
            network.backpropagate(x, y)
            stack.step(network.parameters, network.gradients)
        network.predict(samples((2, 6)))
    return [*network.parameters.copy(), *network.predict(samples((2, 6)))]


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("shared", [False, True], ids=["own", "shared"])
@pytest.mark.parametrize("compiled", [False, True], ids=["numpy", "compiled"])
def test_a_run_alone_and_in_a_stack(name: str, shared: bool, compiled: bool, monkeypatch) -> None:
    for module in (fusion, rule):
        monkeypatch.setattr(module, "COMPILE_AFTER", 0 if compiled else 1e12)
    together = trained([2, 0, 1], shared=shared, network_name=name)
    for place, run in enumerate([2, 0, 1]):
        parameters, predictions = trained([run], shared=shared, network_name=name)
        np.testing.assert_array_equal(together[place], parameters)
        np.testing.assert_array_equal(together[3 + place], predictions)


@pytest.mark.parametrize("name", NETWORKS)
def test_replayed_or_not(name: str, monkeypatch) -> None:
    fast = trained([0, 1], shared=False, network_name=name)
    monkeypatch.setattr("nn.speed.off", frozenset({"compile", "replay", "pages"}))
    for one, other in zip(fast, trained([0, 1], shared=False, network_name=name), strict=True):
        np.testing.assert_array_equal(one, other)


def test_other_layers_see_zeros() -> None:
    x = samples((2, 6))
    layers = [nn.Conv1d(3, 3, padding=1), nn.Flatten(), nn.Dense(2)]
    zeros = network_of(layers, (2, 6)).predict(np.nan_to_num(x))
    np.testing.assert_array_equal(network_of(layers, (2, 6), padded=True).predict(x), zeros)


def test_a_layer_that_cannot_know_where_samples_end() -> None:
    with pytest.raises(ValueError, match=r"gru1 reads samples of 3 steps, but.* have 6 and may"):
        network_of([nn.MaxPool1d(2), nn.GRU(2)], (1, 6), padded=True)
    network_of([nn.MaxPool1d(2), nn.Flatten(), nn.Dense(3)], (1, 6), padded=True)
    reading = nn.GRU(2, output="all")
    block = nn.Residual((reading, nn.StepDense(1)))
    network_of([block, nn.Flatten(), nn.Dense(3)], (1, 6), padded=True)
    halving = nn.Residual((nn.MaxPool1d(2), reading), (nn.Conv1d(2, 2, stride=2),))
    for layers in ([nn.MaxPool1d(2), block], [halving]):
        with pytest.raises(ValueError, match="residual1/gru1 reads samples of 3 steps, but"):
            network_of([*layers, nn.Flatten(), nn.Dense(3)], (1, 6), padded=True)


def test_a_mean_over_places_that_are_no_steps_is_refused() -> None:
    layers = [nn.Reshape((1, 2, 6)), nn.GlobalAvgPool(), nn.Dense(3)]
    network_of(layers, (2, 6))
    with pytest.raises(ValueError, match=r"globalavgpool1 sees samples of shape \(1, 2, 6\), but"):
        network_of(layers, (2, 6), padded=True)


def test_lengths() -> None:
    x = samples((2, 6))
    np.testing.assert_array_equal(lengths_of(x, (2, 6)), LENGTHS)
    np.testing.assert_array_equal(lengths_of(x.reshape(5, -1), (2, 6)), LENGTHS)
    np.testing.assert_array_equal(lengths_of(np.zeros((3, 1)), (1,)), [1, 1, 1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x.__setitem__((1, slice(None), 0), np.nan), "row 2 is a sequence without any"),
        (
            lambda x: x.__setitem__((0, slice(None), 3), np.nan),
            "row 1 lacks step 4, but has step 5",
        ),
        (lambda x: x.__setitem__((3, 1, 4), np.nan), "row 4 lacks some of the numbers of step 5"),
    ],
)
def test_what_is_no_sequence(change, message: str) -> None:
    x = samples((2, 6))
    change(x)
    with pytest.raises(ValueError, match=message):
        lengths_of(x, (2, 6))
    network = network_of([nn.GRU(2), nn.Dense(2)], (2, 6), padded=True, seeds=[1])
    with pytest.raises(ValueError, match=message):
        nn.fit(network, nn.SGD(), x, np.eye(2)[[0, 1, 0, 1, 0]], epochs=1)


def test_fit_learns_from_samples_of_all_lengths() -> None:
    rng = np.random.default_rng(3)
    x = np.where(rng.random((64, 1, 8)) < 0.5, -1.0, 1.0)
    lengths = rng.integers(1, 9, 64)
    cut(x, lengths)
    y = x[np.arange(64), 0, lengths - 1][:, np.newaxis]  # the last number before the end
    network = nn.Network([nn.GRU(6), nn.Dense(1)], (1, 8), loss=nn.MeanSquaredError(), padded=True)
    nn.fit(network, nn.Adam(lr=0.02), x, y, epochs=60, batch_size=16)
    assert network.loss(x, y)[0] < 0.05
    with pytest.raises(ValueError, match="infinite"):
        nn.fit(network, nn.Adam(), x * np.inf, y, epochs=1)
