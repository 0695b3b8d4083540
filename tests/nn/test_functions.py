"""Functions to minimize: values, gradients, minima, and the recipe of a published one."""

import math
from dataclasses import replace

import numpy as np
import pytest

import nn
from nn.functions import (
    Absolute,
    Beale,
    Branin,
    Eigenvalues,
    Function,
    Linear,
    Quadratic,
    Rosenbrock,
)
from nn.functions.quadratic import random_rotation
from nn.gradient_check import gradient_error

DEEP = Quadratic(spectrum=(Eigenvalues(0.9, 0, 1), Eigenvalues(0.1, 30, 60)))
ALL = [Absolute(), Beale(), Branin(), Linear(), DEEP, Rosenbrock()]


def network(function: Function, coordinates: int = 2, runs: int = 1) -> nn.Network:
    """Networks in float64 whose only layer is a function."""
    return nn.Network([function], coordinates, loss=nn.Value(), seeds=range(runs), dtype="float64")


def value_at(function: Function, *point: float) -> float:
    """The value at a point, without displacement."""
    found = network(replace(function, start=point), len(point))
    return float(found.loss(np.zeros((1, len(point))), np.zeros((1, 1)))[0])


@pytest.mark.parametrize("function", ALL)
@pytest.mark.parametrize("shared", [True, False])
def test_gradients_are_those_of_central_differences(function: Function, shared: bool) -> None:
    stack = network(replace(function, spread=0.5), runs=3)
    rows = np.random.default_rng(0).normal(size=(1 if shared else 3, 7, 2))
    targets = np.zeros((*rows.shape[:2], 1))
    assert (gradient_error(stack, rows, targets) < 1e-6).all()
    assert np.abs(stack.gradients).min() > 1e-3


@pytest.mark.parametrize(
    ("function", "point", "least"),
    [
        (Rosenbrock(), (1, 1), 0),
        (Beale(), (3, 0.5), 0),
        (Branin(), (-math.pi, 12.275), 5 / (4 * math.pi)),
        (Branin(), (math.pi, 2.275), 5 / (4 * math.pi)),
        (Branin(), (3 * math.pi, 2.475), 5 / (4 * math.pi)),
        (DEEP, (0, 0), 0),
        (Absolute(), (0, 0), 0),
    ],
)
def test_known_minima(function: Function, point: tuple[float, ...], least: float) -> None:
    assert value_at(function, *point) == pytest.approx(least, abs=1e-12)
    at = network(replace(function, start=point))
    at.backpropagate(np.zeros((1, 1, 2)), np.zeros((1, 1, 1)))
    np.testing.assert_allclose(at.gradients, 0, atol=1e-4)  # Branin's minima are rounded


def test_known_values() -> None:
    assert value_at(Rosenbrock(), -1.2, 1) == pytest.approx(24.2)
    assert value_at(Beale(), 1, 1) == pytest.approx(1.5**2 + 2.25**2 + 2.625**2)
    assert value_at(Branin(), 0, 0) == pytest.approx(55.602113, abs=1e-6)
    assert value_at(Absolute(), -2, 3, 0.5) == 5.5


def test_the_quadratic_of_deepobs_starts_at_its_published_loss() -> None:
    found = nn.Network([DEEP], 100, loss=nn.Value(), dtype="float32")
    rows = np.random.RandomState(43).normal(0, 0.6, (1000, 100))[:896]
    assert found.loss(rows, np.zeros((896, 1)))[0] == pytest.approx(353.4468, abs=1e-4)


def test_a_quadratic_has_its_spectrum_however_it_is_rotated() -> None:
    spectrum = (Eigenvalues(0.8, 1, 2), Eigenvalues(0.2, 30, 60))
    along = np.diag(Quadratic(spectrum=spectrum, rotated=False).hessian(10))
    hessian = Quadratic(spectrum=spectrum).hessian(10)
    np.testing.assert_allclose(np.linalg.eigvalsh(hessian), np.sort(along))
    assert [(along >= 1).sum(), (along > 2).sum()] == [10, 2]
    assert np.abs(hessian - np.diag(np.diag(hessian))).max() > 1


@pytest.mark.parametrize("size", [2, 3, 10])
def test_a_rotation_is_orthogonal(size: int) -> None:
    rotation = random_rotation(size, np.random.RandomState(0))
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(size), atol=1e-12)


def test_rotations_are_uniform() -> None:
    # Under the Haar measure each entry has the mean 0 and the variance 1/n.
    rng = np.random.RandomState(0)
    entries = np.array([random_rotation(3, rng) for _ in range(2000)])
    np.testing.assert_allclose(entries.mean(axis=0), 0, atol=0.06)
    np.testing.assert_allclose(entries.var(axis=0), 1 / 3, atol=0.04)


def test_the_start_is_displaced_by_seed() -> None:
    stack = network(Rosenbrock(spread=0.1), runs=3)
    assert len(np.unique(stack.parameters, axis=0)) == 3
    np.testing.assert_allclose(stack.parameters, [[-1.2, 1]] * 3, atol=0.6)
    assert (network(Rosenbrock()).parameters == [-1.2, 1]).all()


@pytest.mark.parametrize(
    ("function", "coordinates", "message"),
    [
        (Beale(), 3, "beale has 2 coordinates, not 3"),
        (replace(DEEP, start=(1.0, 2.0)), 3, "start of quadratic has 2 coordinates, not 3"),
    ],
)
def test_misfits(function: Function, coordinates: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        network(function, coordinates)


def test_shares_must_sum_to_one() -> None:
    with pytest.raises(ValueError, match=r"must sum to 1, but sum to 0\.5"):
        Quadratic(spectrum=(Eigenvalues(0.5, 0, 1),))
