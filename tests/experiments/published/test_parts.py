"""The datasets, layers and probes that only published results need."""

import numpy as np
import pytest

from experiments.published.adam_uncorrected import AdamUncorrected
from experiments.published.lecun1989 import EightOfTwelve, PlusMinusError, UnitBias, shrunk
from experiments.published.made_up import (
    HeavyTailed,
    ModularAddition,
    SignAccuracy,
    SparseWords,
    Wilson,
)
from experiments.published.mirror import Mirror
from experiments.published.shortcut import SigmoidBesideInputs
from experiments.runs.identity import Identity
from nn import Network, OptimizerStack
from nn.gradient_check import gradient_error
from nn.layers import Conv2d, Dense, Flatten
from nn.losses import MeanSquaredError
from nn.metrics import Predictions


def rows(dataset, part):
    part = getattr(dataset, part)
    return np.asarray(part.inputs, float), np.asarray(part.targets)


def test_mirror_has_eight_symmetric_rows_of_64():
    inputs, targets = rows(Mirror().load(), "train")
    assert inputs.shape == (64, 6)
    for row, target in zip(inputs, targets, strict=True):
        assert target == (list(row) == list(row)[::-1])


def test_wilsons_rows_are_those_of_the_paper():
    dataset = Wilson(rows=20, seed=3).load()
    (inputs, labels), (others, other_labels) = rows(dataset, "train"), rows(dataset, "test")
    assert set(labels[:, 0]) <= {-1, 1}
    for row, label in zip([*inputs, *others], [*labels[:, 0], *other_labels[:, 0]], strict=True):
        assert row[0] == label
        assert row[1] == 1
        assert row[2:].sum() == (1 if label == 1 else 5)
    assert (np.concatenate([inputs, others])[:, 2:].sum(axis=0) <= 1).all()


def test_the_share_of_right_signs_is_measured_for_each_run():
    outputs = np.array([[[0.5], [-2.0], [1.0]], [[-1.0], [-1.0], [-1.0]]])
    targets = np.array([[1.0], [-1.0], [-1.0]])
    found = SignAccuracy().value(Predictions("regression", outputs, targets))
    assert found == pytest.approx([2 / 3, 2 / 3])


def test_heavy_tails_are_powers_of_two():
    _, targets = rows(HeavyTailed(levels=3, features=2).load(), "train")
    assert sorted(np.bincount(targets), reverse=True) == [8, 4, 4, 2, 2, 2, 2, *[1] * 8]


def test_words_are_seldom_or_frequent():
    inputs, _ = rows(SparseWords(rows=2000, features=100, words=10.0).load(), "train")
    assert set(np.unique(inputs)) == {0, 1}
    assert inputs[:, 0].mean() > 10 * inputs[:, 50].mean()


def test_sums_are_modulo_the_prime_and_each_row_is_in_one_part():
    dataset = ModularAddition(prime=7).load()
    both = [rows(dataset, part) for part in ("train", "test")]
    inputs, targets = (np.concatenate(arrays) for arrays in zip(*both, strict=True))
    first, second = inputs[:, :7].argmax(axis=1), inputs[:, 7:].argmax(axis=1)
    assert (targets == (first + second) % 7).all()
    assert len({*zip(first, second, strict=True)}) == 49


def error_of(layers, shape):
    network = Network(layers, inputs=shape, loss=MeanSquaredError(), seeds=[0, 1], dtype=np.float64)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 5, *shape)), rng.normal(size=(2, 5, 2))
    return gradient_error(network, x, y).max()


def test_gradients_beside_direct_connections():
    assert error_of([SigmoidBesideInputs(3), Dense(2)], (4,)) < 1e-6


def test_gradients_of_the_layers_of_1989():
    maps = [Conv2d(12, 3, padding=1, bias=False), UnitBias(), EightOfTwelve()]
    assert error_of([*maps, Conv2d(3, 3, groups=3), Flatten(), Dense(2)], (1, 4, 4)) < 1e-6


def test_the_loss_of_1989_has_targets_of_plus_and_minus_one():
    loss, rng = PlusMinusError(), np.random.default_rng(0)
    outputs, targets = rng.normal(size=(1, 4, 3)), np.eye(3)[[0, 2, 1, 1]][np.newaxis]
    expected = [
        ((o - np.where(t == 1, 1, -1)) ** 2).mean()
        for o, t in zip(outputs[0], targets[0], strict=True)
    ]
    assert loss.value(outputs, targets)[0] == pytest.approx(expected)
    gradient = np.empty_like(outputs)
    loss.gradient(outputs, targets, gradient)
    step = np.zeros_like(outputs)
    step[0, 1, 2] = 1e-6
    slope = (loss.value(outputs + step, targets) - loss.value(outputs - step, targets))[0, 1] / 2e-6
    assert gradient[0, 1, 2] == pytest.approx(slope, rel=1e-6)


def test_images_shrink_to_means_of_what_they_show():
    ramp = np.broadcast_to(np.arange(28.0), (1, 28, 28))
    small = shrunk(ramp)
    assert small.shape == (1, 16, 16)
    assert small[0, 5] == pytest.approx((np.arange(16) + 0.5) * 1.75 - 0.5, abs=0.4)
    assert small[0, 3, 1:-1] == pytest.approx(((np.arange(16) + 0.5) * 1.75 - 0.5)[1:-1])


def test_adam_without_correction_is_its_definition():
    optimizer = AdamUncorrected(lr=0.1, beta1=0.9, beta2=0.99, eps=1e-3)
    network = Network([Dense(2)], inputs=3, loss=MeanSquaredError(), seeds=[0], dtype=np.float64)
    stack = OptimizerStack.of(network, optimizer)
    theta, m, v = network.parameters[0].copy(), 0.0, 0.0
    rng = np.random.default_rng(0)
    for _ in range(5):
        g = rng.normal(size=network.gradients.shape)
        m, v = 0.9 * m + 0.1 * g[0], 0.99 * v + 0.01 * g[0] ** 2
        theta -= 0.1 * m / (np.sqrt(v) + 1e-3)
        stack.step(network.parameters, g.copy())
        assert network.parameters[0] == pytest.approx(theta, rel=1e-12)


def test_the_source_of_a_part_is_in_the_identity_of_runs_that_name_it():
    named = {"dataset": {"_target_": "experiments.published.mirror.Mirror"}}
    assert list(Identity.of(named, "").own_code) == ["experiments.published.mirror"]
    assert not Identity.of({"dataset": {"_target_": "experiments.datasets.Xor"}}, "").own_code
