"""Ready-made architectures: lists of layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from .activations import Activation, ReLU
from .initializers import Initializer
from .layers import ActivationLayer, BatchNorm, Dense, Dropout, Layer, LayerNorm


def mlp(
    hidden: Sequence[int],
    outputs: int,
    *,
    activation: Activation | None = None,
    initializer: Initializer | None = None,
    bias_initializer: Initializer | None = None,
    dropout: float = 0.0,
    normalization: Literal["batch", "layer"] | None = None,
) -> list[Layer]:
    """Multilayer perceptron: dense → normalization → activation → dropout, then dense.

    Parameters
    ----------
    hidden : sequence of int
        Width of each hidden layer. Without hidden layers the network is a linear, logistic or
        softmax regression, depending on the loss.
    outputs : int
        Width of the output layer.
    activation : Activation, default ReLU()
        Activation of the hidden layers.
    initializer : Initializer, optional
        Initializer of all weights. By default one that suits the activation for the hidden
        layers, and N(0, 1/fan_in) for the output layer.
    bias_initializer : Initializer, optional
        Initializer of all biases; zeros by default.
    dropout : float, default 0.0
        Dropout rate after each hidden layer, in [0, 1).
    normalization : {"batch", "layer"}, optional
        Normalization before each hidden activation; none by default.

    Returns
    -------
    list of Layer
    """
    if normalization not in ("batch", "layer", None):
        raise ValueError(f"normalization must be 'batch', 'layer' or None, not {normalization!r}")
    activation = activation or ReLU()
    suited = initializer or Initializer.named(activation.initializer)
    last = initializer or Initializer.named("scaled_gaussian")
    biases = bias_initializer or Initializer.named("zeros")
    layers: list[Layer] = []
    for units in hidden:
        layers.append(Dense(units, suited, biases))
        if normalization is not None:
            layers.append(BatchNorm() if normalization == "batch" else LayerNorm())
        layers.append(ActivationLayer(activation))
        if dropout != 0:
            layers.append(Dropout(dropout))
    return [*layers, Dense(outputs, last, biases)]
