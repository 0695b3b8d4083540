"""A user's own losses and activations get whatever ours get, by what their classes declare."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix

import nn
from experiments.analysis.groups import group_runs
from experiments.datasets import Dataset, Task
from experiments.errors import ConfigError
from experiments.reporting.figures.looks import looks_of
from experiments.reporting.figures.networks.confusion import plot_confusion
from experiments.reporting.figures.networks.outputs import best_outputs, class_shares
from experiments.reporting.figures.networks.shown import shown
from experiments.runs.record import Record
from experiments.serving.predictor import Predictor
from experiments.training.targets import Encoding, encoding_for
from tests.experiments.own_parts import OwnClassLoss, OwnLabelLoss, OwnSigmoid, OwnSoftmax
from tests.experiments.reporting.figures.networks.trained_sweeps import train_sweep, words
from tests.experiments.small_runs import make_dataset

OURS = frozenset({"tests"})

PAIRS = {
    ("binary", "sigmoid"): (OwnLabelLoss, OwnSigmoid),
    ("binary", "softmax"): (OwnClassLoss, OwnSoftmax),
    ("multiclass", "sigmoid"): (OwnLabelLoss, OwnSigmoid),
    ("multiclass", "softmax"): (OwnClassLoss, OwnSoftmax),
    ("multilabel", "sigmoid"): (OwnLabelLoss, OwnSigmoid),
}


def trained(folder: Path, task: str, kind: str) -> tuple[Record, Dataset]:
    loss, activation = PAIRS[task, kind]
    dataset = make_dataset(Task(task), rows=(40, 11, 31))
    (record,) = train_sweep(
        folder,
        dataset,
        ["Adam"],
        loss={"_target_": f"{loss.__module__}.{loss.__name__}"},
        model__output_activation={"_target_": f"{loss.__module__}.{activation.__name__}"},
    )
    return record, dataset


@pytest.mark.parametrize(("task", "kind"), [pair for pair in PAIRS if pair[0] != "multilabel"])
def test_classes(tmp_path: Path, task: str, kind: str) -> None:
    record, dataset = trained(tmp_path, task, kind)
    table = Predictor(record, trusted=OURS).predict(dataset.test.inputs)
    names = list(dataset.target_names)
    assert list(table) == ["prediction", *(f"probability_{name}" for name in names)]
    probabilities = table[[f"probability_{name}" for name in names]].to_numpy()
    assert (probabilities >= 0).all()
    assert (probabilities <= 1).all()
    if task == "binary" or kind == "softmax":
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert table["prediction"].tolist() == [names[i] for i in probabilities.argmax(axis=1)]
    true = [names[i] for i in dataset.test.targets]
    right = accuracy_score(true, table["prediction"])
    assert record.summary["test/accuracy"] == pytest.approx(right, rel=1e-12)
    shares = class_shares(
        record, best_outputs(record, dataset.test.inputs, trusted=OURS), trusted=OURS
    )
    expected = probabilities / probabilities.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shares, expected, rtol=1e-5)
    groups = group_runs([record])
    figure = plot_confusion(shown(groups, looks_of(groups), trusted=OURS), dataset)
    counts = confusion_matrix(true, table["prediction"], labels=names)
    assert f"{np.trace(counts)} of 31 right, {right:.1%}" in words(figure)


def test_labels(tmp_path: Path) -> None:
    record, dataset = trained(tmp_path, "multilabel", "sigmoid")
    table = Predictor(record, trusted=OURS).predict(dataset.test.inputs)
    names = list(dataset.target_names)
    assert list(table) == [*names, *(f"probability_{name}" for name in names)]
    probabilities = table[[f"probability_{name}" for name in names]].to_numpy()
    predicted = table[names].to_numpy()
    np.testing.assert_array_equal(predicted, probabilities > 0.5)
    share = (predicted == dataset.test.targets).mean()
    assert record.summary["test/accuracy"] == pytest.approx(share, rel=1e-12)


@pytest.mark.parametrize("task", [Task.BINARY, Task.MULTICLASS, Task.MULTILABEL, Task.REGRESSION])
@pytest.mark.parametrize(
    ("own", "ours"),
    [
        ((OwnLabelLoss(), OwnSigmoid()), (nn.BinaryCrossEntropy(), nn.activations.Sigmoid())),
        ((OwnLabelLoss(), OwnSoftmax()), (nn.BinaryCrossEntropy(), nn.activations.Softmax())),
        ((OwnClassLoss(), OwnSigmoid()), (nn.CrossEntropy(), nn.activations.Sigmoid())),
        ((OwnClassLoss(), OwnSoftmax()), (nn.CrossEntropy(), nn.activations.Softmax())),
        ((nn.MeanSquaredError(), OwnSigmoid()), (nn.MeanSquaredError(), nn.activations.Sigmoid())),
        ((nn.MeanSquaredError(), OwnSoftmax()), (nn.MeanSquaredError(), nn.activations.Softmax())),
    ],
    ids=str,
)
def test_targets_are_encoded_or_refused_as_for_ours(task: Task, own: tuple, ours: tuple) -> None:
    def outcome(parts: tuple) -> Encoding | str:
        try:
            return encoding_for(make_dataset(task), nn.Objective(*parts))
        except ConfigError as error:
            return str(error).partition("does not fit")[2]

    assert outcome(own) == outcome(ours)


def test_a_loss_over_probabilities_refuses_other_outputs() -> None:
    with pytest.raises(ValueError, match="OwnLabelLoss needs outputs that are probabilities"):
        nn.Objective(OwnLabelLoss(), nn.activations.Tanh())
