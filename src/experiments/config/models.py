"""The models that a configuration can name; each builds a list of layers."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, Literal

import nn
from experiments.config.limits import Depth, Units
from experiments.datasets import Dataset, Task
from nn.activations import Activation
from nn.component import Component, Probability
from nn.functions import Function
from nn.initializers import Initializer, Zeros
from nn.layers import Layer


@dataclass(frozen=True, kw_only=True)
class Model(Component):
    """Base of the models.

    Parameters
    ----------
    output_activation : Activation, optional
        Activation of the output layer; by default the one that matches the loss.
    """

    output_activation: Activation | None = None

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

    def misfit(self, dataset: Dataset) -> str | None:
        """Describe why the model cannot be trained on a dataset; None if it can."""
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

    Parameters
    ----------
    hidden_layers : list of Layer
        The layers before the output layer.
    """

    hidden_layers: Annotated[tuple[Layer, ...], Depth]

    def layers(self, outputs: int) -> list[Layer]:
        return [*self.hidden_layers, nn.Dense(outputs)]


@dataclass(frozen=True, kw_only=True)
class Minimization(Model):
    """A function whose point is trained in place of a network's weights.

    Parameters
    ----------
    function : nn.functions.Function
        The function to minimize.
    """

    function: Function

    def layers(self, outputs: int) -> list[Layer]:
        return [self.function]

    def misfit(self, dataset: Dataset) -> str | None:
        if dataset.task is not Task.MINIMIZATION:
            return (
                f"{self.function.label} is a function to minimize, which learns nothing from "
                f"dataset {dataset.name}; choose model=mlp, say, or another dataset"
            )
        return self.function.misfit(dataset.features)
