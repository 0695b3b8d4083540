"""Networks of tokens: embeddings, dense layers of each step, class indices as targets."""

import numpy as np
import pytest

import nn
from nn.gradient_check import gradient_error
from nn.optimizers import OptimizerStack

TOKENS, LENGTH, ROWS = 7, 5, 4


def tokens_of(runs: int = 2, *, rows: int = ROWS, length: int = LENGTH, seed: int = 0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, TOKENS, (2, runs, rows, length))


def model(*, tied: bool = False, units: int = 3) -> list[nn.Layer]:
    return [
        nn.Embedding(TOKENS, units),
        nn.RNN(units, output="all"),
        nn.StepDense(TOKENS, tied=tied),
    ]


def network_of(layers, *, length: int = LENGTH, seeds=(1, 2), dtype="float64", loss=None):
    loss = loss or nn.CrossEntropy()
    network = nn.Network(layers, (length,), loss=loss, seeds=seeds, dtype=dtype)
    for row, seed in enumerate(seeds):
        draws = np.random.default_rng(seed).normal(0, 0.3, network.layout.size)
        network.parameters[row] += draws.astype(dtype)
    return network


@pytest.mark.parametrize("length", [1, LENGTH])
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize(
    "loss", [nn.CrossEntropy(), nn.CrossEntropy(label_smoothing=0.1), nn.KLDivergence()]
)
def test_gradients_by_central_differences(length: int, tied: bool, loss) -> None:
    x, y = tokens_of(length=length)
    network = network_of(model(tied=tied), length=length, loss=loss)
    if getattr(loss, "label_smoothing", 0):
        with_smoothing = np.empty((*y.shape, TOKENS))
        loss.distributions(y, with_smoothing)
        assert (gradient_error(network, x, with_smoothing) < 1e-7).all()
        expected = network.gradients.copy()
        network.backpropagate(x, y)
        np.testing.assert_allclose(network.gradients, expected, rtol=1e-10, atol=1e-14)
    else:
        assert (gradient_error(network, x, y) < 1e-7).all()


def test_the_class_of_a_sequence() -> None:
    x, y = tokens_of()
    network = network_of([nn.Embedding(TOKENS, 3), nn.GRU(3), nn.Dense(TOKENS)])
    assert (gradient_error(network, x, y[:, :, 0]) < 1e-7).all()


def test_values_by_plain_loops() -> None:
    x, y = tokens_of(1)
    network = network_of([nn.Embedding(TOKENS, 3), nn.StepDense(4)], seeds=[3])
    own = network.weights()
    logits = network.forward(x)
    assert logits.shape == (1, ROWS, LENGTH, 4)
    total = 0.0
    for row in range(ROWS):
        for step in range(LENGTH):
            vector = own["embedding1/weights"][x[0, row, step]]
            expected = vector @ own["step_dense1/weights"] + own["step_dense1/bias"]
            np.testing.assert_allclose(logits[0, row, step], expected, rtol=1e-12)
            shares = np.exp(expected) / np.exp(expected).sum()
            total -= np.log(shares[y[0, row, step] % 4])
    np.testing.assert_allclose(network.loss(x, y % 4), total / (ROWS * LENGTH), rtol=1e-12)


@pytest.mark.parametrize("activation", [None, nn.activations.Sigmoid()])
def test_indices_are_as_distributions(activation) -> None:
    x, y = tokens_of()
    network = nn.Network(
        model(), (LENGTH,), loss=nn.CrossEntropy(), output_activation=activation, seeds=[1, 2]
    )
    distributions = np.eye(TOKENS, dtype=np.float32)[y]
    network.backpropagate(x, distributions)
    expected = network.gradients.copy()
    network.backpropagate(x, y)
    assert (network.gradients == expected).all()
    np.testing.assert_allclose(network.loss(x, y), network.loss(x, distributions), rtol=1e-6)
    assert network.loss(x[0], y[0]).shape == (2,)


def test_class_indices_of_rows_that_are_vectors() -> None:
    network = nn.Network(nn.mlp([3], 4), 2, loss=nn.CrossEntropy(), seeds=[0, 1])
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((5, 2)).astype(np.float32), rng.integers(0, 4, 5)
    network.backpropagate(x, np.eye(4, dtype=np.float32)[y])
    expected = network.gradients.copy()
    network.backpropagate(x, y)
    np.testing.assert_allclose(network.gradients, expected, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(network.loss(x, y), network.loss(x, np.eye(4)[y]), rtol=1e-6)


@pytest.mark.parametrize("tied", [False, True])
def test_a_run_has_the_same_bits_in_a_stack(tied: bool) -> None:
    """In training steps that are replayed, with own batches and with a common one."""
    for common in (False, True):
        x, y = tokens_of(3)
        if common:
            x, y = x[:1], y[:1]
        stack = nn.Network(model(tied=tied), (LENGTH,), loss=nn.CrossEntropy(), seeds=range(3))
        optimizers = OptimizerStack.of(stack, nn.Adam())
        for _ in range(4):
            stack.backpropagate(x, y)
            optimizers.step(stack.parameters, stack.gradients)
        for run in range(3):
            alone = nn.Network(model(tied=tied), (LENGTH,), loss=nn.CrossEntropy(), seeds=[run])
            optimizers = OptimizerStack.of(alone, nn.Adam())
            own = slice(0, 1) if common else slice(run, run + 1)
            for _ in range(4):
                alone.backpropagate(x[own].copy(), y[own].copy())
                optimizers.step(alone.parameters, alone.gradients)
            assert (alone.parameters[0] == stack.parameters[run]).all()


def test_weights_of_steps() -> None:
    """Steps of weight 0 train nothing: the gradient is that of the mean over the others."""
    x, y = tokens_of(1)
    weights = np.ones((1, ROWS, LENGTH))
    weights[:, :, 2:] = 0
    network = network_of(model(), seeds=[1])
    network.backpropagate(x, y, weights)
    weighted = network.gradients.copy()
    short = network_of(model(), length=2, seeds=[1])
    short.backpropagate(x[..., :2], y[..., :2])
    np.testing.assert_allclose(weighted, short.gradients, rtol=1e-9, atol=1e-12)


def test_class_weights_of_steps() -> None:
    classes = np.array([[0, 0, 1], [2, 0, 0]])
    weights = nn.CrossEntropy(class_weights="balanced").row_weights(classes)
    np.testing.assert_allclose(weights, [[0.5, 0.5, 2], [2, 0.5, 0.5]])
    given = nn.CrossEntropy(class_weights=(1.0, 2.0, 3.0)).row_weights(classes)
    np.testing.assert_allclose(given, [[1, 1, 2], [3, 1, 1]])


def test_only_the_rows_of_tokens_that_occur_have_a_gradient() -> None:
    network = network_of([nn.Embedding(TOKENS, 3), nn.StepDense(2)], seeds=[1])
    x = np.array([[[2, 2, 5, 2, 5]]])
    network.backpropagate(x, np.zeros((1, 1, LENGTH), int))
    gradient = network.layers[0].at.gradients["weights"][0]
    assert set(np.flatnonzero(gradient.any(axis=1))) == {2, 5}


def test_prediction_gives_probabilities_for_each_step() -> None:
    x, _ = tokens_of()
    predicted = network_of(model()).predict(x[0])
    assert predicted.shape == (2, ROWS, LENGTH, TOKENS)
    np.testing.assert_allclose(predicted.sum(axis=-1), 1)


class TestWrongUse:
    def test_tokens_outside_the_vocabulary(self) -> None:
        network = network_of(model())
        for wrong in (-1, TOKENS):
            x, y = tokens_of()
            x[0, 0, 0] = wrong
            with pytest.raises(ValueError, match=r"tokens must lie between 0 and 6, but range"):
                network.backpropagate(x, y)

    def test_classes_outside_the_outputs(self) -> None:
        x, y = tokens_of()
        for wrong in (-1, TOKENS):
            y[0, 0, 0] = wrong
            with pytest.raises(ValueError, match=r"class indices must lie between 0 and 6"):
                network_of(model()).loss(x, y)

    def test_class_indices_for_a_loss_of_numbers(self) -> None:
        x, y = tokens_of()
        with pytest.raises(ValueError, match="not class indices"):
            network_of(model(), loss=nn.MeanSquaredError()).loss(x, y)

    def test_shapes(self) -> None:
        x, y = tokens_of()
        network = network_of(model())
        for targets in (y[..., :2], y[0, 0], y[..., np.newaxis]):
            with pytest.raises(ValueError, match="shape"):
                network.loss(x, targets)
        with pytest.raises(ValueError, match="tokens have shape"):
            network.predict(x[..., :2])

    def test_an_embedding_that_is_not_first(self) -> None:
        with pytest.raises(ValueError, match="embedding1 takes tokens, so it must be the first"):
            nn.Network(
                [nn.Dense(3), nn.Embedding(3, 2), nn.StepDense(2)], (3,), loss=nn.CrossEntropy()
            )

    def test_tied_weights_without_an_embedding(self) -> None:
        with pytest.raises(ValueError, match="begins with one"):
            nn.Network([nn.StepDense(2, tied=True)], (3, 4), loss=nn.CrossEntropy())

    def test_tied_weights_of_another_shape(self) -> None:
        layers = [nn.Embedding(5, 4), nn.RNN(3, output="all"), nn.StepDense(5, tied=True)]
        with pytest.raises(ValueError, match="5 tokens of 4 units, but it has 5 outputs for 3"):
            nn.Network(layers, (6,), loss=nn.CrossEntropy())
