"""Initializers: their moments, bounds and determinism."""

import math

import numpy as np
import pytest
from scipy import stats

import nn
from nn import initializers
from nn.initializers import Initializer
from nn.randomness import stream

SHAPE = (60, 400)  # fan_in, fan_out: 24000 draws
EVERY = [Initializer.named(name) for name in Initializer.names()]
everyone = pytest.mark.parametrize("initializer", EVERY, ids=lambda i: i.name)
# The standard deviation of a normal cut at ±2: 1 - 2·2·φ(2)/(Φ(2) - Φ(-2))
CUT = math.sqrt(1 - 4 * stats.norm.pdf(2) / (stats.norm.cdf(2) - stats.norm.cdf(-2)))


def draw(initializer: Initializer, shape: tuple[int, ...] = SHAPE, seed: int = 0) -> np.ndarray:
    return initializer(np.random.default_rng(seed), shape)


VARIANCES = [
    (initializers.Normal(), 1e-4, "norm"),
    (initializers.Normal(std=2.5), 6.25, "norm"),
    (initializers.Uniform(), 0.05**2 / 3, "uniform"),
    (initializers.Uniform(limit=3), 3, "uniform"),
    (initializers.PyTorchUniform(), 1 / 180, "uniform"),
    (initializers.TruncatedNormal(), (0.01 * CUT) ** 2, "truncnorm"),
    (initializers.TruncatedNormal(std=4), (4 * CUT) ** 2, "truncnorm"),
    (initializers.ScaledGaussian(), 1 / 60, "norm"),
    (initializers.Xavier(), 2 / 460, "uniform"),
    (initializers.Xavier(distribution="normal"), 2 / 460, "norm"),
    (initializers.He(), 2 / 60, "norm"),
    (initializers.He(distribution="uniform"), 2 / 60, "uniform"),
    (initializers.LeCun(), 1 / 60, "norm"),
    (initializers.LeCun(distribution="uniform"), 1 / 60, "uniform"),
]


@pytest.mark.parametrize(
    ("initializer", "variance", "law"), VARIANCES, ids=[repr(i) for i, _, _ in VARIANCES]
)
def test_distribution(initializer: Initializer, variance: float, law: str) -> None:
    weights = draw(initializer).ravel()
    std = math.sqrt(variance)
    # Five standard errors of mean and variance.
    assert abs(weights.mean()) < 5 * std / math.sqrt(weights.size)
    assert abs(weights.var() / variance - 1) < 5 * math.sqrt(2 / weights.size)
    reference = {
        "norm": stats.norm(0, std),
        "uniform": stats.uniform(-std * math.sqrt(3), 2 * std * math.sqrt(3)),
        "truncnorm": stats.truncnorm(-2, 2, 0, std / CUT),
    }[law]
    assert stats.kstest(weights, reference.cdf).pvalue > 1e-4
    low, high = reference.support()
    assert low * (1 + 1e-12) <= weights.min() <= weights.max() <= high * (1 + 1e-12)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (3, 5), (5, 3)])
@everyone
def test_awkward_shapes(initializer: Initializer, shape: tuple[int, int]) -> None:
    weights = draw(initializer, shape)
    assert weights.shape == shape
    assert weights.dtype == np.float64
    assert np.isfinite(weights).all()


def test_fans_are_rows_and_columns() -> None:
    # (fan_in, fan_out): a wide and a tall matrix have different variances.
    wide, tall = draw(initializers.He(), (10, 2000)), draw(initializers.He(), (2000, 10))
    assert wide.var() == pytest.approx(2 / 10, rel=0.05)
    assert tall.var() == pytest.approx(2 / 2000, rel=0.05)


def test_zeros_and_constants() -> None:
    np.testing.assert_array_equal(draw(initializers.Zeros()), np.zeros(SHAPE))
    np.testing.assert_array_equal(draw(initializers.Filled()), np.zeros(SHAPE))
    np.testing.assert_array_equal(draw(initializers.Filled(-1.5)), np.full(SHAPE, -1.5))


class TestOrthogonal:
    @pytest.mark.parametrize("shape", [(5, 5), (8, 3), (3, 8), (1, 4), (4, 1), (1, 1), (100, 30)])
    @pytest.mark.parametrize("gain", [1.0, 0.3])
    def test_short_side_is_orthonormal(self, shape: tuple[int, int], gain: float) -> None:
        w = draw(initializers.Orthogonal(gain=gain), shape)
        gram = w @ w.T if shape[0] <= shape[1] else w.T @ w
        np.testing.assert_allclose(gram, gain**2 * np.eye(min(shape)), atol=1e-12)

    def test_is_uniform(self) -> None:
        # Of the uniform distribution over rotations of the plane the first column is a point
        # uniform on the circle, and half of all matrices are reflections.
        rng = np.random.default_rng(0)
        matrices = np.array([initializers.Orthogonal()(rng, (2, 2)) for _ in range(2000)])
        angles = np.arctan2(matrices[:, 1, 0], matrices[:, 0, 0])
        assert stats.kstest(angles, stats.uniform(-math.pi, 2 * math.pi).cdf).pvalue > 1e-3
        reflections = (np.linalg.det(matrices) < 0).sum()
        assert abs(reflections - 1000) < 5 * math.sqrt(500)


@everyone
def test_same_stream_same_weights(initializer: Initializer) -> None:
    np.testing.assert_array_equal(draw(initializer, seed=3), draw(initializer, seed=3))
    if initializer.name not in ("zeros", "constant"):
        assert (draw(initializer, seed=3) != draw(initializer, seed=4)).any()


def network(seeds, dtype, initializer, **options):
    layers = nn.mlp([5, 3], 2, initializer=initializer, **options)
    return nn.Network(layers, 4, loss=nn.CrossEntropy(), seeds=seeds, dtype=dtype)


@everyone
def test_single_precision_starts_from_the_rounded_weights(initializer: Initializer) -> None:
    biases = None if initializer.name == "orthogonal" else initializer
    single = network([0, 1], np.float32, initializer, bias_initializer=biases)
    double = network([0, 1], np.float64, initializer, bias_initializer=biases)
    np.testing.assert_array_equal(single.parameters, double.parameters.astype(np.float32))


@everyone
def test_a_run_starts_from_its_seed_alone(initializer: Initializer) -> None:
    together = network([7, 0, 3], np.float64, initializer)
    for run, seed in enumerate([7, 0, 3]):
        alone = network([seed], np.float64, initializer)
        np.testing.assert_array_equal(alone.parameters[0], together.parameters[run])


def test_layers_do_not_share_draws() -> None:
    layers = [nn.Dense(4, initializers.Normal()), nn.Dense(4, initializers.Normal())]
    weights = nn.Network(layers, 4, loss=nn.MeanSquaredError()).weights()
    assert (weights["dense1/weights"] != weights["dense2/weights"]).all()


def test_a_layer_is_drawn_whatever_the_others_are() -> None:
    # The same seed gives the first layer the same weights under another second layer.
    first = network([5], np.float64, initializers.He()).weights()
    layers = [nn.Dense(5, initializers.He()), nn.Dense(9)]
    other = nn.Network(layers, 4, loss=nn.MeanSquaredError(), seeds=[5], dtype=np.float64)
    np.testing.assert_array_equal(first["dense1/weights"], other.weights()["dense1/weights"])


def test_the_stream_of_initialization() -> None:
    # Weights come from (seed, "initialization", position of the layer), so that they can be
    # had again outside of a network.
    rng = stream(11, "initialization", 0)
    expected = initializers.LeCun()(rng, (4, 5))
    actual = network([11], np.float64, initializers.LeCun()).weights()["dense1/weights"]
    np.testing.assert_array_equal(actual, expected)


def test_orthogonal_says_that_it_is_for_matrices() -> None:
    with pytest.raises(ValueError, match="orthogonal initializer is for matrices"):
        nn.Network(
            [nn.Dense(3, bias_initializer=initializers.Orthogonal())],
            2,
            loss=nn.MeanSquaredError(),
        )
