"""Gradients of the layers with shapes against central differences, in float64, replayed."""

import numpy as np
import pytest

import nn
from nn.gradient_check import gradient_error
from nn.speed import compile as fusion
from tests.nn.layers.helpers import batch, cut, network_of, tanh

IMAGE, SEQUENCE = (2, 7, 6), (2, 9)
END = [nn.Flatten(), nn.Dense(3)]

NETWORKS = {
    "convolution": (IMAGE, [nn.Conv2d(3, 3), tanh(), *END]),
    "second convolution": (IMAGE, [nn.Conv2d(3, 3), tanh(), nn.Conv2d(2, (2, 3)), *END]),
    "one channel": ((1, 5, 5), [nn.Conv2d(1, 2), tanh(), nn.Conv2d(1, 2), *END]),
    "stride with a remainder": (
        IMAGE,
        [nn.Conv2d(3, 2, stride=2), tanh(), nn.Conv2d(2, 2, stride=(2, 1)), *END],
    ),
    "padding": (
        IMAGE,
        [nn.Conv2d(3, 3, padding=2), tanh(), nn.Conv2d(2, 3, padding=(1, 0), stride=2), *END],
    ),
    "padding with a value": (
        IMAGE,
        [nn.Conv2d(3, 2, padding="same", padding_value=-1), tanh(),
         nn.Conv2d(2, 4, padding="same", padding_value=0.5), *END],
    ),
    "more padding than places": (
        (1, 1, 2),
        [nn.Conv2d(2, 2, padding=4), tanh(), nn.Conv2d(2, 3, padding=3, stride=5), *END],
    ),
    "dilation": (
        IMAGE,
        [nn.Conv2d(2, 2, dilation=2), tanh(), nn.Conv2d(2, 3, dilation=(1, 2), padding=2), *END],
    ),
    "groups": (IMAGE, [nn.Conv2d(4, 3, groups=2), tanh(), nn.Conv2d(6, 2, groups=2), *END]),
    "depthwise": (IMAGE, [tanh(), nn.Conv2d(2, 3, groups=2, bias=False), tanh(),
                          nn.Conv2d(4, 3, groups=2, padding=1), nn.Conv2d(3, 1), *END]),
    "kernel of 1": (IMAGE, [nn.Conv2d(3, 1), tanh(), nn.Conv2d(2, 1), nn.Conv2d(2, 1, 2), *END]),
    "sequence": (
        SEQUENCE,
        [nn.Conv1d(3, 3, stride=2, padding=1), tanh(), nn.Conv1d(2, 2, dilation=3), *END],
    ),
    "maximum": (IMAGE, [nn.Conv2d(3, 2), tanh(), nn.MaxPool2d(2), *END]),
    "maximum with a remainder": (IMAGE, [nn.Conv2d(3, 1), nn.MaxPool2d(2), tanh(), *END]),
    "maximum that overlaps": (
        IMAGE, [nn.Conv2d(3, 1), tanh(), nn.MaxPool2d(3, 1), nn.MaxPool2d((1, 2), 3), *END],
    ),
    "maximum with padding": (
        IMAGE, [nn.Conv2d(3, 1), tanh(), nn.MaxPool2d(3, 2, 1), nn.MaxPool2d(2, 2, 1), *END],
    ),
    "maximum of a sequence": (SEQUENCE, [nn.Conv1d(2, 1), nn.MaxPool1d(3), nn.Conv1d(2, 2), *END]),
    "average": (IMAGE, [nn.Conv2d(3, 1), tanh(), nn.AvgPool2d(2), *END]),
    "average that overlaps": (
        IMAGE, [nn.Conv2d(3, 1), tanh(), nn.AvgPool2d(3, 2, 1), nn.AvgPool2d(2, 1), *END],
    ),
    "average of a sequence": (SEQUENCE, [nn.Conv1d(2, 1), nn.AvgPool1d(2, 3), *END]),
    "global average": (IMAGE, [nn.Conv2d(3, 2), tanh(), nn.GlobalAvgPool(), nn.Dense(3)]),
    "global average, then a normalization": (
        IMAGE, [nn.Conv2d(4, 2), nn.GlobalAvgPool(), nn.LayerNorm(), tanh(), nn.Dense(3)],
    ),
    "reshaped vectors": (
        (12,), [nn.Reshape((3, 2, 2)), nn.Conv2d(2, 2), tanh(), nn.Flatten(), tanh(), nn.Dense(3)],
    ),
    "reshaped images": (
        (4, 2, 2), [nn.Conv2d(4, 1), nn.Reshape((2, 8)), nn.Conv1d(2, 3), tanh(), *END],
    ),
    "vectors first": ((6,), [nn.Dense(8), tanh(), nn.Reshape((2, 4)), nn.Conv1d(2, 2), *END]),
    "residual": (
        IMAGE,
        [nn.Conv2d(3, 1),
         nn.Residual([nn.Conv2d(3, 3, padding=1), nn.BatchNorm(), tanh(),
                      nn.Conv2d(3, 3, padding=1)]), tanh(), *END],
    ),
    "residual with a projection": (
        IMAGE,
        [nn.Residual([nn.Conv2d(4, 3, padding=1, stride=2), tanh()], [nn.Conv2d(4, 1, stride=2)]),
         tanh(), nn.Residual([tanh(), nn.Residual([nn.Conv2d(4, 1)])]), *END],
    ),
    "residual of vectors": (
        (4,), [nn.Residual([nn.Dense(4), tanh()]), nn.Residual([tanh()], [nn.LayerNorm()]),
               nn.Dense(3)],
    ),
    **{
        f"{norm} of {shape}": (
            shape,
            [convolution(4, 2), norm, tanh(), convolution(4, 1), norm, tanh(), *END],
        )
        for norm in (nn.BatchNorm(), nn.LayerNorm(), nn.GroupNorm(2))
        for shape, convolution in ((IMAGE, nn.Conv2d), (SEQUENCE, nn.Conv1d))
    },
    **{
        f"{kind.name}, {output}, {length} steps{', ' * bool(options)}{', '.join(options)}": (
            (2, length),
            [nn.Conv1d(2, 1), kind(3, output=output, **options),
             *(END if output == "all" else [nn.Dense(3)])],
        )
        for kind in (nn.RNN, nn.LSTM, nn.GRU)
        for output, length, options in (
            ("last", 1, {}),
            ("last", 4, {"learnt_state": True}),
            ("last", 5, {"bidirectional": True}),
            ("all", 1, {"bidirectional": True, "learnt_state": True}),
            ("all", 4, {}),
            ("all", 5, {"bidirectional": True, "learnt_state": True}),
        )
    },
    "recurrent layers after each other": (
        SEQUENCE,
        [nn.LSTM(2, bidirectional=True, output="all"), nn.GRU(3, output="all"), nn.RNN(2),
         nn.Dense(3)],
    ),
    "normalization first": (IMAGE, [nn.BatchNorm(), nn.GroupNorm(1), nn.Conv2d(3, 2), *END]),
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("rows", [1, 4])
@pytest.mark.parametrize("compiled", [False, True], ids=["numpy", "compiled"])
def test_central_differences(name: str, rows: int, compiled: bool, monkeypatch) -> None:
    monkeypatch.setattr(fusion, "COMPILE_AFTER", 0 if compiled else 1e9)
    shape, layers = NETWORKS[name]
    network = network_of(layers, shape)
    x, y = batch(network, rows)
    assert gradient_error(network, x, y).max() < 1e-6
    first = network.gradients.copy()
    network.statistics[...] = 0
    for _ in range(3):  # captured, then replayed
        network.backpropagate(x, y)
    np.testing.assert_array_equal(network.gradients, first)


PADDED = {
    **{
        f"{kind.name}, {output}": [kind(3, output=output, bidirectional=True, learnt_state=True),
                                   *(END if output == "all" else [nn.Dense(3)])]
        for kind in (nn.RNN, nn.LSTM, nn.GRU)
        for output in ("last", "all")
    },
    "layers": [nn.Conv1d(3, 3, padding=1), nn.LSTM(2, bidirectional=True, output="all"),
               nn.GRU(3, output="all"), nn.RNN(2, bidirectional=True), nn.Dense(3)],
    "dense": [nn.Flatten(), nn.Dense(3)],
}  # fmt: skip


@pytest.mark.parametrize("name", PADDED)
@pytest.mark.parametrize("length", [1, 2, 5])
@pytest.mark.parametrize("compiled", [False, True], ids=["numpy", "compiled"])
def test_samples_that_end_early(name: str, length: int, compiled: bool, monkeypatch) -> None:
    monkeypatch.setattr(fusion, "COMPILE_AFTER", 0 if compiled else 1e9)
    network = network_of(PADDED[name], (2, length), padded=True)
    x, y = batch(network, 6)
    assert length == 1 or np.isnan(x).any()
    assert gradient_error(network, x, y).max() < 1e-6
    first = network.gradients.copy()
    for _ in range(3):  # captured, then replayed
        network.backpropagate(x, y)
    np.testing.assert_array_equal(network.gradients, first)


STEPWISE = {
    "lstm": [nn.LSTM(3, bidirectional=True, output="all"), nn.StepDense(3)],
    "gru": [nn.GRU(2, output="all"), nn.RNN(3, output="all", learnt_state=True), nn.StepDense(3)],
    "tokens": [nn.Embedding(4, 2), nn.GRU(3, output="all"), nn.StepDense(3)],
}


@pytest.mark.parametrize("name", STEPWISE)
@pytest.mark.parametrize("length", [1, 5])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("compiled", [False, True], ids=["numpy", "compiled"])
def test_steps_without_a_target(name, length, weighted: bool, compiled: bool, monkeypatch) -> None:
    """The mean over samples of the mean over the steps of each, with weights or without."""
    monkeypatch.setattr(fusion, "COMPILE_AFTER", 0 if compiled else 1e9)
    tokens = name == "tokens"
    network = network_of(STEPWISE[name], (length,) if tokens else (2, length), padded=True)
    rng = np.random.default_rng(2)
    lengths = rng.integers(1, length + 1, (network.runs, 6))
    ended = np.arange(length) >= lengths[..., np.newaxis]
    y = rng.integers(0, 3, ended.shape)
    y[ended | (rng.random(ended.shape) < 0.3)] = -1
    if tokens:
        x = np.where(ended, -1, rng.integers(0, 4, ended.shape))
    else:
        x = rng.standard_normal((network.runs, 6, 2, length))
        cut(x, lengths)
    weights = rng.random((network.runs, 6, length)) if weighted else None

    def loss() -> np.ndarray:
        outputs = network.objective.outputs(network.forward(x, training=True))
        counted = y >= 0
        own = np.take_along_axis(outputs, np.maximum(y, 0)[..., np.newaxis], 3)[..., 0]
        shares = counted / np.maximum(counted.sum(axis=2, keepdims=True), 1)
        shares = shares if weights is None else shares * weights
        return (-np.log(own) * shares).sum(axis=(1, 2)) / shares.sum(axis=(1, 2))

    if not weighted and (y >= 0).any(axis=2).all():
        logits = network.forward(x, training=True)
        np.testing.assert_allclose(network.losses(logits, y).mean(axis=1), loss(), rtol=1e-12)
    expected = np.zeros_like(network.gradients)
    for column in range(network.layout.size):
        losses = []
        for sign in (1, -1):
            network.parameters[:, column] += sign * 1e-5
            losses.append(loss())
            network.parameters[:, column] -= sign * 1e-5
        expected[:, column] = (losses[0] - losses[1]) / 2e-5
    for _ in range(4):  # captured, then replayed
        network.backpropagate(x, y, weights)
        np.testing.assert_allclose(network.gradients, expected, atol=1e-8)


@pytest.mark.parametrize("shape", [(3, 4, 5), (3, 4)])
@pytest.mark.parametrize(
    "random", [nn.ChannelDropout(0.4), nn.RandomShift(2), nn.RandomFlip()], ids=lambda r: r.name
)
def test_random_layers_with_what_they_drew(shape, random) -> None:
    convolution = nn.Conv2d if len(shape) == 3 else nn.Conv1d
    network = network_of([convolution(4, 2), random, *END], shape)
    x, y = batch(network, 3)

    def again() -> None:
        for run in range(network.runs):
            network.restore_random_states(run, states[run])

    states = [network.random_states(run) for run in range(network.runs)]
    network.backpropagate(x, y)
    expected = np.zeros_like(network.gradients)
    step = 1e-5
    for column in range(network.layout.size):
        losses = []
        for sign in (1, -1):
            network.parameters[:, column] += sign * step
            again()
            logits = network.forward(x, training=True)
            losses.append(network.objective.per_sample(logits, y).mean(axis=1))
            network.parameters[:, column] -= sign * step
        expected[:, column] = (losses[0] - losses[1]) / (2 * step)
    np.testing.assert_allclose(network.gradients, expected, atol=1e-8)
