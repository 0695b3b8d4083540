"""The models that a configuration can name; each builds a list of layers."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final, Literal

import nn
from experiments.config.limits import Depth, Units
from experiments.datasets import Dataset, Samples, Task
from nn.activations import Activation
from nn.component import AtMost, Component, Count, Finite, Interval, Probability
from nn.functions import Function
from nn.initializers import Initializer, Orthogonal, ScaledGaussian, Zeros
from nn.layers import Layer
from nn.layers.recurrent import Recurrent
from nn.layers.windows import Lengths, Padding, lengths
from nn.typing import Shape


@dataclass(frozen=True, kw_only=True)
class Model(Component):
    """Base of the models.

    Parameters
    ----------
    output_activation : Activation, optional
        Activation of the output layer; by default the one that matches the loss.
    """

    output_activation: Activation | None = None

    def input_shape(self, samples: Samples) -> Shape:
        """Return the shape in which the network takes samples.

        Parameters
        ----------
        samples : Samples
            The dataset's samples, of a shape such as (1, 28, 28) or (13,).

        Returns
        -------
        tuple of int
            By default (features,): the numbers of a sample in a row.

        Raises
        ------
        ValueError
            If the model is not for such samples.
        """
        return (math.prod(samples.shape),)

    @abstractmethod
    def layers(self, outputs: int, samples: Samples | None = None) -> list[Layer]:
        """Return the layers of a network.

        Parameters
        ----------
        outputs : int
            Width of the output layer.
        samples : Samples, optional
            The dataset's samples; by default rows of numbers, with one target each.

        Returns
        -------
        list of Layer
        """

    takes_sequences: ClassVar[bool] = False
    """Whether the model takes tokens, and targets for each step of a sequence."""

    def misfit(self, dataset: Dataset) -> str | None:
        """Describe why the model cannot be trained on a dataset; None if it can."""
        if (dataset.samples.tokens or dataset.samples.steps) and not self.takes_sequences:
            what = "sequences of tokens" if dataset.samples.tokens else "a target for each step"
            return (
                f"dataset {dataset.name} has {what}, which this model does not take; choose "
                "model=lstm, gru, rnn or transformer"
            )
        if dataset.task is Task.MINIMIZATION:
            return (
                f"dataset {dataset.name} displaces the point of a function to minimize, and a "
                "network has none; choose a function by dataset=rosenbrock, say"
            )
        return None


@dataclass(frozen=True, kw_only=True)
class MLP(Model):
    """Multilayer perceptron; without hidden layers, linear, logistic or softmax regression.

    Parameters
    ----------
    hidden : list of int, default [64]
        Width of each hidden layer; at most 1000 layers of at most a million units.
    activation : Activation, default ReLU
        Activation of the hidden layers.
    initializer : Initializer, optional
        Initializer of all weights. By default one that suits the activation for the hidden
        layers, and N(0, 1/fan_in) for the output layer.
    bias_initializer : Initializer, default Zeros
        Initializer of all biases.
    normalization : {"batch", "layer"}, optional
        Normalization before each hidden activation.
    dropout : float, default 0.0
        Dropout rate after each hidden layer, in [0, 1).
    """

    hidden: Annotated[tuple[Units, ...], Depth] = (64,)
    activation: Activation = nn.activations.ReLU()
    initializer: Initializer | None = None
    bias_initializer: Initializer = Zeros()
    normalization: Literal["batch", "layer"] | None = None
    dropout: Probability = 0.0

    def layers(self, outputs: int, samples: Samples | None = None) -> list[Layer]:
        return nn.mlp(
            self.hidden,
            outputs,
            activation=self.activation,
            initializer=self.initializer,
            bias_initializer=self.bias_initializer,
            dropout=self.dropout,
            normalization=self.normalization,
        )


@dataclass(frozen=True, kw_only=True)
class Sequential(Model):
    """A sequence of layers, followed by a dense output layer.

    Samples keep their shape if the first layer that names its axes needs them so, as a convolution
    does; otherwise the first layer gets vectors.

    Parameters
    ----------
    hidden_layers : list of Layer
        The layers before the output layer; after convolutions, the last one is `nn.layers.Flatten`.
    """

    hidden_layers: Annotated[tuple[Layer, ...], Depth]

    def input_shape(self, samples: Samples) -> Shape:
        axes = next((layer.axes for layer in self.hidden_layers if layer.axes is not None), ())
        return samples.shape if len(axes) > 1 else super().input_shape(samples)

    def layers(self, outputs: int, samples: Samples | None = None) -> list[Layer]:
        return [*self.hidden_layers, nn.Dense(outputs)]


@dataclass(frozen=True, kw_only=True)
class Convolutional(Model):
    """Base of the models of samples with channels: images, or sequences of several numbers.

    Parameters
    ----------
    dimensions : {1, 2}, default 2
        Number of axes of a sample beside the channels: 2 for images.
    shape : list of int, optional
        The shape of a sample, such as [3, 32, 32] or [1, 40]; by default that of the dataset's.
    activation : Activation, default ReLU
        Activation of the hidden layers.
    initializer : Initializer, optional
        Initializer of all weights. By default one that suits the activation for the hidden
        layers, and N(0, 1/fan_in) for the output layer.
    random_shift : int, default 0
        The most places by which each sample is shifted at random in training, in each direction;
        see :class:`nn.layers.RandomShift`.
    random_flip : bool, default False
        Whether half of the samples, chosen at random, are reversed from left to right in training.
    """

    dimensions: Literal[1, 2] = 2
    shape: Annotated[tuple[Count, ...], AtMost(3)] | None = None
    activation: Activation = nn.activations.ReLU()
    initializer: Initializer | None = None
    random_shift: Annotated[int, Interval(0)] = 0
    random_flip: bool = False

    def augmentation(self) -> list[Layer]:
        """Return the layers that change samples at random in training."""
        shift = [nn.RandomShift(self.random_shift)] if self.random_shift else []
        return [*shift, *([nn.RandomFlip()] if self.random_flip else [])]

    def input_shape(self, samples: Samples) -> Shape:
        given = _chosen(self.shape, samples.shape)
        if len(given) != 1 + self.dimensions:
            axes = "(channels, height, width)" if self.dimensions == 2 else "(channels, length)"
            example = [1, 28, 28] if self.dimensions == 2 else [1, 40]
            cure = f"Choose a dataset of images, or give model.shape, such as {example}"
            if len(given) > 1:
                cure = f"Give model.dimensions={len(given) - 1}"
            raise ValueError(
                f"it takes samples of shape {axes}, but those of the dataset are {given}. {cure}"
            )
        return given


@dataclass(frozen=True, kw_only=True)
class CNN(Convolutional):
    """Convolutional network: convolutions with pooling between them, then dense layers.

    Parameters
    ----------
    channels : list of int, default [16, 32]
        Number of channels of each convolution.
    kernels, strides, pools : int or list of int, default 3, 1 and 2
        Size of each convolution's kernel, its stride, and the size of the maximum pooling after
        it, 1 for none; one for all, or one for each convolution.
    padding : {"same", "valid"}, int or list of int, default "same"
        Places added around the samples of all convolutions, or of each; see
        :class:`nn.layers.convolution.Convolution`.
    dense : list of int, default [128]
        Width of each hidden dense layer.
    bias_initializer : Initializer, default Zeros
        Initializer of all biases.
    normalization : {"batch", "layer"}, optional
        Normalization before each hidden activation.
    dropout : float, default 0.0
        Dropout rate after each hidden dense layer, in [0, 1).
    """

    channels: Annotated[tuple[Units, ...], Depth] = (16, 32)
    kernels: Lengths = 3
    strides: Lengths = 1
    pools: Lengths = 2
    padding: Padding = "same"
    dense: Annotated[tuple[Units, ...], Depth] = (128,)
    bias_initializer: Initializer = Zeros()
    normalization: Literal["batch", "layer"] | None = None
    dropout: Probability = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("kernels", "strides", "pools", "padding"):
            value = getattr(self, name)
            if not isinstance(value, int | str) and len(value) != len(self.channels):
                raise ValueError(
                    f"{name} must be one number for all {len(self.channels)} convolutions, or one "
                    f"for each, but is {list(value)}"
                )

    def layers(self, outputs: int, samples: Samples | None = None) -> list[Layer]:
        depth, padding = len(self.channels), self.padding
        layers = nn.cnn(
            self.channels,
            outputs,
            kernels=lengths(self.kernels, depth, "kernels"),
            strides=lengths(self.strides, depth, "strides"),
            pools=lengths(self.pools, depth, "pools"),
            dense=self.dense,
            dimensions=self.dimensions,
            padding=(padding,) * depth if isinstance(padding, int | str) else padding,
            activation=self.activation,
            initializer=self.initializer,
            bias_initializer=self.bias_initializer,
            dropout=self.dropout,
            normalization=self.normalization,
        )
        return [*self.augmentation(), *layers]


@dataclass(frozen=True, kw_only=True)
class ResNet(Convolutional):
    """Residual network for small images (He et al. 2016, section 4.2); see :func:`nn.resnet`.

    Parameters
    ----------
    channels : list of int, default [16, 32, 64]
        Number of channels of each stage; from the second on, a stage halves the image.
    blocks : int, default 1
        Number of residual blocks of a stage.
    normalization : {"batch", "group"}, default "batch"
        Normalization after each convolution.
    """

    channels: Annotated[tuple[Units, ...], Depth] = (16, 32, 64)
    blocks: Annotated[int, Interval(1, 1_000)] = 1
    normalization: Literal["batch", "group"] = "batch"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.channels:
            raise ValueError("channels must name at least one stage, such as [16]")

    def layers(self, outputs: int, samples: Samples | None = None) -> list[Layer]:
        layers = nn.resnet(
            self.channels,
            outputs,
            blocks=self.blocks,
            dimensions=self.dimensions,
            activation=self.activation,
            initializer=self.initializer,
            normalization=self.normalization,
        )
        return [*self.augmentation(), *layers]


@dataclass(frozen=True, kw_only=True)
class RecurrentModel(Model):
    """Base of the models that read a sequence step by step; see :func:`nn.recurrent`.

    Parameters
    ----------
    units : list of int, default [64]
        Number of units of each recurrent layer.
    bidirectional : bool, default False
        Whether each layer reads the sequence from its end, too, with separate weights.
    output : {"last", "all"}, default "last"
        The input of the output layer: the state after the last step that is read, or the states
        after all steps. If each step has a target, the output layer sees one state at a time.
    learnt_state : bool, default False
        Whether the states before the first step are trained, from zero, or always zero.
    dropout : float, default 0.0
        Dropout rate between recurrent layers, in [0, 1).
    embedding : int, optional
        Number of numbers by which a token is represented, if the dataset has tokens; by default
        that of the first layer's units.
    tied : bool, default False
        Whether the output layer shares the weights of the embedding; see
        :class:`nn.layers.StepDense`.
    shape : list of int, optional
        The shape of a sample, (channels, length), such as [1, 40] or, for an image whose rows are
        read as channels, [28, 28]; by default that of the dataset's.
    initializer : Initializer, default ScaledGaussian
        Initializer of the weights of inputs and of the output layer.
    recurrent_initializer : Initializer, default Orthogonal
        Initializer of the weights of states, for each gate.
    bias_initializer : Initializer, default Zeros
        Initializer of all biases.
    """

    kind: ClassVar[type[Recurrent]]
    takes_sequences: ClassVar[bool] = True
    units: Annotated[tuple[Units, ...], Depth] = (64,)
    bidirectional: bool = False
    output: Literal["last", "all"] = "last"
    learnt_state: bool = False
    dropout: Probability = 0.0
    embedding: Units | None = None
    tied: bool = False
    shape: Annotated[tuple[Count, ...], AtMost(2)] | None = None
    initializer: Initializer = ScaledGaussian()
    recurrent_initializer: Initializer = Orthogonal()
    bias_initializer: Initializer = Zeros()

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.units:
            raise ValueError("units must name at least one recurrent layer, such as [64]")

    def input_shape(self, samples: Samples) -> Shape:
        return _sequence(self.shape, samples)

    def layers(self, outputs: int, samples: Samples | None = None) -> list[Layer]:
        samples = samples or Samples(())
        return nn.recurrent(
            self.kind,
            self.units,
            outputs,
            output="steps" if samples.steps else self.output,
            dropout=self.dropout,
            tokens=samples.tokens,
            embedding=self.embedding,
            tied=self.tied,
            initializer=self.initializer,
            bias_initializer=self.bias_initializer,
            **self.settings(),
        )

    def settings(self) -> dict[str, Any]:
        """Return the further settings of the recurrent layers."""
        return {
            "bidirectional": self.bidirectional,
            "learnt_state": self.learnt_state,
            "recurrent_initializer": self.recurrent_initializer,
        }


@dataclass(frozen=True, kw_only=True)
class RNN(RecurrentModel):
    """Simple recurrent network; the settings are those of all recurrent models."""

    kind: ClassVar[type[Recurrent]] = nn.RNN


@dataclass(frozen=True, kw_only=True)
class LSTM(RecurrentModel):
    """Network of long short-term memories.

    Parameters
    ----------
    forget_bias : float, default 1.0
        The number that is added to the initial biases of the forget gates.
    """

    kind: ClassVar[type[Recurrent]] = nn.LSTM
    forget_bias: Finite = 1.0

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "forget_bias": self.forget_bias}


@dataclass(frozen=True, kw_only=True)
class GRU(RecurrentModel):
    """Network of gated recurrent units; the settings are those of all recurrent models."""

    kind: ClassVar[type[Recurrent]] = nn.GRU


_GELU: Final = nn.activations.GELU(form="tanh")


@dataclass(frozen=True, kw_only=True)
class Transformer(Model):
    """Transformer of sequences; see :func:`nn.transformer`.

    Parameters
    ----------
    depth : int, default 2
        Number of blocks.
    width : int, default 64
        Number of channels between them; a multiple of the heads.
    heads : int, default 4
        Number of heads of the attention.
    expansion : int, default 4
        The width of a block's inner dense layer, as a multiple of `width`.
    causal : bool, optional
        Whether a step sees only itself and those before it; by default if each step has a target.
    positions : {"sinusoidal", "learnt"}, default "sinusoidal"
        The vectors for places; see :class:`nn.layers.Positions`.
    tied : bool, default False
        Whether the output layer shares the weights of the embedding, if each step has a target.
    dropout : float, default 0.0
        Dropout rate, in [0, 1), of the sum of tokens and places, and of what each block adds.
    shape : list of int, optional
        The shape of a sample, (channels, length), such as [1, 40]; by default the dataset's.
    activation : Activation, default GELU(form="tanh")
        Activation within blocks.
    initializer : Initializer, default ScaledGaussian
        Initializer of all weights but those of the embedding.
    """

    takes_sequences: ClassVar[bool] = True
    depth: Annotated[int, Interval(1, 1_000)] = 2
    width: Units = 64
    heads: Count = 4
    expansion: Annotated[int, Interval(1, 1_000)] = 4
    causal: bool | None = None
    positions: Literal["sinusoidal", "learnt"] = "sinusoidal"
    tied: bool = False
    dropout: Probability = 0.0
    shape: Annotated[tuple[Count, ...], AtMost(2)] | None = None
    activation: Activation = _GELU
    initializer: Initializer = ScaledGaussian()

    def input_shape(self, samples: Samples) -> Shape:
        return _sequence(self.shape, samples)

    def layers(self, outputs: int, samples: Samples | None = None) -> list[Layer]:
        samples = samples or Samples(())
        return nn.transformer(
            self.depth,
            self.width,
            outputs,
            heads=self.heads,
            expansion=self.expansion,
            tokens=samples.tokens,
            steps=samples.steps > 0,
            causal=self.causal,
            positions=self.positions,
            tied=self.tied,
            dropout=self.dropout,
            activation=self.activation,
            initializer=self.initializer,
        )


@dataclass(frozen=True, kw_only=True)
class Minimization(Model):
    """A function whose point is trained in place of a network's weights.

    Parameters
    ----------
    function : nn.functions.Function
        The function to minimize.
    """

    function: Function

    def layers(self, outputs: int, samples: Samples | None = None) -> list[Layer]:
        return [self.function]

    def misfit(self, dataset: Dataset) -> str | None:
        if dataset.task is Task.MINIMIZATION:
            return None
        return (
            f"{self.function.label} is a function to minimize, which learns nothing from "
            f"dataset {dataset.name}; choose model=mlp, say, or another dataset"
        )


def _chosen(given: tuple[int, ...] | None, shape: Shape) -> Shape:
    """Return the shape that a model's setting gives to the dataset's samples, if it gives one."""
    chosen = shape if given is None else tuple(given)
    if math.prod(chosen) != math.prod(shape):
        raise ValueError(
            f"model.shape={list(chosen)} has {math.prod(chosen)} numbers, and a sample of the "
            f"dataset has {math.prod(shape)}"
        )
    return chosen


def _sequence(given: tuple[int, ...] | None, samples: Samples) -> Shape:
    """Return the shape of sequences for a model's setting: that of tokens, or with channels."""
    if samples.tokens:
        return samples.shape
    chosen = _chosen(given, samples.shape)
    if len(chosen) != 2:
        raise ValueError(
            f"it takes samples of shape (channels, length), but those of the dataset are {chosen}. "
            "Choose a dataset of sequences, such as dataset=mnist1d, or give model.shape, such as "
            f"{[1, math.prod(chosen)]}"
        )
    return chosen
