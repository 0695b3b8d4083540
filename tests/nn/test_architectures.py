"""Multilayer perceptrons as lists of layers."""

import pytest

import nn
from nn.activations import Activation
from nn.initializers import He, LeCun, Normal, ScaledGaussian, Zeros
from nn.layers import ActivationLayer


def test_order_of_layers() -> None:
    layers = nn.mlp([4, 3], 2, dropout=0.25, normalization="batch")
    relu = ActivationLayer(nn.activations.ReLU())
    one = [nn.BatchNorm(), relu, nn.Dropout(0.25)]
    assert layers == [
        nn.Dense(4, He(), Zeros()),
        *one,
        nn.Dense(3, He(), Zeros()),
        *one,
        nn.Dense(2, ScaledGaussian(), Zeros()),
    ]


def test_nothing_that_is_not_asked_for() -> None:
    assert [type(layer) for layer in nn.mlp([4], 2)] == [nn.Dense, ActivationLayer, nn.Dense]
    assert type(nn.mlp([4], 2, normalization="layer")[1]) is nn.LayerNorm


def test_depth_0_is_one_affine_map() -> None:
    assert nn.mlp([], 3) == [nn.Dense(3)]
    assert nn.mlp([], 3, dropout=0.5, normalization="batch") == [nn.Dense(3)]


@pytest.mark.parametrize("activation", [Activation.named(name) for name in Activation.names()])
def test_hidden_weights_suit_the_activation(activation: Activation) -> None:
    layers = nn.mlp([4], 2, activation=activation)
    assert layers[0].initializer.name == activation.initializer
    assert layers[-1].initializer == ScaledGaussian()


def test_selu_takes_lecun() -> None:
    # Klambauer et al. 2017 need variance 1/fan_in.
    assert nn.mlp([4], 2, activation=nn.activations.SELU())[0].initializer == LeCun()


def test_initializers_of_one_s_own_are_for_all_layers() -> None:
    layers = nn.mlp([4], 2, initializer=Normal(0.5), bias_initializer=Normal(0.1))
    for layer in (layers[0], layers[-1]):
        assert layer == nn.Dense(layer.units, Normal(0.5), Normal(0.1))


def test_wrong_normalization() -> None:
    with pytest.raises(ValueError, match=r"normalization.*batch.*layer.*'group'"):
        nn.mlp([4], 2, normalization="group")


@pytest.mark.parametrize("rate", [1.0, -0.1])
def test_wrong_dropout(rate: float) -> None:
    with pytest.raises(ValueError, match="rate must be"):
        nn.mlp([4], 2, dropout=rate)
