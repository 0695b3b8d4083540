import pytest

import nn
from nn.summary import summary


def test_shapes_and_parameters_by_layer() -> None:
    layers = [
        nn.layers.Conv2d(4, kernel=3),
        nn.layers.MaxPool2d(2),
        nn.layers.Flatten(),
        nn.Dense(10),
    ]
    assert summary(layers, (1, 8, 8)).splitlines() == [
        "layer       output     parameters",
        "input       1 × 8 × 8",
        "conv2d1     4 × 6 × 6          40",
        "maxpool2d1  4 × 3 × 3",
        "flatten1    36",
        "dense1      10                370",
        "total                         410",
    ]


def test_a_layer_that_cannot_take_what_reaches_it() -> None:
    with pytest.raises(ValueError, match="conv2d1"):
        summary([nn.layers.Conv2d(4, kernel=3)], (7,))
