"""How targets are encoded for a loss, and which losses are refused."""

import itertools

import numpy as np
import pytest

import nn
from experiments.datasets import Part, Task
from experiments.errors import ConfigError
from experiments.training.targets import Encoding, encoding_for
from nn.activations import Identity, Sigmoid, Softmax, Tanh
from nn.losses import Loss
from nn.objective import Objective
from tests.experiments.small_runs import make_dataset

CE, BCE, KL = nn.CrossEntropy(), nn.BinaryCrossEntropy(), nn.KLDivergence()
MSE, MAE, HUBER = nn.MeanSquaredError(), nn.MeanAbsoluteError(), nn.Huber()


@pytest.mark.parametrize(
    ("task", "objective", "expected"),
    [
        (Task.BINARY, Objective(BCE), Encoding(1, one_hot=False)),
        (Task.BINARY, Objective(MSE), Encoding(1, one_hot=False)),
        (Task.BINARY, Objective(MSE, Sigmoid()), Encoding(1, one_hot=False)),
        (Task.BINARY, Objective(HUBER, Tanh()), Encoding(1, one_hot=False)),
        (Task.BINARY, Objective(CE), Encoding(2, one_hot=True)),
        (Task.BINARY, Objective(KL), Encoding(2, one_hot=True)),
        (Task.BINARY, Objective(BCE, Softmax()), Encoding(2, one_hot=True)),
        (Task.BINARY, Objective(MSE, Softmax()), Encoding(2, one_hot=True)),
        (Task.MULTICLASS, Objective(CE), Encoding(4, one_hot=True)),
        (Task.MULTICLASS, Objective(BCE), Encoding(4, one_hot=True)),
        (Task.MULTICLASS, Objective(MSE, Sigmoid()), Encoding(4, one_hot=True)),
        (Task.MULTILABEL, Objective(BCE), Encoding(4, one_hot=False)),
        (Task.MULTILABEL, Objective(MSE), Encoding(4, one_hot=False)),
        (Task.REGRESSION, Objective(MSE), Encoding(4, one_hot=False)),
        (Task.REGRESSION, Objective(HUBER, Tanh()), Encoding(4, one_hot=False)),
    ],
)
def test_encoding(task: Task, objective: Objective, expected: Encoding) -> None:
    assert encoding_for(make_dataset(task, outputs=4), objective) == expected


@pytest.mark.parametrize(
    ("task", "objective", "cure"),
    [
        (Task.REGRESSION, Objective(CE), "mse"),
        (Task.REGRESSION, Objective(BCE), "mse"),
        (Task.REGRESSION, Objective(KL), "mse"),
        (Task.MULTILABEL, Objective(CE), "binary_cross_entropy"),
        (Task.MULTILABEL, Objective(KL), "binary_cross_entropy"),
        (Task.MULTILABEL, Objective(BCE, Softmax()), "binary_cross_entropy"),
        (Task.MULTILABEL, Objective(MSE, Softmax()), "binary_cross_entropy"),
    ],
)
def test_a_loss_that_does_not_fit(task: Task, objective: Objective, cure: str) -> None:
    with pytest.raises(ConfigError) as caught:
        encoding_for(make_dataset(task), objective)
    message = str(caught.value)
    assert message.startswith(f"loss: {objective.loss.name}")
    assert "does not fit dataset small" in message
    assert f"use loss={cure}" in message
    assert str(task) in message


LOSSES: list[Loss] = [CE, KL, BCE, MSE, MAE, HUBER]


def test_whatever_is_not_refused_has_targets_of_the_outputs_shape() -> None:
    activations = [None, Identity(), Sigmoid(), Softmax()]
    accepted = 0
    for task, loss, activation in itertools.product(Task, LOSSES, activations):
        dataset = make_dataset(task, rows=(7, 5, 4))
        try:
            encoding = encoding_for(dataset, Objective(loss, activation))
        except (ConfigError, ValueError):
            continue  # which of them are refused is tested above
        accepted += 1
        for part in dataset.parts.values():
            encoded = encoding.encode(part.targets, "float32")
            assert encoded.shape == (len(part), encoding.outputs), (task, loss, activation)
            assert encoded.dtype == np.float32
            if task.has_classes and encoding.one_hot:
                assert (encoded.sum(axis=1) == 1).all()
                assert (encoded.argmax(axis=1) == part.targets).all()
            else:
                assert (encoded == part.targets.reshape(encoded.shape).astype(np.float32)).all()
    # Squared, absolute and Huber errors fit every task under three or more activations.
    assert accepted >= 3 * (3 + 3 + 3 + 3)


def test_encoded_by_hand() -> None:
    part = Part(np.zeros((3, 1)), np.array([2, 0, 1]))
    assert Encoding(3, one_hot=True).encode(part.targets, "float64").tolist() == [
        [0, 0, 1],
        [1, 0, 0],
        [0, 1, 0],
    ]
    part = Part(np.zeros((3, 1)), np.array([1, 0, 1]))
    encoded = Encoding(1, one_hot=False).encode(part.targets, "float32")
    assert encoded.tolist() == [[1], [0], [1]]
    assert part.targets.dtype == np.int64  # the dataset's own are as they were


def test_a_class_without_rows_keeps_its_output() -> None:
    part = Part(np.zeros((2, 1)), np.array([0, 1]))
    assert Encoding(3, one_hot=True).encode(part.targets, "float32").shape == (2, 3)
