"""Layers: forward by hand or in plain arrays, backward against central differences."""

import numpy as np
import pytest

import nn
from nn.activations import Activation
from nn.gradient_check import STEP, rounding_noise
from nn.losses import Loss
from tests.nn import plain
from tests.nn.own import names

precisions = pytest.mark.parametrize("dtype", [np.float32, np.float64])
ACTIVATIONS = [Activation.named(name) for name in Activation.names()]
MSE = nn.MeanSquaredError


def central_differences(measure, arrays: dict[str, np.ndarray], h: float = STEP) -> dict:
    """Gradients of `measure(arrays)` with respect to every entry of every array."""
    result = {}
    for name, array in arrays.items():
        result[name] = np.empty_like(array)
        for index in np.ndindex(array.shape):
            original, step = array[index], h * max(1, abs(array[index]))
            array[index] = original + step
            up = measure(arrays)
            array[index] = original - step
            result[name][index] = (up - measure(arrays)) / (2 * step)
            array[index] = original
    return result


def gradients_of(network: nn.Network, run: int) -> dict[str, np.ndarray]:
    return {k: v[run] for k, v in network.layout.views(network.gradients).items()}


def shake(network: nn.Network, seed: int = 0) -> None:
    """Give all parameters, biases and gains too, values of their own."""
    rng = np.random.default_rng(seed)
    network.parameters += rng.normal(0, 0.3, network.parameters.shape).astype(network.dtype)


def assert_gradients(actual: dict, expected: dict, loss: float) -> None:
    """Compare each array's gradient with central differences of a loss of this size."""
    for name in expected:
        distance = np.linalg.norm(actual[name] - expected[name])
        size = np.linalg.norm(actual[name]) + np.linalg.norm(expected[name])
        noise = rounding_noise(loss) * np.sqrt(expected[name].size)
        assert distance <= 1e-6 * size + noise, name


def targets_for(loss: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    if loss in ("cross_entropy", "kl_divergence"):
        y = rng.dirichlet(np.ones(shape[-1]), shape[:-1])
        y[..., 0, :] = np.eye(shape[-1])[0]
        return y
    if loss == "binary_cross_entropy":
        return rng.choice([0.0, 1.0, 0.25], shape)
    return rng.normal(0, 2, shape)


class TestGradients:
    """Backpropagation through whole networks against differences of an independent forward."""

    @pytest.mark.parametrize("normalization", [None, "batch", "layer"])
    @pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda a: a.name)
    def test_activations_and_normalization(self, activation, normalization) -> None:
        self.check(activation, normalization, "mse", [4, 3])

    # The loss `value` is of functions, which have no targets.
    @pytest.mark.parametrize("loss", [name for name in names(Loss) if name != "value"])
    @pytest.mark.parametrize("hidden", [[], [5]], ids=str)
    def test_losses(self, loss: str, hidden: list[int]) -> None:
        self.check(nn.activations.Tanh(), None, loss, hidden)

    @pytest.mark.parametrize("normalization", [None, "batch", "layer"])
    @pytest.mark.parametrize(
        ("inputs", "hidden", "outputs", "batch"),
        [(1, [1], 1, 2), (1, [3], 2, 5), (3, [1, 2], 1, 4), (2, [3], 2, 1), (5, [7, 3, 2], 3, 3)],
    )
    def test_awkward_sizes(self, normalization, inputs, hidden, outputs, batch) -> None:
        self.check(
            nn.activations.Tanh(), normalization, "cross_entropy", hidden, inputs, outputs, batch
        )

    @staticmethod
    def check(activation, normalization, loss, hidden, inputs=3, outputs=2, batch=6) -> None:
        rng = np.random.default_rng(7)
        network = nn.Network(
            nn.mlp(hidden, outputs, activation=activation, normalization=normalization),
            inputs,
            loss=Loss.named(loss),
            seeds=[1, 2],
            dtype=np.float64,
        )
        shake(network)
        x = rng.standard_normal((2, batch, inputs))
        y = targets_for(loss, (2, batch, outputs), rng)
        names = list(network.layout.slices)
        starts = [network.weights(run) for run in range(2)]
        network.backpropagate(x, y)
        for run in range(2):

            def measure(arrays: dict[str, np.ndarray], run: int = run) -> float:
                depth = len(hidden)
                logits = plain.mlp_logits(x[run], arrays, depth, activation.name, normalization)
                return plain.loss(loss, logits, y[run])

            arrays = {name: starts[run][name] for name in names}
            expected = central_differences(measure, arrays)
            assert_gradients(gradients_of(network, run), expected, measure(arrays))

    @pytest.mark.parametrize("form", ["exact", "tanh"])
    def test_gelu_forms(self, form: str) -> None:
        network = nn.Network(
            nn.mlp([4], 2, activation=nn.activations.GELU(form=form)),
            3,
            loss=MSE(),
            seeds=[0],
            dtype=np.float64,
        )
        rng = np.random.default_rng(0)
        x, y = rng.normal(0, 2, (1, 5, 3)), rng.standard_normal((1, 5, 2))
        assert nn.gradient_check.gradient_error(network, x, y).max() < 1e-7

    @pytest.mark.parametrize("layer", [nn.BatchNorm(), nn.LayerNorm(), nn.Dropout(0.4)], ids=repr)
    @pytest.mark.parametrize("shared", [True, False], ids=["shared", "own"])
    def test_a_layer_before_the_first_weights(self, layer, shared: bool) -> None:
        # Also where all runs share one batch, (1, batch, inputs), that the layer spreads.
        self.check_layers([layer, nn.Dense(3), nn.layers.ActivationLayer(ACTIVATIONS[-1])], shared)

    @pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda a: a.name)
    @pytest.mark.parametrize("shared", [True, False], ids=["shared", "own"])
    def test_activations_before_the_first_weights(self, activation, shared: bool) -> None:
        layers = [
            nn.layers.ActivationLayer(activation),
            nn.layers.ActivationLayer(activation),
            nn.Dense(2),
        ]
        self.check_layers(layers, shared)
        self.check_layers([nn.LayerNorm(), *layers], shared)

    @pytest.mark.parametrize("rate", [0.2, 0.5, 0.9])
    def test_dropout_with_its_mask(self, rate: float) -> None:
        layers = nn.mlp([7, 6], 2, activation=nn.activations.Tanh(), dropout=rate)
        self.check_layers(layers, shared=False)

    @pytest.mark.parametrize("normalization", ["batch", "layer"])
    def test_dropout_and_normalization(self, normalization: str) -> None:
        layers = nn.mlp(
            [7, 6], 2, activation=nn.activations.SiLU(), dropout=0.3, normalization=normalization
        )
        self.check_layers(layers, shared=True)

    @staticmethod
    def check_layers(layers, shared: bool) -> None:
        # A fresh network of the same seed draws the same masks, which holds them fixed.
        def fresh(parameters: np.ndarray | None = None) -> nn.Network:
            network = nn.Network(layers, 4, loss=MSE(), seeds=[3, 4], dtype=np.float64)
            if parameters is None:
                shake(network)
            else:
                network.parameters[...] = parameters
            return network

        rng = np.random.default_rng(1)
        network = fresh()
        x = rng.standard_normal((1 if shared else 2, 5, 4))
        y = rng.standard_normal((2, 5, network.outputs))
        theta = network.parameters.copy()
        network.backpropagate(x, y)
        expected = np.empty_like(theta)
        for column in range(theta.shape[1]):
            ends = []
            for sign in (1, -1):
                moved = theta.copy()
                moved[:, column] += sign * STEP
                logits = fresh(moved).forward(x, training=True)
                ends.append(((logits - y) ** 2).mean(axis=(1, 2)))
            expected[:, column] = (ends[0] - ends[1]) / (2 * STEP)
        for run in range(2):
            assert_gradients({"all": network.gradients[run]}, {"all": expected[run]}, ends[0][run])


class TestDense:
    def test_pytorchs_biases_are_within_the_inputs_limit(self) -> None:
        uniform = nn.initializers.PyTorchUniform()
        layer = nn.Dense(4000, uniform, uniform)
        weights, bias = np.empty((16, 4000)), np.empty(4000)
        layer.initialize(np.random.default_rng(0), {"weights": weights, "bias": bias})
        for drawn in (weights, bias):
            assert 0.249 < drawn.max() <= 0.25
            assert -0.25 <= drawn.min() < -0.249
        assert abs(bias.std() - 0.25 / np.sqrt(3)) < 0.01

    def test_by_hand(self) -> None:
        # z = (1, 2)·[[1, 0, -1], [2, 1, 3]] + (10, 20, 30) = (15, 22, 35)
        network = nn.Network([nn.Dense(3)], 2, loss=MSE(reduction="sum"), dtype=np.float64)
        network.load(
            {
                "dense1/weights": np.array([[1.0, 0, -1], [2, 1, 3]]),
                "dense1/bias": np.array([10.0, 20, 30]),
            }
        )
        x = np.array([[1.0, 2.0]])
        np.testing.assert_array_equal(network.predict(x), [[[15, 22, 35]]])
        # Target (14, 22, 36): errors (1, 0, -1), doubled; weights' gradient x ⊗ error
        network.backpropagate(x, np.array([[14.0, 22, 36]]))
        gradients = gradients_of(network, 0)
        np.testing.assert_array_equal(gradients["dense1/bias"], [2, 0, -2])
        np.testing.assert_array_equal(gradients["dense1/weights"], [[2, 0, -2], [4, 0, -4]])

    def test_names_shapes_and_what_decays(self) -> None:
        network = nn.Network(nn.mlp([4], 3, normalization="batch"), 2, loss=MSE(), seeds=[0, 1])
        weights = network.weights(1)
        assert {name: array.shape for name, array in weights.items()} == {
            "dense1/weights": (2, 4),
            "dense2/weights": (4, 3),
            "dense1/bias": (4,),
            "batchnorm1/gain": (4,),
            "batchnorm1/shift": (4,),
            "dense2/bias": (3,),
            "batchnorm1/running_mean": (4,),
            "batchnorm1/running_variance": (4,),
        }
        # Decay acts on weights; not on biases and normalization gains.
        assert network.layout.decayed == 2 * 4 + 4 * 3
        assert network.layout.size == 2 * 4 + 4 * 3 + 4 + 4 + 4 + 3


def normalized(layer, x: np.ndarray, training: bool = True, dtype: type = np.float64):
    network = nn.Network([layer], x.shape[-1], loss=MSE(), dtype=dtype)
    return network, network.forward(np.asarray(x, dtype)[None], training=training)[0].copy()


class TestBatchNorm:
    def test_by_hand(self) -> None:
        # Feature 1: mean 2, variance 1; feature 2: mean 0, variance 4. Starts with γ 1, β 0.
        x = np.array([[1.0, -2.0], [3.0, 2.0]])
        network, out = normalized(nn.BatchNorm(), x)
        expected = [[-1 / np.sqrt(1 + 1e-5), -2 / np.sqrt(4 + 1e-5)]]
        np.testing.assert_allclose(out, np.vstack([expected, np.negative(expected)]), rtol=1e-12)
        # Running mean 0.9·0 + 0.1·(2, 0), variance 0.9·1 + 0.1·(2, 8): unbiased, n/(n-1) = 2
        weights = network.weights()
        np.testing.assert_allclose(weights["batchnorm1/running_mean"], [0.2, 0], atol=1e-12)
        np.testing.assert_allclose(weights["batchnorm1/running_variance"], [1.1, 1.7], rtol=1e-12)
        # Prediction uses them: (1 - 0.2)/√(1.1 + ε), …
        expected = (x - [0.2, 0]) / np.sqrt(np.array([1.1, 1.7]) + 1e-5)
        np.testing.assert_allclose(network.predict(x)[0], expected, rtol=1e-12)

    def test_running_statistics_over_several_batches(self) -> None:
        rng = np.random.default_rng(0)
        batches = rng.normal(3, 2, (6, 5, 3))
        network = nn.Network([nn.BatchNorm(momentum=0.7, eps=0.1)], 3, loss=MSE(), dtype=np.float64)
        mean, variance = np.zeros(3), np.ones(3)
        for batch in batches:
            network.forward(batch[None], training=True)
            mean = 0.7 * mean + 0.3 * batch.mean(axis=0)
            variance = 0.7 * variance + 0.3 * batch.var(axis=0, ddof=1)
        x = rng.standard_normal((4, 3))
        expected = (x - mean) / np.sqrt(variance + 0.1)
        np.testing.assert_allclose(network.predict(x)[0], expected, rtol=1e-12)

    def test_momentum_0_is_the_last_batch(self) -> None:
        batch = np.random.default_rng(0).normal(5, 3, (8, 2))
        network, _ = normalized(nn.BatchNorm(momentum=0.0), batch)
        weights = network.weights()
        np.testing.assert_allclose(weights["batchnorm1/running_mean"], batch.mean(axis=0))
        np.testing.assert_allclose(
            weights["batchnorm1/running_variance"], batch.var(axis=0, ddof=1)
        )

    def test_prediction_changes_no_statistics(self) -> None:
        network, _ = normalized(nn.BatchNorm(), np.array([[1.0], [2.0]]))
        before = network.weights()
        network.predict(np.full((10, 1), 100.0))
        network.loss(np.full((10, 1), 100.0), np.zeros((10, 1)))
        for name, array in network.weights().items():
            np.testing.assert_array_equal(array, before[name])

    @precisions
    @pytest.mark.parametrize("constant", [0.0, 1.0, -7.3, 1000.0])
    @pytest.mark.parametrize("batch", [1, 2, 3, 7, 32, 100])
    def test_constant_feature(self, dtype: type, constant: float, batch: int) -> None:
        x = np.tile([constant, 0.0], (batch, 1))
        x[:, 1] = np.arange(batch)
        with np.errstate(all="raise"):
            network, out = normalized(nn.BatchNorm(), x, dtype=dtype)
            network.backpropagate(x, np.ones((batch, 2)))
        # It says nothing: 0, but for the rounding of the mean, a sum of so many terms, which 1/√ε
        # makes 316 times larger.
        rounding = 316 * batch * np.finfo(dtype).eps * abs(constant)
        assert np.abs(out[:, 0]).max() <= rounding
        assert np.isfinite(network.gradients).all()
        assert np.isfinite(network.statistics).all()

    def test_one_sample(self) -> None:
        # Mean is the sample, variance 0: the output is β, and nothing flows back.
        network = nn.Network([nn.Dense(2), nn.BatchNorm()], 3, loss=MSE(), dtype=np.float64)
        shake(network)
        x = np.array([[1.0, 2.0, 3.0]])
        with np.errstate(all="raise"):
            out = network.forward(x[None], training=True)[0].copy()
            network.backpropagate(x, np.zeros((1, 2)))
        np.testing.assert_allclose(out[0], network.weights()["batchnorm1/shift"], atol=1e-12)
        gradients = gradients_of(network, 0)
        np.testing.assert_array_equal(gradients["dense1/weights"], 0)
        assert np.isfinite(network.statistics).all()


class TestLayerNorm:
    def test_by_hand(self) -> None:
        # (1, 3): mean 2, variance 1. (-2, 2): mean 0, variance 4.
        x = np.array([[1.0, 3.0], [-2.0, 2.0]])
        _, out = normalized(nn.LayerNorm(), x)
        a, b = 1 / np.sqrt(1 + 1e-5), 2 / np.sqrt(4 + 1e-5)
        np.testing.assert_allclose(out, [[-a, a], [-b, b]], rtol=1e-12)

    def test_gain_and_shift(self) -> None:
        network = nn.Network([nn.LayerNorm(eps=0.5)], 3, loss=MSE(), dtype=np.float64)
        gain, shift = np.array([1.0, -2.0, 0.5]), np.array([0.1, 0.2, 0.3])
        network.load({"layernorm1/gain": gain, "layernorm1/shift": shift})
        x = np.random.default_rng(0).normal(4, 3, (5, 3))
        np.testing.assert_allclose(
            network.predict(x)[0], plain.layer_norm(x, gain, shift, 0.5), rtol=1e-12
        )

    def test_prediction_is_as_in_training(self) -> None:
        x = np.random.default_rng(0).standard_normal((6, 4))
        network, out = normalized(nn.LayerNorm(), x)
        np.testing.assert_array_equal(network.predict(x)[0], out)

    @precisions
    def test_one_feature_says_nothing(self, dtype: type) -> None:
        x = np.array([[3.0], [-5.0]])
        with np.errstate(all="raise"):
            network, out = normalized(nn.LayerNorm(), x, dtype=dtype)
            network.backpropagate(x, np.ones((2, 1)))
        np.testing.assert_array_equal(out, 0)
        assert np.isfinite(network.gradients).all()


def mask(rate: float, seed: int = 0, shape=(200, 50), dtype: type = np.float64) -> np.ndarray:
    """What dropout multiplies with in training."""
    network = nn.Network([nn.Dropout(rate)], shape[1], loss=MSE(), seeds=[seed], dtype=dtype)
    return network.forward(np.ones((1, *shape), dtype), training=True)[0].copy()


class TestDropout:
    @precisions
    @pytest.mark.parametrize("rate", [0.1, 0.25, 0.5, 0.9])
    def test_drops_or_scales(self, rate: float, dtype: type) -> None:
        m = mask(rate, dtype=dtype)
        np.testing.assert_allclose(np.unique(m), [0, 1 / (1 - rate)], rtol=1e-5)
        dropped = (m == 0).mean()
        assert abs(dropped - rate) < 5 * np.sqrt(rate * (1 - rate) / m.size)

    def test_expected_value_is_the_input(self) -> None:
        # 200000 draws of mean 1 and variance p/(1 - p)
        m = mask(0.3, shape=(2000, 100))
        assert abs(m.mean() - 1) < 5 * np.sqrt(0.3 / 0.7 / m.size)
        # No column or row is favoured.
        assert np.abs(m.mean(axis=0) - 1).max() < 6 * np.sqrt(0.3 / 0.7 / 2000)

    def test_is_the_identity_at_prediction(self) -> None:
        x = np.random.default_rng(0).standard_normal((7, 5))
        network = nn.Network([nn.Dropout(0.5)], 5, loss=MSE(), dtype=np.float64)
        np.testing.assert_array_equal(network.predict(x)[0], x)
        np.testing.assert_array_equal(network.loss(x, x), 0)

    def test_rate_0_is_the_identity_in_training(self) -> None:
        np.testing.assert_array_equal(mask(0.0), 1)

    @precisions
    @pytest.mark.parametrize("rate", [1 - 1e-6, 1 - 1e-9, 1 - 1e-15])
    def test_rates_next_to_1(self, rate: float, dtype: type) -> None:
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            m = mask(rate, dtype=dtype)
        assert np.isfinite(m).all()
        assert (m == 0).mean() > 0.999

    def test_by_seed(self) -> None:
        np.testing.assert_array_equal(mask(0.5, seed=3), mask(0.5, seed=3))
        assert (mask(0.5, seed=3) != mask(0.5, seed=4)).any()

    def test_precision_does_not_change_masks(self) -> None:
        for rate in (0.1, 0.37, 0.5):
            np.testing.assert_array_equal(
                mask(rate, dtype=np.float32) == 0, mask(rate, dtype=np.float64) == 0
            )

    def test_masks_change_from_step_to_step_and_layer_to_layer(self) -> None:
        network = nn.Network([nn.Dropout(0.5)], 64, loss=MSE(), dtype=np.float64)
        ones = np.ones((1, 8, 64))
        first, second = (network.forward(ones, training=True).copy() for _ in range(2))
        assert (first != second).any()
        # If two layers of rate ½ drew alike, what is kept would be 4 half of the time.
        twice = nn.Network([nn.Dropout(0.5), nn.Dropout(0.5)], 64, loss=MSE(), dtype=np.float64)
        kept = (twice.forward(np.ones((1, 100, 64)), training=True) > 0).mean()
        assert abs(kept - 0.25) < 0.05

    def test_predictions_in_between_draw_nothing(self) -> None:
        def trained(predict: bool) -> np.ndarray:
            network = nn.Network([nn.Dropout(0.5)], 9, loss=MSE(), seeds=[1], dtype=np.float64)
            for _ in range(3):
                if predict:
                    network.predict(np.ones((4, 9)))
                out = network.forward(np.ones((1, 4, 9)), training=True).copy()
            return out

        np.testing.assert_array_equal(trained(predict=True), trained(predict=False))

    def test_each_run_has_its_own_rate(self) -> None:
        network = nn.Network(
            [[nn.Dropout(rate)] for rate in (0.1, 0.8)],
            50,
            loss=MSE(),
            seeds=[5, 5],
            dtype=np.float64,
        )
        masks = network.forward(np.ones((1, 200, 50)), training=True)
        np.testing.assert_array_equal(masks[0], mask(0.1, seed=5))
        np.testing.assert_array_equal(masks[1], mask(0.8, seed=5))
