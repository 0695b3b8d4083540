"""A closure's losses are those whose gradients it computes."""

from collections.abc import Callable

import numpy as np
import pytest

import nn
from nn.optimizers.closure import Closure

RNG = np.random.default_rng(0)
X, CLASSES = RNG.integers(5, size=(1, 8, 6)), RNG.integers(3, size=(1, 8, 6))
WEIGHTS = RNG.uniform(0.2, 3, CLASSES.shape)
LACKING = CLASSES.copy()
LACKING[0, 0], LACKING[0, 1, 2:] = -1, -1


def of_steps(loss: nn.Loss, *batch: np.ndarray, padded: bool = False) -> Closure:
    layers = [nn.Embedding(5, 4), nn.StepDense(3)]
    network = nn.Network(layers, 6, loss=loss, dtype="float64", padded=padded)
    return Closure(network, [X, *batch])


def of_rows(loss: nn.Loss) -> Closure:
    network = nn.Network([nn.Dense(3)], 6, loss=loss, dtype="float64")
    return Closure(network, [X.astype(float), np.eye(3)[CLASSES[:, :, 0]], WEIGHTS[:, :, :1]])


SMOOTHED = nn.CrossEntropy(label_smoothing=0.2)


@pytest.mark.parametrize(
    "make",
    [
        lambda: of_rows(nn.CrossEntropy()),
        lambda: of_steps(nn.CrossEntropy(), CLASSES),
        lambda: of_steps(nn.CrossEntropy(), CLASSES, WEIGHTS),
        lambda: of_steps(SMOOTHED, CLASSES),
        lambda: of_steps(nn.CrossEntropy(), LACKING, padded=True),
        lambda: of_steps(SMOOTHED, LACKING, WEIGHTS, padded=True),
    ],
    ids=["rows", "steps", "weighted steps", "smoothed classes", "lacking targets", "all"],
)
def test_gradients_are_those_of_the_losses(make: Callable[[], Closure]) -> None:
    closure = make()
    network = closure._network
    closure.losses()
    gradients, theta = network.gradients[0].copy(), network.parameters[0]
    for place in range(theta.size):
        kept, values = theta[place], []
        for sign in (1, -1):
            theta[place] = kept + sign * 1e-5
            values.append(closure.losses()[0])
        theta[place] = kept
        assert (values[0] - values[1]) / 2e-5 == pytest.approx(gradients[place], abs=1e-8)
