"""Probes against plain arithmetic and full Hessians."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nn
from nn.activations import Tanh
from nn.functions import Eigenvalues, Quadratic, Rosenbrock
from nn.layers import Layer, Residual
from nn.optimizers import OptimizerStack
from nn.probes import ClassLoss, Distance, Norms, Probed, Sharpness
from nn.probes.sharpness import largest_eigenvalues


def probed_of(
    network: nn.Network, x: np.ndarray, y: np.ndarray, optimizers: OptimizerStack | None = None
) -> Probed:
    size = network.layout.size
    divisor = (
        optimizers.preconditioner(size) if optimizers else np.full((network.runs, size), np.nan)
    )
    start = np.zeros_like(network.parameters)
    weights = network.objective.loss.row_weights(y)
    return Probed(
        network.without_noise("float64"),
        x[np.newaxis],
        y[np.newaxis],
        None if weights is None else weights[np.newaxis],
        start,
        divisor,
    )


def small(layers: list[Layer], loss: nn.Loss, **options: Any) -> tuple[nn.Network, Any, Any]:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 3)), np.eye(2)[rng.integers(2, size=20)]
    return nn.Network(layers, 3, loss=loss, seeds=[0, 1], **options), x, y


def full_hessian(probed: Probed) -> np.ndarray:
    """The Hessian of each run, column by column, from differences of gradients."""
    columns = []
    for place in range(probed.network.layout.size):
        step = np.zeros(probed.network.layout.size)
        step[place] = 1e-5
        columns.append((probed.gradients(step) - probed.gradients(-step)) / 2e-5)
    hessian = np.stack(columns, axis=2)
    return (hessian + hessian.transpose(0, 2, 1)) / 2


NETWORKS = {
    "cross-entropy": lambda: small(nn.mlp([4], 2, activation=Tanh()), nn.CrossEntropy()),
    "squares": lambda: small(nn.mlp([4], 2, activation=Tanh()), nn.MeanSquaredError()),
    "smoothed": lambda: small([nn.Dense(2)], nn.CrossEntropy(label_smoothing=0.3)),
    "weighted": lambda: small([nn.Dense(2)], nn.CrossEntropy(class_weights=(1.0, 5.0))),
    "batch norm": lambda: small(
        nn.mlp([4], 2, activation=Tanh(), normalization="batch"), nn.CrossEntropy()
    ),
    "dropout": lambda: small(nn.mlp([4], 2, activation=Tanh(), dropout=0.5), nn.CrossEntropy()),
}


def test_a_copy_without_noise_draws_nothing_however_deep_a_layer_lies() -> None:
    block = Residual([nn.Dense(3), nn.Dropout(0.5)], [nn.Dropout(0.5)])
    layers = [nn.Dropout(0.5), block, Residual([nn.Dropout(0.5)]), nn.Dense(2)]
    network, x, y = small(layers, nn.CrossEntropy(), dtype="float64")
    probed = probed_of(network, x, y)
    copied = probed.network
    assert list(copied.layout.slices) == list(network.layout.slices)
    np.testing.assert_array_equal(copied.parameters, network.parameters)
    first, second = probed.gradients(), probed.gradients()
    np.testing.assert_array_equal(first, second)
    for training in (False, True):
        logits = copied.forward(x[np.newaxis], training=training)
        np.testing.assert_allclose(logits, network.forward(x[np.newaxis]), rtol=1e-12)


@pytest.mark.parametrize("made", NETWORKS.values(), ids=NETWORKS.keys())
def test_sharpness_is_the_largest_eigenvalue_of_the_hessian(made: Callable[[], Any]) -> None:
    network, x, y = made()
    probed = probed_of(network, x, y)
    expected = np.linalg.eigvalsh(full_hessian(probed))[:, -1]
    found = Sharpness(tolerance=1e-8).measure(probed)[""]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("optimizer", "divisor"),
    [
        (nn.Adam(eps=1e-3), lambda g: np.abs(g) + 1e-3),
        (nn.AMSGrad(eps=1e-3), lambda g: np.abs(g) + 1e-3),
        (nn.NAdam(eps=1e-3), lambda g: np.abs(g) + 1e-3),
        (nn.RMSprop(eps=1e-3), lambda g: np.abs(g) / 10 + 1e-3),
        (nn.RMSprop(eps=1e-3, centered=True), lambda g: np.abs(g) * np.sqrt(0.0099) + 1e-3),
        (nn.AdamW(eps=1e-3, amsgrad=True), lambda g: np.abs(g) + 1e-3),
        (nn.AdaBelief(eps=1e-12), lambda g: np.sqrt((0.9 * g) ** 2 + 1e-9) + 1e-12),
        (nn.AdEMAMix(eps=1e-3), lambda g: np.abs(g) + 1e-3),
        (nn.Adan(eps=1e-3), lambda g: np.abs(g) + 1e-3),
        (nn.Yogi(initial_accumulator=0.0), lambda g: np.abs(g) + 1e-3),
        (nn.Adagrad(eps=1e-3), lambda g: np.abs(g) + 1e-3),
        (nn.RAdam(), np.ones_like),  # the first steps are not rectified
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_preconditioned_sharpness(
    optimizer: nn.Optimizer, divisor: Callable[[np.ndarray], np.ndarray]
) -> None:
    network, x, y = small(nn.mlp([4], 2, activation=Tanh()), nn.CrossEntropy(), dtype="float64")
    stack = OptimizerStack.of(network, optimizer)
    network.backpropagate(x, y)
    expected = divisor(network.gradients.copy())
    stack.step(network.parameters, network.gradients)
    probed = probed_of(network, x, y, stack)
    np.testing.assert_allclose(probed.preconditioner, expected, rtol=1e-10)
    hessian = full_hessian(probed)
    root = np.sqrt(expected)
    scaled = hessian / root[:, :, np.newaxis] / root[:, np.newaxis]
    found = Sharpness(preconditioned=True, tolerance=1e-8).measure(probed)[""]
    np.testing.assert_allclose(found, np.linalg.eigvalsh(scaled)[:, -1], rtol=1e-4)


def test_the_preconditioner_of_adam_is_that_of_its_bias_corrected_average() -> None:
    network, x, y = small([nn.Dense(2)], nn.CrossEntropy(), dtype="float64")
    stack = OptimizerStack.of(network, [nn.Adam(beta2=0.9), nn.SGD()])
    assert np.isnan(stack.preconditioner(network.layout.size)).all()  # before the first step
    average = np.zeros(network.layout.size)
    for _ in range(5):
        network.backpropagate(x, y)
        average = 0.9 * average + 0.1 * network.gradients[0] ** 2
        stack.step(network.parameters, network.gradients)
    adam, sgd = stack.preconditioner(network.layout.size)
    np.testing.assert_allclose(adam, np.sqrt(average / (1 - 0.9**5)) + 1e-8)
    assert np.isnan(sgd).all()
    sharpness = Sharpness(preconditioned=True).measure(probed_of(network, x, y, stack))[""]
    assert np.isfinite(sharpness).tolist() == [True, False]


def test_sharpness_of_functions_with_a_known_hessian() -> None:
    spectrum = (Eigenvalues(0.5, -80, -60), Eigenvalues(0.5, 1, 2))
    quadratic = Quadratic(spectrum=spectrum)
    rows = np.zeros((1, 10))
    network = nn.Network([quadratic], 10, loss=nn.Value(), dtype="float64")
    found = Sharpness(tolerance=1e-8).measure(probed_of(network, rows, np.zeros((1, 1))))[""]
    # The most positive one, although negative ones are larger in magnitude.
    assert found == pytest.approx(np.linalg.eigvalsh(quadratic.hessian(10))[-1], rel=1e-6)
    network = nn.Network([Rosenbrock(start=(1.0, 1.0))], 2, loss=nn.Value(), dtype="float64")
    found = Sharpness().measure(probed_of(network, np.zeros((1, 2)), np.zeros((1, 1))))[""]
    assert found == pytest.approx(1001.6, rel=1e-5)  # of [[802, -400], [-400, 200]]


def symmetric(eigenvalues: list[float], seed: int = 0) -> np.ndarray:
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(len(eigenvalues),) * 2))[0]
    return turn * eigenvalues @ turn.T


@pytest.mark.parametrize(
    "eigenvalues",
    [[3.0], [-5.0, -1.0], [2.0, 2.0, 2.0], [0.0, 0.0], [-100.0, 1e-3, 0.5], [*range(40)]],
    ids=str,
)
def test_lanczos_finds_the_largest_eigenvalue(eigenvalues: list[float]) -> None:
    matrix = symmetric(eigenvalues)
    start = np.random.default_rng(1).normal(size=(1, len(eigenvalues)))
    found = largest_eigenvalues(lambda v: v @ matrix, start, 100, 1e-10)
    assert found == pytest.approx([max(eigenvalues)], rel=1e-8, abs=1e-12)


def test_a_run_of_lanczos_does_not_depend_on_others() -> None:
    matrices = np.stack(
        [symmetric([*range(30)]), symmetric([2.0] * 30), symmetric([0.0] * 29 + [1])]
    )
    start = np.random.default_rng(1).normal(size=(3, 30))

    def found(rows: list[int]) -> np.ndarray:
        own = matrices[rows]
        return largest_eigenvalues(
            lambda v: np.matmul(own, v[:, :, np.newaxis])[:, :, 0], start[rows], 50, 1e-3
        )

    together = found([0, 1, 2])
    assert [float(found([row])[0]) for row in range(3)] == together.tolist()
    matrices[1, 0, 0] = np.inf
    with np.errstate(invalid="ignore"):
        assert np.isnan(found([0, 1, 2])).tolist() == [False, True, False]


def test_class_loss() -> None:
    _, x, y = small([nn.Dense(2)], nn.CrossEntropy())
    y = np.hstack([y, np.zeros((20, 1))])  # a class without rows
    network = nn.Network([nn.Dense(3)], 3, loss=nn.CrossEntropy(), seeds=[0, 1], dtype="float64")
    found = ClassLoss().measure(probed_of(network, x, y))
    logits = network.forward(x[np.newaxis])
    losses = -np.log((np.exp(logits) * y).sum(axis=2) / np.exp(logits).sum(axis=2))
    for label in (0, 1):
        np.testing.assert_allclose(
            found[str(label)], losses[:, y[:, label] == 1].mean(axis=1), rtol=1e-10
        )
    assert np.isnan(found["2"]).all()


def test_class_loss_of_one_output() -> None:
    network = nn.Network([nn.Dense(1)], 3, loss=nn.BinaryCrossEntropy(), dtype="float64")
    x, y = np.random.default_rng(0).normal(size=(9, 3)), np.arange(9)[:, np.newaxis] % 2.0
    found = ClassLoss().measure(probed_of(network, x, y))
    p = network.predict(x)[0, :, 0]
    assert found["0"] == pytest.approx([-np.log(1 - p[::2]).mean()])
    assert found["1"] == pytest.approx([-np.log(p[1::2]).mean()])


def test_distance_and_norms() -> None:
    network, x, y = small(nn.mlp([4], 2, activation=Tanh()), nn.CrossEntropy(), dtype="float64")
    probed = probed_of(network, x, y)
    before = probed.network.parameters.copy()
    distance = Distance().measure(probed)[""]
    np.testing.assert_allclose(distance, np.linalg.norm(network.parameters, axis=1))
    found = Norms().measure(probed)
    network.backpropagate(x, y)
    np.testing.assert_allclose(found["gradient"], np.linalg.norm(network.gradients, axis=1))
    for name, place in network.layout.slices.items():
        for what, flat in (("weights", network.parameters), ("gradient", network.gradients)):
            expected = np.linalg.norm(flat[:, place], axis=1)
            np.testing.assert_allclose(found[f"{what}/{name}"], expected)
    np.testing.assert_array_equal(probed.network.parameters, before)


def test_gradients_are_those_of_the_weighted_mean() -> None:
    network, x, y = small([nn.Dense(2)], nn.CrossEntropy(class_weights=(1.0, 5.0)), dtype="float64")
    weights = y @ [1.0, 5.0]
    share = (weights / weights.sum())[:, np.newaxis]
    logits = network.forward(x[np.newaxis])
    p = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    expected = np.matmul(x.T, share * (p - y)).reshape(2, -1)
    found = probed_of(network, x, y).gradients()
    np.testing.assert_allclose(found[:, : expected.shape[1]], expected, atol=1e-12)


def test_the_loss_of_a_class_of_streams_is_that_of_its_rows() -> None:
    layers = [nn.Embedding(5, 4), nn.LSTM(4, output="all"), nn.StepDense(5)]
    network = nn.Network(layers, 3, loss=nn.CrossEntropy(), seeds=[0, 1], carries=True)
    # More rows than streams, so that these are not read in their order.
    x = np.random.default_rng(0).integers(5, size=(80, 3))
    probed = probed_of(network, x, (x + 1) % 5)
    found = ClassLoss().measure(probed)
    outputs = probed.network.predict(x)
    for label in range(5):
        surprise = -np.log(outputs[..., label])[:, (x + 1) % 5 == label]
        np.testing.assert_allclose(found[str(label)], surprise.mean(axis=1))


def test_gradients_of_classes_of_steps_are_those_of_training() -> None:
    """They begin with states of zero each time, and have label smoothing."""
    layers = [nn.Embedding(5, 4), nn.LSTM(4, output="all"), nn.StepDense(5)]
    loss = nn.CrossEntropy(label_smoothing=0.3)
    network = nn.Network(layers, 3, loss=loss, seeds=[0, 1], dtype="float64", carries=True)
    x = np.random.default_rng(0).integers(5, size=(8, 3))
    probed = probed_of(network, x, (x + 1) % 5)
    network.backpropagate(x, (x + 1) % 5)
    for _ in range(2):
        np.testing.assert_array_equal(probed.gradients(), network.gradients)
