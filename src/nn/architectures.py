"""Ready-made architectures: lists of layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

from .activations import GELU, Activation, ReLU
from .initializers import Initializer, Normal
from .layers import (
    ActivationLayer,
    BatchNorm,
    Conv1d,
    Conv2d,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GlobalAvgPool,
    GroupNorm,
    Layer,
    LayerNorm,
    MaxPool1d,
    MaxPool2d,
    Positions,
    Residual,
    SelfAttention,
    StepDense,
    StepNorm,
)
from .layers.recurrent import Recurrent


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


def cnn(
    channels: Sequence[int],
    outputs: int,
    *,
    kernels: Sequence[int],
    strides: Sequence[int],
    pools: Sequence[int],
    padding: Sequence[Literal["same", "valid"] | int],
    dense: Sequence[int] = (),
    dimensions: Literal[1, 2] = 2,
    activation: Activation | None = None,
    initializer: Initializer | None = None,
    bias_initializer: Initializer | None = None,
    dropout: float = 0.0,
    normalization: Literal["batch", "layer"] | None = None,
) -> list[Layer]:
    """Convolutional network: convolution → normalization → activation → pooling, then an MLP.

    Parameters
    ----------
    channels : sequence of int
        Number of channels of each convolution.
    outputs : int
        Width of the output layer.
    kernels, strides, pools : sequence of int
        Size of each convolution's kernel, its stride, and the size of the maximum pooling after
        it, 1 for none.
    padding : sequence of {"same", "valid"} or int
        Padding of each convolution; see :class:`nn.layers.convolution.Convolution`.
    dense : sequence of int, default ()
        Width of each hidden dense layer.
    dimensions : {1, 2}, default 2
        Number of axes of a sample beside the channels: 2 for images.
    activation, initializer, bias_initializer, dropout, normalization
        See :func:`mlp`; dropout acts on the hidden dense layers.

    Returns
    -------
    list of Layer
    """
    activation = activation or ReLU()
    suited = initializer or Initializer.named(activation.initializer)
    biases = bias_initializer or Initializer.named("zeros")
    layers: list[Layer] = []
    settings = zip(channels, kernels, strides, padding, pools, strict=True)
    for count, kernel, stride, added, pool in settings:
        convolution = Conv1d if dimensions == 1 else Conv2d
        layers.append(
            convolution(
                count,
                kernel,
                stride=stride,
                padding=added,
                initializer=suited,
                bias_initializer=biases,
            )
        )
        if normalization is not None:
            layers.append(BatchNorm() if normalization == "batch" else LayerNorm())
        layers.append(ActivationLayer(activation))
        if pool > 1:
            layers.append(MaxPool1d(pool) if dimensions == 1 else MaxPool2d(pool))
    head = mlp(
        dense,
        outputs,
        activation=activation,
        initializer=initializer,
        bias_initializer=bias_initializer,
        dropout=dropout,
        normalization=normalization,
    )
    return [*layers, Flatten(), *head]


def resnet(
    channels: Sequence[int],
    outputs: int,
    *,
    blocks: int = 1,
    dimensions: Literal[1, 2] = 2,
    activation: Activation | None = None,
    initializer: Initializer | None = None,
    normalization: Literal["batch", "group"] = "batch",
) -> list[Layer]:
    """Residual network for small images, as He et al. 2016, section 4.2.

    A convolution, then in each stage `blocks` residual blocks of two convolutions with kernels of
    3; from the second stage on, the first block halves the image, and its shortcut is a
    convolution with a kernel of 1. The mean of each channel goes to the output layer.

    Parameters
    ----------
    channels : sequence of int
        Number of channels of each stage.
    outputs : int
        Width of the output layer.
    blocks : int, default 1
        Number of blocks of a stage.
    dimensions : {1, 2}, default 2
        Number of axes of a sample beside the channels: 2 for images.
    activation : Activation, default ReLU()
        Activation after the first convolution of a block and after each sum.
    initializer : Initializer, optional
        Initializer of all weights; by default as in :func:`mlp`.
    normalization : {"batch", "group"}, default "batch"
        Normalization after each convolution; there are 8 groups, or as many as divide 8 and the
        channels.

    Returns
    -------
    list of Layer
    """
    activation = activation or ReLU()
    suited = initializer or Initializer.named(activation.initializer)

    def normalized(count: int, kernel: int, stride: int) -> list[Layer]:
        convolution = Conv1d if dimensions == 1 else Conv2d
        padding = (kernel - 1) // 2
        norm = BatchNorm() if normalization == "batch" else GroupNorm(math.gcd(count, 8))
        return [
            convolution(
                count, kernel, stride=stride, padding=padding, bias=False, initializer=suited
            ),
            norm,
        ]

    layers = [*normalized(channels[0], 3, 1), ActivationLayer(activation)]
    before = channels[0]
    for stage, count in enumerate(channels):
        for block in range(blocks):
            stride = 2 if stage > 0 and block == 0 else 1
            path = [
                *normalized(count, 3, stride),
                ActivationLayer(activation),
                *normalized(count, 3, 1),
            ]
            changes = stride > 1 or count != before
            shortcut = normalized(count, 1, stride) if changes else []
            layers += [Residual(tuple(path), tuple(shortcut)), ActivationLayer(activation)]
            before = count
    last = initializer or Initializer.named("scaled_gaussian")
    return [*layers, GlobalAvgPool(), Dense(outputs, last)]


def recurrent(
    kind: type[Recurrent],
    units: Sequence[int],
    outputs: int,
    *,
    output: Literal["last", "all", "steps"] = "last",
    dropout: float = 0.0,
    tokens: int = 0,
    embedding: int | None = None,
    tied: bool = False,
    initializer: Initializer | None = None,
    bias_initializer: Initializer | None = None,
    **settings: Any,
) -> list[Layer]:
    """Recurrent network: recurrent layers, then a dense output layer.

    Parameters
    ----------
    kind : type of Recurrent
        RNN, LSTM or GRU.
    units : sequence of int
        Number of units of each recurrent layer.
    outputs : int
        Width of the output layer.
    output : {"last", "all", "steps"}, default "last"
        The states of the last recurrent layer that the output layer reads: that after the last step
        that is read, or those after all steps; with "steps" it reads one state at a time, and gives
        outputs for each step.
    dropout : float, default 0.0
        Dropout rate between recurrent layers, in [0, 1), of the outputs of every layer but the last
        at each step (Zaremba et al. 2014).
    tokens : int, default 0
        Number of different tokens if samples are sequences of tokens; then the network begins with
        their embedding.
    embedding : int, optional
        Number of numbers by which a token is represented; by default that of the first layer's
        units.
    tied : bool, default False
        Whether the output layer, of each step, shares the weights of the embedding. Then these
        begin with the deviation 1/√units, and not 1, so that outputs are not too large.
    initializer : Initializer, optional
        Initializer of the weights of inputs and of the output layer; N(0, 1/fan_in) by default.
    bias_initializer : Initializer, optional
        Initializer of all biases; zeros by default.
    **settings
        Further settings of the recurrent layers, such as ``bidirectional``.

    Returns
    -------
    list of Layer
    """
    weights = initializer or Initializer.named("scaled_gaussian")
    biases = bias_initializer or Initializer.named("zeros")
    shared = {"initializer": weights, "bias_initializer": biases, **settings}
    layers: list[Layer] = []
    for count in units[:-1]:
        layers.append(kind(count, output="all", **shared))
        if dropout != 0:
            layers.append(Dropout(dropout))
    layers.append(kind(units[-1], output="last" if output == "last" else "all", **shared))
    if tokens:
        layers.insert(0, embedded(tokens, embedding or units[0], tied=tied))
    if output == "steps":
        return [*layers, StepDense(outputs, tied and tokens > 0, weights, biases)]
    if output == "all":
        layers.append(Flatten())
    return [*layers, Dense(outputs, weights, biases)]


def transformer(
    layers: int,
    width: int,
    outputs: int,
    *,
    heads: int = 4,
    expansion: int = 4,
    tokens: int = 0,
    steps: bool = False,
    causal: bool | None = None,
    positions: Literal["sinusoidal", "learnt"] = "sinusoidal",
    tied: bool = False,
    dropout: float = 0.0,
    activation: Activation | None = None,
    initializer: Initializer | None = None,
) -> list[Layer]:
    """Build a transformer whose blocks normalize first (Vaswani et al. 2017; Xiong et al. 2020).

    A block is x + attention(norm(x)), then x + dense(activation(dense(norm(x)))), each step by
    itself. After the last block, one more normalization and the output layer.

    Parameters
    ----------
    layers : int
        Number of blocks.
    width : int
        Number of channels between them.
    outputs : int
        Width of the output layer.
    heads : int, default 4
        Number of heads of the attention.
    expansion : int, default 4
        Width of a block's inner dense layer, as a multiple of `width`.
    tokens : int, default 0
        Number of different tokens if samples are sequences of tokens, which an embedding turns into
        vectors; otherwise a dense layer takes the channels of each step.
    steps : bool, default False
        Whether there are outputs for each step; otherwise the output layer sees the mean of all.
    causal : bool, optional
        Whether a step sees only itself and those before it; by default if there are outputs for
        each step.
    positions : {"sinusoidal", "learnt"}, default "sinusoidal"
        The vectors for places; see :class:`nn.layers.Positions`.
    tied : bool, default False
        Whether the output layer, of each step, shares the weights of the embedding.
    dropout : float, default 0.0
        Dropout rate of the sum of tokens and places, and of what each block adds.
    activation : Activation, default GELU("tanh")
        Activation within blocks.
    initializer : Initializer, optional
        Initializer of all weights but those of the embedding; N(0, 1/fan_in) by default.

    Returns
    -------
    list of Layer
    """
    weights = initializer or Initializer.named("scaled_gaussian")
    inner = activation or GELU("tanh")
    dropped = [Dropout(dropout)] if dropout else []
    sees_past = steps if causal is None else causal
    first = embedded(tokens, width, tied=tied) if tokens else StepDense(width, False, weights)
    network: list[Layer] = [first, Positions(positions), *dropped]
    for _ in range(layers):
        attends = [StepNorm(), SelfAttention(heads, sees_past, weights), *dropped]
        computes = [
            StepNorm(),
            StepDense(expansion * width, False, weights),
            ActivationLayer(inner),
            StepDense(width, False, weights),
            *dropped,
        ]
        network += [Residual(tuple(attends)), Residual(tuple(computes))]
    network.append(StepNorm())
    if steps:
        return [*network, StepDense(outputs, tied and tokens > 0, weights)]
    return [*network, GlobalAvgPool(), Dense(outputs, weights)]


def embedded(tokens: int, units: int, *, tied: bool) -> Embedding:
    """Return an embedding, whose weights are small if the output layer shares them."""
    deviation = 1 / math.sqrt(units) if tied else 1.0
    return Embedding(tokens, units, Normal(std=deviation))
