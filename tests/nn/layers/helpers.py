"""One layer by itself, and small networks of layers with shapes."""

from collections.abc import Sequence

import numpy as np

import nn
from nn.activations import Tanh
from nn.layers.chain import Chain


def tanh() -> nn.Layer:
    return nn.layers.ActivationLayer(Tanh())


def network_of(
    layers: Sequence[nn.Layer],
    shape: tuple[int, ...],
    *,
    seeds=(1, 2),
    dtype="float64",
    padded: bool = False,
) -> nn.Network:
    """A network whose parameters are all away from their initial zeros and ones."""
    network = nn.Network(
        [*layers], shape, loss=nn.CrossEntropy(), seeds=seeds, dtype=dtype, padded=padded
    )
    for row, seed in enumerate(seeds):
        draws = np.random.default_rng(seed).normal(0, 0.3, network.layout.size)
        network.parameters[row] += draws.astype(dtype)
    return network


def batch(network: nn.Network, rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((network.runs, rows, *network.shape)).astype(network.dtype)
    classes = rng.integers(0, network.outputs, (network.runs, rows))
    if network.padded:
        lengths = rng.integers(1, network.shape[-1] + 1, (network.runs, rows))
        cut(x, lengths)
    return x, np.eye(network.outputs, dtype=network.dtype)[classes]


def cut(x: np.ndarray, lengths: np.ndarray) -> None:
    """End each sample of `x`, (..., channels, length), after so many steps."""
    ended = np.arange(x.shape[-1]) >= lengths[..., np.newaxis]
    np.copyto(x, np.nan, where=ended[..., np.newaxis, :])


class Alone:
    """A layer in float64 between batches of (rows, *shape), with the parameters given to it."""

    def __init__(self, layer: nn.Layer, shape: tuple[int, ...], **parameters) -> None:
        layers = [layer] if len(layer.output_shape(shape)) == 1 else [layer, nn.Flatten()]
        self.network = nn.Network(layers, shape, loss=nn.MeanSquaredError(), dtype="float64")
        self.layer = self.network.layers[0]
        for name, value in parameters.items():
            self.layer.at.parameters[name][0] = value
        self.chain = Chain([self.layer], takes=False, gives=False)

    def forward(self, x: np.ndarray) -> np.ndarray:
        return self.chain.forward(x[np.newaxis], training=True)[0].copy()

    def backward(self, grad: np.ndarray) -> np.ndarray:
        return self.chain.backward(grad[np.newaxis].copy(), input_gradient=True)[0].copy()

    def gradient(self, name: str) -> np.ndarray:
        return self.layer.at.gradients[name][0]
