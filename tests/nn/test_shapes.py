"""The shapes of samples: how they pass through layers, and what is refused in words."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

import nn
from nn.layers.shapes import names_of, shapes_of
from nn.parameters import Parameter


@dataclass
class PassingOn(nn.Layer):
    """A layer of an author who knows nothing of arrangements, for samples of any shape."""

    name: ClassVar[str] = "passing"

    def forward(self, x, training):
        return x

    def backward(self, grad, input_gradient):
        return grad


@dataclass
class OldWidth(PassingOn):
    units: int = 3

    def width(self, fan_in):
        return self.units


@dataclass
class OldParameters(PassingOn):
    def parameters(self, fan_in):
        return [Parameter("slope", (fan_in,))]


@dataclass
class WithAWidth(PassingOn):
    width: int = 3


def test_names_count_each_kind() -> None:
    assert names_of([nn.Dense(2), PassingOn(), nn.Dense(2)]) == ["dense1", "passing1", "dense2"]


def test_shapes_before_and_after_each_layer() -> None:
    assert shapes_of([nn.Dense(5), PassingOn(), nn.Dense(2)], (3,)) == [(3,), (5,), (5,), (2,)]


def test_a_wrong_number_of_axes_names_layer_shape_and_cure() -> None:
    with pytest.raises(
        ValueError,
        match=r"dense1 takes samples of shape \(features,\), but gets \(1, 8, 8\); .*Flatten",
    ):
        nn.Network([PassingOn(), nn.Dense(2)], (1, 8, 8), loss=nn.CrossEntropy())


def test_outputs_must_be_vectors() -> None:
    with pytest.raises(ValueError, match=r"passing1, gives samples of shape \(2, 3, 4\)"):
        nn.Network([PassingOn()], (2, 3, 4), loss=nn.MeanSquaredError())


def test_the_old_width_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match=r"oldwidth1|passing1: OldWidth has a method width"):
        nn.Network([OldWidth()], 4, loss=nn.MeanSquaredError())


def test_a_setting_called_width_is_no_old_method() -> None:
    assert nn.Network([WithAWidth(), nn.Dense(1)], 4, loss=nn.MeanSquaredError()).inputs == 4


def test_parameters_of_a_width_are_refused_in_words() -> None:
    with pytest.raises(ValueError, match=r"'slope' has the shape \(\(4,\),\).*gets the shape"):
        nn.Network([OldParameters()], 4, loss=nn.MeanSquaredError())


def test_a_number_of_features_is_a_shape() -> None:
    one, other = (nn.Network([nn.Dense(2)], n, loss=nn.CrossEntropy()) for n in (3, (3,)))
    assert one.shape == other.shape == (3,)
    np.testing.assert_array_equal(one.parameters, other.parameters)
