"""Layers that say they do not look ahead give at each step what the steps before it determine."""

import numpy as np
import pytest

import nn
from nn.activations import Tanh
from nn.layers.shapes import check_causal, shapes_of

CHANNELS, LENGTH = 4, 7

CAUSAL = {
    "activation": nn.layers.ActivationLayer(Tanh()),
    "batch_norm": nn.layers.BatchNorm(),
    "channel_dropout": nn.layers.ChannelDropout(0.5),
    "conv1d of 1": nn.layers.Conv1d(3, kernel=1),
    "dropout": nn.layers.Dropout(0.5),
    "gru": nn.layers.GRU(3, output="all"),
    "lstm": nn.layers.LSTM(3, output="all"),
    "positions": nn.layers.Positions(),
    "residual": nn.layers.Residual([nn.layers.StepNorm(), nn.layers.SelfAttention(2, causal=True)]),
    "rnn": nn.layers.RNN(3, output="all"),
    "self_attention": nn.layers.SelfAttention(2, causal=True),
    "step_dense": nn.layers.StepDense(3),
    "step_norm": nn.layers.StepNorm(),
}
LOOKING_AHEAD = {
    "conv1d": nn.layers.Conv1d(3, kernel=3, padding="same"),
    "avgpool": nn.layers.AvgPool1d(2),
    "group_norm": nn.layers.GroupNorm(2),
    "gru": nn.layers.GRU(3, output="all", bidirectional=True),
    "layer_norm": nn.layers.LayerNorm(),
    "lstm": nn.layers.LSTM(3, output="all", bidirectional=True),
    "maxpool": nn.layers.MaxPool1d(2),
    "residual": nn.layers.Residual([nn.layers.StepNorm(), nn.layers.SelfAttention(2)]),
    "rnn": nn.layers.RNN(3, output="all", bidirectional=True),
    "self_attention": nn.layers.SelfAttention(2),
}


def seen_at(layer: nn.layers.Layer, step: int, changed: int) -> bool:
    """Whether an output at a step changes with an input at another."""
    steps = shapes_of([layer], (CHANNELS, LENGTH))[-1][-1]
    network = nn.Network(
        [layer, nn.layers.Flatten()], (CHANNELS, LENGTH), loss=nn.MeanSquaredError(), seeds=[1]
    )
    rng = np.random.default_rng(0)
    network.parameters += rng.normal(0, 0.5, network.parameters.shape).astype(np.float32)
    inputs = np.repeat(rng.normal(0, 1, (1, CHANNELS, LENGTH)), 2, axis=0).astype(np.float32)
    inputs[1, 0, changed] += 3
    one, other = network.predict(inputs)[0].reshape(2, -1, steps)
    return not np.allclose(one[:, step], other[:, step], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", CAUSAL)
def test_steps_do_not_depend_on_later_ones(name: str) -> None:
    layer = CAUSAL[name]
    check_causal([layer], shapes_of([layer], (CHANNELS, LENGTH)))
    assert not any(
        seen_at(layer, step, changed)
        for step in range(LENGTH)
        for changed in range(step + 1, LENGTH)
    )
    assert seen_at(layer, 2, 2)


@pytest.mark.parametrize("name", LOOKING_AHEAD)
def test_layers_that_look_ahead_are_named(name: str) -> None:
    layer = LOOKING_AHEAD[name]
    with pytest.raises(ValueError, match="looks at later steps"):
        check_causal([layer], shapes_of([layer], (CHANNELS, LENGTH)))
    assert seen_at(layer, 0, 1)


def test_every_layer_of_sequences_is_here() -> None:
    tested = {
        type(inner)
        for layer in [*CAUSAL.values(), *LOOKING_AHEAD.values()]
        for _, inner, _ in layer.leaves("layer", (CHANNELS, LENGTH))
    }
    axes = ("channels", "length")
    of_sequences = {
        kind for kind in vars(nn.layers).values() if getattr(kind, "axes", None) == axes
    }
    assert of_sequences <= tested, of_sequences - tested
