"""The layers that a model's settings stand for."""

from dataclasses import dataclass
from typing import Any

import pytest

import nn
from experiments.config.models import GRU, LSTM, MLP, RNN, Sequential
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


def test_recurrent_layers_before_the_last_give_all_outputs() -> None:
    assert RNN(units=(2,)).layers(3) == [nn.RNN(2), nn.Dense(3)]
    assert LSTM(units=(4, 2), forget_bias=0.5, bidirectional=True).layers(3) == [
        nn.LSTM(4, bidirectional=True, output="all", forget_bias=0.5),
        nn.LSTM(2, bidirectional=True, forget_bias=0.5),
        nn.Dense(3),
    ]
    assert GRU(units=(2,), output="all", learnt_state=True, bias_initializer=Filled(1)).layers(
        3
    ) == [
        nn.GRU(2, output="all", learnt_state=True, bias_initializer=Filled(1)),
        nn.Flatten(),
        nn.Dense(3, bias_initializer=Filled(1)),
    ]


def test_a_recurrent_model_has_a_layer() -> None:
    with pytest.raises(ValueError, match="at least one recurrent layer"):
        GRU(units=())
