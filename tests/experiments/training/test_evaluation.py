"""Loss and score of networks against scikit-learn and plain NumPy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

import nn
from experiments.datasets import Task
from experiments.training.evaluation import R2, Accuracy, Evaluated, ThresholdAccuracy, score_for
from nn.losses import Loss
from nn.network import Network
from nn.table_rows import TableRows

SIZES = [1, 2, 511, 512, 513, 1024, 1300]
IDENTITY = nn.activations.Identity()


def linear(weights: np.ndarray, loss: Loss, **options) -> Network:
    """Networks without hidden layers: weights (runs, features, outputs), no bias."""
    network = Network(
        [nn.Dense(weights.shape[2])],
        weights.shape[1],
        loss=loss,
        seeds=list(range(len(weights))),
        dtype="float64",
        **options,
    )
    network.load({"dense1/weights": weights, "dense1/bias": np.zeros(weights.shape[2])})
    return network


def evaluated(task: Task, inputs: np.ndarray, labels: np.ndarray, encoded: np.ndarray) -> Evaluated:
    targets = TableRows(encoded)
    return Evaluated(TableRows(inputs), targets, score_for(task, labels, targets))


def regression(inputs: np.ndarray, targets: np.ndarray) -> Evaluated:
    return Evaluated(TableRows(inputs), TableRows(targets), R2(targets))


def measured(part: Evaluated, network: Network) -> tuple[np.ndarray, np.ndarray]:
    """Return loss and score of each run."""
    values = part.measure(network)
    return values["loss"], values[part.score.name]


def echo(outputs: np.ndarray, loss: Loss, **options) -> Network:
    """A network whose logits are its inputs, so that tests choose the logits."""
    return linear(np.eye(outputs.shape[1])[np.newaxis], loss, **options)


@pytest.mark.parametrize("rows", SIZES)
def test_accuracy_and_cross_entropy_of_several_runs(rows: int) -> None:
    rng = np.random.default_rng(rows)
    inputs, weights = rng.normal(size=(rows, 4)), rng.normal(size=(3, 4, 5))
    labels = rng.integers(5, size=rows)
    part = evaluated(Task.MULTICLASS, inputs, labels, np.eye(5)[labels])
    assert isinstance(part.score, Accuracy)
    loss, score = measured(part, linear(weights, nn.CrossEntropy()))
    for run in range(3):
        z = inputs @ weights[run]
        p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        assert loss[run] == pytest.approx(metrics.log_loss(labels, p, labels=range(5)), rel=1e-12)
        assert score[run] == metrics.accuracy_score(labels, z.argmax(axis=1))
    assert loss.dtype == score.dtype == np.float64


@pytest.mark.parametrize("rows", SIZES)
def test_two_classes_from_one_output(rows: int) -> None:
    rng = np.random.default_rng(rows)
    inputs, weights = rng.normal(size=(rows, 3)), rng.normal(size=(2, 3, 1))
    labels = rng.integers(2, size=rows)
    part = evaluated(Task.BINARY, inputs, labels, labels[:, np.newaxis].astype(float))
    assert isinstance(part.score, ThresholdAccuracy)
    loss, score = measured(part, linear(weights, nn.BinaryCrossEntropy()))
    for run in range(2):
        p = 1 / (1 + np.exp(-(inputs @ weights[run])[:, 0]))
        assert loss[run] == pytest.approx(metrics.log_loss(labels, p, labels=[0, 1]), rel=1e-12)
        assert score[run] == metrics.accuracy_score(labels, p > 0.5)


def test_two_classes_from_one_output_of_a_squared_error() -> None:
    # The output itself is compared with ½ when nothing squeezes it into (0, 1).
    outputs = np.array([[0.4], [0.6], [-3.0], [7.0]])
    labels = np.array([0, 0, 0, 1])
    part = evaluated(Task.BINARY, outputs, labels, labels[:, np.newaxis].astype(float))
    loss, score = measured(part, echo(outputs, nn.MeanSquaredError()))
    assert score == [0.75]
    assert loss == pytest.approx([(0.16 + 0.36 + 9 + 36) / 4])


@pytest.mark.parametrize("rows", SIZES)
def test_several_labels_a_row(rows: int) -> None:
    rng = np.random.default_rng(rows)
    inputs, weights = rng.normal(size=(rows, 3)), rng.normal(size=(2, 3, 4))
    labels = rng.integers(2, size=(rows, 4)).astype(float)
    part = evaluated(Task.MULTILABEL, inputs, labels, labels)
    loss, score = measured(part, linear(weights, nn.BinaryCrossEntropy()))
    for run in range(2):
        p = 1 / (1 + np.exp(-inputs @ weights[run]))
        assert score[run] == pytest.approx(1 - metrics.hamming_loss(labels, p > 0.5), rel=1e-12)
        expected = -(labels * np.log(p) + (1 - labels) * np.log(1 - p)).mean()
        assert loss[run] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("rows", SIZES[1:])
@pytest.mark.parametrize("outputs", [1, 3])
def test_r2_and_squared_error(rows: int, outputs: int) -> None:
    rng = np.random.default_rng(rows)
    inputs, weights = rng.normal(size=(rows, 4)), rng.normal(size=(2, 4, outputs))
    targets = 100 + rng.normal(size=(rows, outputs)) * [1, 10, 0.1][:outputs]
    part = evaluated(Task.REGRESSION, inputs, targets, targets)
    assert isinstance(part.score, R2)
    loss, score = measured(part, linear(weights, nn.MeanSquaredError()))
    for run in range(2):
        predicted = inputs @ weights[run]
        assert loss[run] == pytest.approx(metrics.mean_squared_error(targets, predicted), rel=1e-12)
        assert score[run] == pytest.approx(metrics.r2_score(targets, predicted), rel=1e-9)


def test_r2_is_one_for_the_truth_and_zero_for_the_mean() -> None:
    targets = np.array([[1.0], [2.0], [6.0]])
    part = evaluated(Task.REGRESSION, targets, targets, targets)
    assert measured(part, echo(targets, nn.MeanSquaredError()))[1] == [1]
    mean = regression(np.full((3, 1), 3.0), targets)
    assert measured(mean, echo(targets, nn.MeanSquaredError()))[1] == [0]


@given(value=st.floats(-1e6, 1e6), rows=st.integers(1, 40), off=st.sampled_from([0.0, 1e-3, 10.0]))
def test_r2_of_a_constant_target(value: float, rows: int, off: float) -> None:
    targets = np.full((rows, 1), value)
    predicted = targets + off
    part = regression(predicted, targets)
    (score,) = measured(part, echo(targets, nn.MeanSquaredError()))[1]
    assert score == (1 if (predicted == targets).all() else 0)


def test_r2_of_one_constant_output_among_others() -> None:
    targets = np.array([[1.0, 0.1], [2.0, 0.1], [4.0, 0.1]])
    predicted = np.array([[1.5, 0.1], [2.0, 0.1], [3.0, 0.2]])
    (score,) = measured(regression(predicted, targets), echo(targets, nn.MeanSquaredError()))[1]
    assert score == pytest.approx((metrics.r2_score(targets[:, 0], predicted[:, 0]) + 0) / 2)


@pytest.mark.parametrize("targets", [[[1.0], [2.0]], [[3.0], [3.0]]], ids=["varied", "constant"])
def test_r2_of_outputs_that_are_not_numbers_is_no_success(targets: list[list[float]]) -> None:
    y = np.array(targets)
    with np.errstate(invalid="ignore"):
        part = regression(np.full_like(y, np.nan), y)
        (score,) = measured(part, echo(y, nn.MeanSquaredError()))[1]
    assert not score > 0


def test_one_sample() -> None:
    x = np.array([[2.0, -1.0, 0.5]])
    part = evaluated(Task.MULTICLASS, x, np.array([1]), np.array([[0.0, 1.0, 0.0]]))
    loss, score = measured(part, echo(x, nn.CrossEntropy()))
    assert loss == pytest.approx([1 + np.log(np.exp([2.0, -1.0, 0.5]).sum())])
    assert score == [0]


def test_the_loss_is_of_the_targets_as_they_are_whatever_the_smoothing() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(30, 3))
    labels = rng.integers(3, size=30)
    part = evaluated(Task.MULTICLASS, x, labels, np.eye(3)[labels])
    plain = measured(part, echo(x, nn.CrossEntropy()))[0]
    assert measured(part, echo(x, nn.CrossEntropy(label_smoothing=0.3)))[0] == plain


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_logits_of_ten_thousand(dtype: str) -> None:
    z = np.array([[1e4, -1e4], [-1e4, 1e4], [1e4, -1e4]])
    labels = np.array([0, 0, 0])
    network = Network([nn.Dense(2)], 2, loss=nn.CrossEntropy(), dtype=dtype)
    network.load({"dense1/weights": np.eye(2), "dense1/bias": np.zeros(2)})
    part = evaluated(Task.MULTICLASS, z, labels, np.eye(2)[labels])
    loss, score = measured(part, network)
    assert loss == pytest.approx([2e4 / 3])
    assert score == [2 / 3]


def test_evaluation_does_not_train_or_drop() -> None:
    layers = [nn.Dense(4), nn.BatchNorm(), nn.Dropout(0.9), nn.Dense(2)]
    network = Network(layers, 3, loss=nn.CrossEntropy(), dtype="float64")
    before = (network.parameters.tobytes(), network.statistics.tobytes())
    rng = np.random.default_rng(1)
    labels = rng.integers(2, size=700)
    part = evaluated(Task.MULTICLASS, rng.normal(size=(700, 3)), labels, np.eye(2)[labels])
    first, second = measured(part, network), measured(part, network)
    assert (first[0], first[1]) == (second[0], second[1])
    assert before == (network.parameters.tobytes(), network.statistics.tobytes())


def test_a_tie_goes_to_the_first_class_and_one_half_to_class_zero() -> None:
    z = np.zeros((4, 3))
    labels = np.array([0, 1, 2, 0])
    part = evaluated(Task.MULTICLASS, z, labels, np.eye(3)[labels])
    assert measured(part, echo(z, nn.CrossEntropy()))[1] == [0.5]
    y = np.array([[0.0], [1.0], [0.0], [0.0]])
    part = evaluated(Task.BINARY, np.zeros((4, 1)), y[:, 0].astype(int), y)
    assert measured(part, echo(y, nn.BinaryCrossEntropy()))[1] == [0.75]
