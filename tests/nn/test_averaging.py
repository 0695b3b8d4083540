"""Averages of weights."""

from pathlib import Path

import numpy as np
import pytest

import nn
from nn.averaging import Averages, Averaging, ExponentialAverage, StochasticWeightAverage
from nn.optimizers import OptimizerStack
from nn.parameters import Layout, Parameter
from nn.speed.buffers import Memory
from nn.table_rows import TableRows

with np.load(Path(__file__).parents[1] / "fixtures" / "reference_optimizers.npz") as stored:
    REFERENCE = dict(stored)

EMA, SWA = ExponentialAverage(decay=0.9), StochasticWeightAverage(start=0)


def averages(
    weights: np.ndarray, averaging: Averaging, per_epoch: int, epochs: int
) -> list[object]:
    """The average after each step through `weights`, (steps, P); None before it begins."""
    average = Averages([averaging], per_epoch, [epochs], weights.shape[1], Memory(weights.dtype))
    found: list[np.ndarray | None] = []
    for t, theta in enumerate(weights, 1):
        average.follow(theta[None], t)
        found.append(average.weights[0].copy() if average.counts(t)[0] else None)
    return found


@pytest.mark.parametrize(("name", "averaging"), [("ema", EMA), ("swa", SWA)])
def test_averages_are_those_of_pytorch(name: str, averaging: Averaging) -> None:
    weights = REFERENCE["gradients"]
    found = averages(weights, averaging, 1, len(weights))
    np.testing.assert_allclose(found, REFERENCE[name], rtol=1e-12, atol=1e-300)


def test_they_begin_after_their_start() -> None:
    weights = np.random.default_rng(0).normal(size=(24, 3))  # 6 epochs of 4 steps
    ema = averages(weights, ExponentialAverage(decay=0.5, start=2), 4, 6)
    assert ema[:8] == [None] * 8
    np.testing.assert_array_equal(ema[8], weights[8])
    np.testing.assert_allclose(ema[9], 0.5 * weights[8] + 0.5 * weights[9])
    swa = averages(weights, StochasticWeightAverage(start=1, every=2), 4, 6)
    assert swa[:11] == [None] * 11
    np.testing.assert_array_equal(swa[11], weights[11])
    np.testing.assert_array_equal(swa[18], weights[11])
    np.testing.assert_allclose(swa[19], (weights[11] + weights[19]) / 2)
    default = averages(weights, StochasticWeightAverage(), 4, 6)
    assert default[18] is None
    np.testing.assert_allclose(default[23], (weights[19] + weights[23]) / 2)


@pytest.mark.parametrize(
    ("averaging", "epochs", "refused"),
    [
        (ExponentialAverage(start=3), 3, True),
        (ExponentialAverage(start=2), 3, False),
        (StochasticWeightAverage(start=3), 3, True),
        (StochasticWeightAverage(every=3), 3, True),
        (StochasticWeightAverage(start=2), 3, False),
        (StochasticWeightAverage(), 1, False),
    ],
)
def test_one_that_begins_after_the_end_is_refused(
    averaging: Averaging, epochs: int, refused: bool
) -> None:
    network = nn.Network(nn.mlp([2], 1), 2, loss=nn.MeanSquaredError())
    data = np.ones((6, 2)), np.ones((6, 1))
    if refused:
        with pytest.raises(ValueError, match="begins after the end"):
            nn.fit(network, nn.SGD(), *data, epochs=epochs, batch_size=2, averaging=averaging)
    else:
        nn.fit(network, nn.SGD(), *data, epochs=epochs, batch_size=2, averaging=averaging)


def test_runs_of_a_stack_have_their_own() -> None:
    layout = Layout([Parameter("w", (3,), decays=True)])
    kinds = [EMA, nn.averaging.NoAveraging(), StochasticWeightAverage(start=1), EMA]
    gradients = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)

    def stack(which: list[int]) -> OptimizerStack:
        return OptimizerStack(
            [nn.Adam()] * len(which), layout, np.dtype(np.float32),
            [kinds[i] for i in which], 3, [4] * len(which),
        )  # fmt: skip

    together, alone = stack([0, 1, 2, 3]), [stack([i]) for i in range(4)]
    theta = np.ones((4, 3), np.float32)
    each = [np.ones((1, 3), np.float32) for _ in kinds]
    runs = [0, 1, 2, 3]
    for t, g in enumerate(gradients):
        if t == 7:
            runs = [1, 2, 3]
            together.keep(runs)
            theta = theta[runs]
        if t == 9:
            resumed = stack(runs)
            resumed.t = t
            for row in range(3):
                resumed.restore(row, {k: v.copy() for k, v in together.state(row).items()})
            together = resumed
        together.step(theta, np.tile(g, (len(runs), 1)))
        for own, single in zip(each, alone, strict=True):
            single.step(own, g[None].copy())
    rows, weights = together.evaluated(theta)
    assert rows == [1, 2]
    for row, average in zip(rows, weights, strict=True):
        run = runs[row]
        np.testing.assert_array_equal(average, alone[run].evaluated(each[run])[1][0])
        assert (average != theta[row]).any()


class TestStatistics:
    def test_they_are_those_of_pytorch(self) -> None:
        x = REFERENCE["update_bn x"]
        layers = [
            nn.Dense(4),
            nn.BatchNorm(),
            nn.layers.ActivationLayer(nn.activations.ReLU()),
            nn.Dense(1),
        ]
        network = nn.Network(layers, 3, loss=nn.MeanSquaredError(), seeds=[0, 1], dtype="float64")
        views = network.layout.views(network.parameters)
        views["dense1/weights"][1] = REFERENCE["update_bn weights"]
        views["dense1/bias"][1] = REFERENCE["update_bn bias"]
        network.statistics[...] = np.nan
        network.measure_statistics([1], TableRows(x), 8)
        assert np.isnan(network.statistics[0]).all()
        found = network.weights(1)
        for name in ("mean", "variance"):
            np.testing.assert_allclose(
                found[f"batchnorm1/running_{name}"], REFERENCE[f"update_bn {name}"], rtol=1e-12
            )

    @pytest.mark.parametrize("optimizer", [nn.Adam(), nn.ScheduleFreeSGD(), nn.SGD(lookahead=2)])
    def test_they_belong_to_the_weights_that_training_ends_with(
        self, optimizer: nn.Optimizer
    ) -> None:
        rng = np.random.default_rng(0)
        x, y = rng.normal(size=(20, 3)), rng.normal(size=(20, 1))
        layers = nn.mlp([4, 4], 1, normalization="batch", dropout=0.2)
        network = nn.Network(layers, 3, loss=nn.MeanSquaredError(), dtype="float64")
        averaging = EMA if type(optimizer) is nn.Adam else None
        nn.fit(network, optimizer, x, y, epochs=3, batch_size=20, averaging=averaging)
        weights = network.weights()
        hidden = x @ weights["dense1/weights"] + weights["dense1/bias"]
        np.testing.assert_allclose(weights["batchnorm1/running_mean"], hidden.mean(axis=0))
        np.testing.assert_allclose(
            weights["batchnorm1/running_variance"], hidden.var(axis=0, ddof=1)
        )

    def test_random_streams_stay_where_they_are(self) -> None:
        network = nn.Network(
            nn.mlp([4], 1, normalization="batch", dropout=0.5), 3, loss=nn.MeanSquaredError()
        )
        before = network.random_states(0)
        network.measure_statistics([0], TableRows(np.ones((5, 3), np.float32)), 5)
        assert network.random_states(0) == before
