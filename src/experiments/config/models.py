"""The models that a configuration can name; each builds a list of layers."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, Literal

import nn
from experiments.config.limits import Depth, Units
from nn.activations import Activation
from nn.component import Component, Probability
from nn.initializers import Initializer, Zeros
from nn.layers import Layer
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

    def input_shape(self, shape: Shape) -> Shape:
        """Return the shape in which the network takes samples.

        Parameters
        ----------
        shape : tuple of int
            The shape of the dataset's samples, such as (1, 28, 28) or (13,).

        Returns
        -------
        tuple of int
            By default (features,): the numbers of a sample in a row.

        Raises
        ------
        ValueError
            If the model is not for such samples.
        """
        return (math.prod(shape),)

    @abstractmethod
    def layers(self, outputs: int) -> list[Layer]:
        """Return the layers of a network.

        Parameters
        ----------
        outputs : int
            Width of the output layer.

        Returns
        -------
        list of Layer
        """


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

    def layers(self, outputs: int) -> list[Layer]:
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

    def input_shape(self, shape: Shape) -> Shape:
        axes = next((layer.axes for layer in self.hidden_layers if layer.axes is not None), ())
        return shape if len(axes) > 1 else super().input_shape(shape)

    def layers(self, outputs: int) -> list[Layer]:
        return [*self.hidden_layers, nn.Dense(outputs)]
