"""The layers that a model's settings stand for."""

from dataclasses import dataclass
from typing import Any

import nn
from experiments.config.models import MLP, Sequential
from nn.activations import ReLU
from nn.initializers import Filled, Zeros
from nn.layers import Layer


def test_mlp_without_hidden_layers_is_a_regression() -> None:
    layers = MLP(hidden=(), dropout=0.5, normalization="batch").layers(3)
    assert layers == [nn.Dense(3)]


def test_an_initializer_acts_on_every_layer_unless_left_to_the_activation() -> None:
    given = MLP(hidden=(2, 2), initializer=Filled(1), bias_initializer=Filled(2)).layers(1)
    dense = [layer for layer in given if isinstance(layer, nn.Dense)]
    assert [(d.initializer, d.bias_initializer) for d in dense] == [(Filled(1), Filled(2))] * 3
    left = [layer for layer in MLP(hidden=(2,)).layers(1) if isinstance(layer, nn.Dense)]
    assert [d.initializer.name for d in left] == ["he", "scaled_gaussian"]
    assert [d.bias_initializer for d in left] == [Zeros()] * 2


def test_a_sequential_model_ends_in_a_dense_layer() -> None:
    @dataclass
    class Doubled(Layer):
        def forward(self, x: Any, training: bool) -> Any:
            return x * 2

        def backward(self, grad: Any, input_gradient: bool) -> Any:
            return grad * 2

    model = Sequential(hidden_layers=(Doubled(), nn.layers.ActivationLayer(ReLU())))
    assert model.layers(4) == [Doubled(), nn.layers.ActivationLayer(ReLU()), nn.Dense(4)]
