"""Networks: one backpropagation by hand, prediction, evaluation, weights, and wrong shapes."""

import math
import warnings

import numpy as np
import pytest

import nn
from nn.activations import Activation
from nn.losses import Loss
from tests.nn import plain
from tests.nn.own import names

precisions = pytest.mark.parametrize("dtype", [np.float32, np.float64])


class TestByHand:
    """A 2-2-1 network with sigmoid units, squared error and one sample, on paper.

    Weights W¹ = [[0.5, -1], [1.5, 2]] (inputs down, units across), b¹ = (-0.5, 0.5),
    W² = [[1], [-2]], b² = 0.25; input x = (1, 0), target 1, loss ½(ŷ - y)² (Nielsen).

    Forward
        z¹ = x W¹ + b¹ = (0.5 - 0.5, -1 + 0.5) = (0, -0.5)
        a¹ = (σ(0), σ(-0.5)) = (0.5, s) with s = 1/(1 + √e) = 0.377540668798145
        z² = 1·0.5 - 2·s + 0.25 = 0.75 - 2s = -0.005081337596291
        ŷ = σ(z²)
    Backward
        δ² = (ŷ - 1)·ŷ(1 - ŷ)
        ∂W² = a¹δ² = (0.5 δ², s δ²), ∂b² = δ²
        δ¹ = δ² W²ᵀ ∘ a¹(1 - a¹) = (1·δ²·¼, -2·δ²·s(1 - s))
        ∂W¹ = xᵀδ¹: first row δ¹, second row 0 (its input is 0); ∂b¹ = δ¹
    """

    WEIGHTS = (
        ("dense1/weights", np.array([[0.5, -1.0], [1.5, 2.0]])),
        ("dense1/bias", np.array([-0.5, 0.5])),
        ("dense2/weights", np.array([[1.0], [-2.0]])),
        ("dense2/bias", np.array([0.25])),
    )

    def test_on_paper(self) -> None:
        network = nn.Network(
            nn.mlp([2], 1, activation=nn.activations.Sigmoid()),
            2,
            loss=nn.MeanSquaredError(scale=0.5, reduction="sum"),
            output_activation=nn.activations.Sigmoid(),
            dtype=np.float64,
        )
        network.load(dict(self.WEIGHTS))
        x, y = np.array([[1.0, 0.0]]), np.array([[1.0]])
        logits = network.backpropagate(x, y).copy()
        s = 1 / (1 + math.sqrt(math.e))
        output = 1 / (1 + math.exp(-(0.75 - 2 * s)))
        delta2 = (output - 1) * output * (1 - output)
        delta1 = [delta2 / 4, -2 * delta2 * s * (1 - s)]
        assert logits.item() == pytest.approx(-0.005081337596291, abs=1e-12)
        assert network.predict(x).item() == pytest.approx(output, rel=1e-12)
        assert network.loss(x, y).item() == pytest.approx(0.5 * (output - 1) ** 2, rel=1e-12)
        gradients = network.layout.views(network.gradients)
        np.testing.assert_allclose(gradients["dense2/weights"][0, :, 0], [delta2 / 2, s * delta2])
        np.testing.assert_allclose(gradients["dense2/bias"][0], [delta2])
        np.testing.assert_allclose(gradients["dense1/weights"][0], [delta1, [0, 0]], rtol=1e-12)
        np.testing.assert_allclose(gradients["dense1/bias"][0], delta1, rtol=1e-12)


class TestDepthZero:
    """Without hidden layers: linear, logistic and softmax regression in closed form."""

    RNG = np.random.default_rng(0)
    X = RNG.standard_normal((30, 4))

    def network(self, outputs: int, loss: Loss) -> nn.Network:
        network = nn.Network(nn.mlp([], outputs), 4, loss=loss, dtype=np.float64)
        network.parameters += np.random.default_rng(1).normal(0, 0.3, network.parameters.shape)
        return network

    def check(self, network: nn.Network, residual: np.ndarray, y: np.ndarray) -> None:
        network.backpropagate(self.X, y)
        gradients = network.layout.views(network.gradients)
        np.testing.assert_allclose(gradients["dense1/weights"][0], self.X.T @ residual, rtol=1e-11)
        np.testing.assert_allclose(gradients["dense1/bias"][0], residual.sum(axis=0), rtol=1e-11)

    def test_linear(self) -> None:
        y = self.RNG.standard_normal((30, 2))
        network = self.network(2, nn.MeanSquaredError())
        self.check(network, 2 * (network.predict(self.X)[0] - y) / 60, y)
        # The least-squares solution is where the gradient is 0.
        solution = np.linalg.lstsq(np.column_stack([self.X, np.ones(30)]), y, rcond=None)[0]
        network.load({"dense1/weights": solution[:4], "dense1/bias": solution[4]})
        network.backpropagate(self.X, y)
        np.testing.assert_allclose(network.gradients, 0, atol=1e-12)

    def test_logistic(self) -> None:
        y = self.RNG.integers(0, 2, (30, 1)).astype(float)
        network = self.network(1, nn.BinaryCrossEntropy())
        self.check(network, (network.predict(self.X)[0] - y) / 30, y)

    @pytest.mark.parametrize("loss", [nn.CrossEntropy(), nn.KLDivergence()], ids=repr)
    def test_softmax(self, loss: Loss) -> None:
        y = np.eye(3)[self.RNG.integers(0, 3, 30)]
        network = self.network(3, loss)
        self.check(network, (network.predict(self.X)[0] - y) / 30, y)


class TestForward:
    @pytest.mark.parametrize("normalization", [None, "batch", "layer"])
    @pytest.mark.parametrize("activation", Activation.names())
    @precisions
    def test_is_the_plain_one(self, activation, normalization, dtype) -> None:
        network = nn.Network(
            nn.mlp([6, 5], 3, activation=Activation.named(activation), normalization=normalization),
            4,
            loss=nn.CrossEntropy(),
            seeds=[0, 1],
            dtype=dtype,
        )
        rng = np.random.default_rng(0)
        network.parameters += rng.normal(0, 0.3, network.parameters.shape).astype(dtype)
        x = rng.standard_normal((2, 9, 4)).astype(dtype)
        tolerance = 1e-12 if dtype == np.float64 else 1e-4
        for training in (True, False):
            for run in range(2):
                expected = plain.mlp_logits(
                    x[run].astype(np.float64),
                    {k: v.astype(np.float64) for k, v in network.weights(run).items()},
                    2,
                    activation,
                    normalization,
                    training,
                )
                actual = network.forward(x, training=training)[run]
                np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)

    # The loss `value` is of functions, which have no targets.
    @pytest.mark.parametrize("loss", [name for name in names(Loss) if name != "value"])
    @pytest.mark.parametrize("n", [1, 511, 512, 513, 1300])
    def test_loss_and_predictions_of_many_rows(self, loss: str, n: int) -> None:
        rng = np.random.default_rng(n)
        network = nn.Network(
            nn.mlp([5], 3), 4, loss=Loss.named(loss), seeds=[0, 1], dtype=np.float64
        )
        x = rng.standard_normal((n, 4))
        y = rng.dirichlet(np.ones(3), n)
        predictions, losses = network.predict(x), network.loss(x, y)
        assert predictions.shape == (2, n, 3)
        assert losses.shape == (2,)
        assert losses.dtype == np.float64
        for run in range(2):
            logits = plain.mlp_logits(x, network.weights(run), 1, "relu")
            assert losses[run] == pytest.approx(plain.loss(loss, logits, y), rel=1e-12)
            activation = {"binary_cross_entropy": "sigmoid"}.get(loss, "softmax")
            if loss in ("mse", "mae", "huber"):
                activation = "identity"
            np.testing.assert_allclose(
                predictions[run], plain.ACTIVATIONS[activation](logits), rtol=1e-11
            )

    def test_losses_of_many_rows_in_single_precision_add_up_in_double(self) -> None:
        network = nn.Network(nn.mlp([], 1), 1, loss=nn.MeanSquaredError())
        network.parameters[...] = 0
        y = np.random.default_rng(0).uniform(0, 1, (100_000, 1)).astype(np.float32)
        expected = (y * y).mean(dtype=np.float64)  # of squares rounded to single precision
        actual = network.loss(np.zeros((100_000, 1)), y).item()
        assert actual == pytest.approx(expected, rel=1e-12)

    def test_gradients_of_a_batch_are_the_mean_of_its_samples(self) -> None:
        rng = np.random.default_rng(0)
        network = nn.Network(nn.mlp([5], 3), 4, loss=nn.CrossEntropy(), dtype=np.float64)
        x, y = rng.standard_normal((6, 4)), np.eye(3)[rng.integers(0, 3, 6)]
        each = []
        for i in range(6):
            network.backpropagate(x[i : i + 1], y[i : i + 1])
            each.append(network.gradients.copy())
        network.backpropagate(x, y)
        np.testing.assert_allclose(network.gradients, np.mean(each, axis=0), rtol=1e-10, atol=1e-12)

    @pytest.mark.parametrize("normalization", [None, "batch", "layer"])
    def test_batches_of_changing_size(self, normalization: str | None) -> None:
        # The last batch of an epoch is short; buffers of another size must not leak in.
        def make() -> nn.Network:
            layers = nn.mlp([5, 4], 3, normalization=normalization)
            return nn.Network(layers, 4, loss=nn.CrossEntropy(), seeds=[0, 1])

        rng = np.random.default_rng(0)
        used = make()
        for size in (8, 8, 3, 1, 8, 3):
            x, y = rng.standard_normal((size, 4)), np.eye(3)[rng.integers(0, 3, size)]
            fresh = make()
            fresh.statistics[...] = used.statistics
            for network in (used, fresh):
                network.predict(rng.standard_normal((size + 1, 4)))
                network.backpropagate(x, y)
            np.testing.assert_array_equal(used.gradients, fresh.gradients)
            np.testing.assert_array_equal(used.statistics, fresh.statistics)

    @precisions
    def test_inputs_of_all_zeros(self, dtype: type) -> None:
        for normalization in (None, "batch", "layer"):
            for name in Activation.names():
                layers = nn.mlp(
                    [4], 2, activation=Activation.named(name), normalization=normalization
                )
                network = nn.Network(layers, 3, loss=nn.CrossEntropy(), dtype=dtype)
                with np.errstate(all="raise"):
                    network.backpropagate(np.zeros((5, 3)), np.eye(2)[[0, 1, 0, 1, 1]])
                    loss = network.loss(np.zeros((5, 3)), np.eye(2)[[0, 1, 0, 1, 1]])
                assert np.isfinite(network.gradients).all()
                assert np.isfinite(loss).all()
                weights = network.layout.views(network.gradients)["dense1/weights"]
                np.testing.assert_array_equal(weights, 0)

    def test_inputs_and_targets_are_left_alone(self) -> None:
        for name in Activation.names():
            layers = [nn.layers.ActivationLayer(Activation.named(name)), nn.Dropout(), nn.Dense(2)]
            network = nn.Network(layers, 3, loss=nn.CrossEntropy(), dtype=np.float64)
            x, y = np.random.default_rng(0).standard_normal((4, 3)), np.eye(2)[[0, 1, 1, 0]]
            before = x.copy(), y.copy()
            network.backpropagate(x, y)
            network.predict(x)
            network.loss(x, y)
            np.testing.assert_array_equal(x, before[0])
            np.testing.assert_array_equal(y, before[1])

    def test_predictions_are_the_caller_s_own(self) -> None:
        for loss in (nn.MeanSquaredError(), nn.CrossEntropy()):
            network = nn.Network(nn.mlp([3], 2), 2, loss=loss)
            first = network.predict(np.ones((4, 2)))
            kept = first.copy()
            network.predict(np.zeros((4, 2)))
            np.testing.assert_array_equal(first, kept)

    def test_lists_and_whole_numbers(self) -> None:
        network = nn.Network(nn.mlp([3], 1), 2, loss=nn.BinaryCrossEntropy())
        lists = network.predict([[0, 1], [1, 1]])
        arrays = network.predict(np.array([[0.0, 1.0], [1.0, 1.0]]))
        np.testing.assert_array_equal(lists, arrays)
        network.backpropagate([[0, 1], [1, 1]], [[0], [1]])

    @precisions
    @pytest.mark.parametrize("order", ["C", "F"])
    def test_memory_order_does_not_matter(self, dtype: type, order: str) -> None:
        # Tables come column by column.
        rng = np.random.default_rng(0)
        x = rng.standard_normal((33, 17)).astype(dtype)
        y = np.eye(3)[rng.integers(0, 3, 33)].astype(dtype)
        network = nn.Network(nn.mlp([13], 3), 17, loss=nn.CrossEntropy(), dtype=dtype)
        network.backpropagate(x, y)
        gradients, predictions = network.gradients.copy(), network.predict(x)
        network.backpropagate(np.asarray(x, order=order), np.asarray(y, order=order))
        np.testing.assert_array_equal(network.gradients, gradients)
        np.testing.assert_array_equal(network.predict(np.asarray(x, order=order)), predictions)
        strided = np.repeat(x, 2, axis=1)[:, ::2]
        np.testing.assert_array_equal(network.predict(strided), predictions)

    def test_products_that_are_no_number_are_not_warned_of(self) -> None:
        # OpenBLAS raises the same flag where nothing is wrong.
        network = nn.Network(nn.mlp([5], 1), 2, loss=nn.MeanSquaredError())
        network.parameters[...] = np.inf
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert np.isnan(network.predict(np.zeros((3, 2)))).all()


class TestWeights:
    @staticmethod
    def network(seeds=(0, 1, 2), hidden=(5,), normalization="batch", **options) -> nn.Network:
        layers = nn.mlp(hidden, 3, normalization=normalization)
        return nn.Network(layers, 4, loss=nn.CrossEntropy(), seeds=seeds, **options)

    def test_round_trip(self) -> None:
        rng = np.random.default_rng(0)
        trained = self.network()
        for _ in range(3):
            trained.backpropagate(rng.normal(2, 3, (8, 4)), np.eye(3)[rng.integers(0, 3, 8)])
            trained.parameters -= 0.1 * trained.gradients
        x = rng.normal(2, 3, (7, 4))
        expected = trained.predict(x)
        for run in range(3):
            other = self.network(seeds=[99])
            other.load(trained.weights(run))
            np.testing.assert_array_equal(other.predict(x)[0], expected[run])
            for name, array in other.weights().items():
                np.testing.assert_array_equal(array, trained.weights(run)[name])

    def test_are_copies(self) -> None:
        network = self.network()
        weights = network.weights(1)
        for array in weights.values():
            array.fill(7)
        assert not (network.parameters == 7).any()
        network.load(weights)
        weights["dense1/weights"].fill(8)
        assert not (network.parameters == 8).any()

    def test_one_run_s_weights_load_into_all(self) -> None:
        network = self.network()
        network.load(network.weights(2))
        np.testing.assert_array_equal(network.parameters, np.tile(network.parameters[2], (3, 1)))

    @pytest.mark.parametrize(
        ("other", "message"),
        [
            ({"hidden": (6,)}, r"dense1/weights.*\(4, 6\).*\(4, 5\)"),
            ({"hidden": ()}, "dense"),
            ({"normalization": None}, "batchnorm1"),
            ({"hidden": (5, 5)}, "dense"),
            ({"normalization": "layer"}, "norm1"),
        ],
        ids=str,
    )
    def test_of_another_architecture_are_refused(self, other: dict, message: str) -> None:
        network = self.network()
        before = network.parameters.copy(), network.statistics.copy()
        with pytest.raises(ValueError, match=message):
            network.load(self.network(**other).weights())
        np.testing.assert_array_equal(network.parameters, before[0])
        np.testing.assert_array_equal(network.statistics, before[1])

    def test_names_that_the_network_does_not_have_are_refused(self) -> None:
        # A deeper network's first layers may fit: they would predict nonsense.
        layers = [nn.Dense(4), nn.Dense(4)]
        deep = nn.Network([*layers, nn.Dense(4)], 4, loss=nn.MeanSquaredError())
        with pytest.raises(ValueError, match="dense3/weights"):
            nn.Network(layers, 4, loss=nn.MeanSquaredError()).load(deep.weights())

    def test_missing_statistics_change_nothing(self) -> None:
        network = self.network()
        weights = {k: v + 1 for k, v in network.weights().items()}
        del weights["batchnorm1/running_mean"]
        before = network.parameters.copy()
        with pytest.raises(ValueError, match="running_mean"):
            network.load(weights)
        np.testing.assert_array_equal(network.parameters, before)

    def test_parameters_are_one_contiguous_array(self) -> None:
        network = self.network()
        for array in (network.parameters, network.gradients):
            assert array.shape == (3, network.layout.size)
            assert array.flags.c_contiguous
            assert array.dtype == np.float32
        network.parameters[...] = 0.5
        assert all((v == 0.5).all() for k, v in network.weights(2).items() if "running" not in k)


class TestPart:
    def whole(self) -> nn.Network:
        layers = [nn.Dense(4), nn.Dropout(0.5), nn.BatchNorm(), nn.Dense(2)]
        return nn.Network(layers, 3, loss=nn.CrossEntropy(), seeds=[5, 6, 7, 8])

    def test_it_is_trained_in_the_place_of_its_runs(self) -> None:
        whole, likewise = self.whole(), self.whole()
        rng = np.random.default_rng(0)
        x = rng.normal(size=(4, 6, 3)).astype(np.float32)
        y = np.eye(2, dtype=np.float32)[rng.integers(0, 2, (4, 6))]
        likewise.backpropagate(x, y)
        part = whole.part(slice(1, 3))
        assert part.seeds == [6, 7]
        part.backpropagate(x[1:3], y[1:3])
        assert part.gradients.tobytes() == likewise.gradients[1:3].tobytes()
        part.parameters -= part.gradients
        for run in range(4):
            moved = run in (1, 2)
            expected = likewise.parameters[run] - moved * likewise.gradients[run]
            np.testing.assert_array_equal(whole.parameters[run], expected)
            # Running statistics and random streams have gone on, too.
            told = likewise if moved else self.whole()
            assert whole.statistics[run].tobytes() == told.statistics[run].tobytes()
            assert whole.random_states(run) == told.random_states(run)

    def test_the_whole_stays_as_wide_as_it_was(self) -> None:
        whole = self.whole()
        whole.part(slice(0, 1))
        assert whole.runs == 4
        assert whole.predict(np.zeros((2, 3))).shape == (4, 2, 2)


class TestKeep:
    def test_in_a_new_order(self) -> None:
        rng = np.random.default_rng(0)
        network = TestWeights.network(seeds=[5, 6, 7, 8])
        network.backpropagate(rng.standard_normal((6, 4)), np.eye(3)[rng.integers(0, 3, 6)])
        weights = [network.weights(run) for run in range(4)]
        x = rng.standard_normal((3, 4))
        expected = network.predict(x)
        network.keep([3, 1])
        assert network.seeds == [8, 6]
        assert network.runs == 2
        assert network.gradients.shape == network.parameters.shape == (2, network.layout.size)
        assert network.parameters.flags.c_contiguous
        np.testing.assert_array_equal(network.predict(x), expected[[3, 1]])
        for position, run in enumerate([3, 1]):
            for name, array in network.weights(position).items():
                np.testing.assert_array_equal(array, weights[run][name])


class TestWrongUse:
    X, Y = np.zeros((5, 3)), np.zeros((5, 2))

    @pytest.fixture
    def network(self) -> nn.Network:
        return nn.Network(nn.mlp([4], 2), 3, loss=nn.MeanSquaredError(), seeds=[0, 1])

    @pytest.mark.parametrize(
        ("x", "y"),
        [
            (X, np.zeros(5)),  # targets without a column axis would broadcast, unseen
            (X, np.zeros((5, 1))),
            (X, np.zeros((1, 2))),
            (X, np.zeros((4, 2))),
            (X, np.zeros((3, 5, 2))),
            (X, np.zeros((2, 5))),
            (np.zeros(3), np.zeros((1, 2))),
            (np.zeros((5, 4)), Y),
            (np.zeros((5, 1)), Y),
            (np.zeros((3, 5, 3)), Y),
            (np.zeros((1, 2, 5, 3)), Y),
        ],
        ids=lambda a: str(a.shape),
    )
    def test_shapes(self, network: nn.Network, x: np.ndarray, y: np.ndarray) -> None:
        for method in (network.backpropagate, network.loss):
            with pytest.raises(ValueError, match="shape"):
                method(x, y)

    def test_numbers_are_real(self, network: nn.Network) -> None:
        for method in (network.backpropagate, network.loss):
            with pytest.raises(
                ValueError, match="targets must be real numbers, but are complex128"
            ):
                method(self.X, self.Y + 0j)

    def test_shape_of_inputs_in_prediction(self, network: nn.Network) -> None:
        for shape in [(3,), (5, 2), (3, 5, 3), ()]:
            with pytest.raises(ValueError, match="shape"):
                network.predict(np.zeros(shape))

    def test_no_rows(self, network: nn.Network) -> None:
        for method in (network.backpropagate, network.loss):
            with pytest.raises(ValueError, match="mean over rows"):
                method(self.X[:0], self.Y[:0])
        assert network.predict(self.X[:0]).shape == (2, 0, 2)

    def test_one_output_and_targets_of_the_same_length_as_classes(self) -> None:
        # n equal to the number of outputs is where (n,) would slip through as (1, n).
        network = nn.Network(nn.mlp([], 5), 3, loss=nn.CrossEntropy())
        with pytest.raises(ValueError, match="shape"):
            network.loss(np.zeros((5, 3)), np.arange(5.0))

    def test_no_runs_no_layers(self) -> None:
        loss = nn.MeanSquaredError()
        with pytest.raises(ValueError, match="seed"):
            nn.Network(nn.mlp([], 1), 2, loss=loss, seeds=[])
        with pytest.raises(ValueError, match="layer"):
            nn.Network([], 2, loss=loss)

    def test_architectures_that_cannot_share_a_stack(self) -> None:
        loss = nn.MeanSquaredError()
        for one, other in [
            ([nn.Dense(2)], [nn.Dense(3)]),
            ([nn.Dense(2)], [nn.Dense(2), nn.Dense(2)]),
            ([nn.BatchNorm()], [nn.LayerNorm()]),
            ([nn.Dropout(0.0)], [nn.Dropout(0.5)]),
            (nn.mlp([2], 1), nn.mlp([2], 1, activation=nn.activations.Tanh())),
        ]:
            with pytest.raises(ValueError, match="share a stack"):
                nn.Network([one, other], 2, loss=loss, seeds=[0, 1])
        with pytest.raises(ValueError, match="2 architectures for 3 seeds"):
            nn.Network([[nn.Dense(1)]] * 2, 2, loss=loss, seeds=[0, 1, 2])

    @pytest.mark.parametrize("dtype", [int, np.int32, np.float16, complex, bool])
    def test_precisions_that_cannot_train(self, dtype: type) -> None:
        with pytest.raises(ValueError, match="float32 or float64"):
            nn.Network(nn.mlp([], 1), 2, loss=nn.MeanSquaredError(), dtype=dtype)

    def test_loss_and_output_that_do_not_go_together(self) -> None:
        with pytest.raises(ValueError, match="probabilities"):
            nn.Network(
                nn.mlp([], 1),
                2,
                loss=nn.BinaryCrossEntropy(),
                output_activation=nn.activations.Tanh(),
            )


def test_seed_0_is_a_seed() -> None:
    networks = [
        nn.Network(nn.mlp([3], 1), 2, loss=nn.MeanSquaredError(), seeds=[seed])
        for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(networks[0].parameters, networks[1].parameters)
    assert (networks[0].parameters != networks[2].parameters).any()


def test_single_precision_by_default() -> None:
    network = nn.Network(nn.mlp([3], 1), 2, loss=nn.MeanSquaredError())
    assert network.dtype == np.float32
    assert network.predict(np.zeros((4, 2))).dtype == np.float32


def test_learns() -> None:
    # Two classes that a line does not separate.
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (200, 2))
    y = (x[:, :1] * x[:, 1:] > 0).astype(float)
    network = nn.Network(
        nn.mlp([16], 1, activation=nn.activations.Tanh()),
        2,
        loss=nn.BinaryCrossEntropy(),
        seeds=range(4),
    )
    optimizer = nn.OptimizerStack([nn.Adam(lr=0.02)] * 4, network.layout, network.dtype)
    for _ in range(600):
        network.backpropagate(x, y)
        optimizer.step(network.parameters, network.gradients)
    assert ((network.predict(x) > 0.5) == y).mean(axis=(1, 2)).min() > 0.95


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ([[-1], [1], [1], [-1]], "range from -1 to 1"),
        ([[0], [255], [255], [0]], "range from 0 to 255"),
        ([[0], [1e39], [1], [0]], "finite"),
    ],
)
@pytest.mark.parametrize("method", ["loss", "backpropagate"])
def test_impossible_targets_are_refused(method: str, targets: list, message: str) -> None:
    network = nn.Network(nn.mlp([3], 1), 2, loss=nn.BinaryCrossEntropy(), seeds=[0, 1])
    with pytest.raises(ValueError, match=message):
        getattr(network, method)(np.ones((4, 2)), np.array(targets))


def test_targets_are_checked_in_the_first_step_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    checked = []
    monkeypatch.setattr(nn.MeanSquaredError, "check", lambda self, targets: checked.append(targets))
    network = nn.Network(nn.mlp([3], 1), 2, loss=nn.MeanSquaredError())
    for _ in range(5):
        network.backpropagate(np.ones((4, 2)), np.ones((4, 1)))
    assert len(checked) == 1
