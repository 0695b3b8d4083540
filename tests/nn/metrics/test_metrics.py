"""Metrics of several runs against scikit-learn, one run at a time."""

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from nn.metrics import (
    F1,
    MAE,
    R2,
    RMSE,
    ROCAUC,
    AveragePrecision,
    Metric,
    Precision,
    Recall,
    Wrong,
)
from nn.metrics.metric import Predictions

RUNS = 3
COUNTED = {Precision: sk.precision_score, Recall: sk.recall_score, F1: sk.f1_score}
RANKED = {ROCAUC: sk.roc_auc_score, AveragePrecision: sk.average_precision_score}


def outputs_of(rng: np.random.Generator, rows: int, columns: int, *, ties: bool) -> Any:
    outputs = rng.random((RUNS, rows, columns))
    return outputs.round(1) if ties else outputs


def classes(seed: int, rows: int, count: int, *, ties: bool) -> tuple[Predictions, Any]:
    """Predictions of exclusive classes; with few rows, some classes are absent."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(count, size=rows)
    outputs = outputs_of(rng, rows, count, ties=ties)
    if count == 2:
        outputs[..., 0] = 1 - outputs[..., 1]
    task = "binary" if count == 2 else "multiclass"
    return Predictions(task, outputs, np.eye(count)[labels]), labels


def quietly(function: Any, *arguments: Any, **options: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*arguments, **options)


@given(
    seed=st.integers(0, 99), rows=st.sampled_from([1, 2, 5, 60]), count=st.sampled_from([2, 3, 5]),
    ties=st.booleans(), average=st.sampled_from([None, "macro", "weighted"]),
)  # fmt: skip
@pytest.mark.parametrize("kind", COUNTED)
def test_counts_of_classes(
    kind: type[Metric], seed: int, rows: int, count: int, ties: bool, average: Any
) -> None:
    predictions, labels = classes(seed, rows, count, ties=ties)
    found = kind(average=average).value(predictions)
    used = average or ("binary" if count == 2 else "macro")
    for run in range(RUNS):
        said = predictions.outputs[run].argmax(axis=1)
        expected = COUNTED[kind](labels, said, average=used, zero_division=0.0)
        assert found[run] == pytest.approx(expected, rel=1e-12, abs=1e-15)


@given(seed=st.integers(0, 99), rows=st.sampled_from([1, 4, 50]), ties=st.booleans(),
       average=st.sampled_from([None, "macro", "weighted"]))  # fmt: skip
@pytest.mark.parametrize("kind", COUNTED)
def test_counts_of_labels(
    kind: type[Metric], seed: int, rows: int, ties: bool, average: Any
) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.integers(2, size=(rows, 4))
    predictions = Predictions("multilabel", outputs_of(rng, rows, 4, ties=ties), truth * 1.0)
    found = kind(average=average).value(predictions)
    for run in range(RUNS):
        said = predictions.outputs[run] > 0.5
        expected = COUNTED[kind](truth, said, average=average or "macro", zero_division=0.0)
        assert found[run] == pytest.approx(expected, rel=1e-12, abs=1e-15)


@given(seed=st.integers(0, 99), rows=st.sampled_from([2, 5, 60]), ties=st.booleans())
@pytest.mark.parametrize("kind", RANKED)
def test_ranks_of_two_classes(kind: type[Metric], seed: int, rows: int, ties: bool) -> None:
    predictions, labels = classes(seed, rows, 2, ties=ties)
    found = kind().value(predictions)
    for run in range(RUNS):
        expected = quietly(RANKED[kind], labels, predictions.outputs[run, :, 1])
        assert found[run] == pytest.approx(expected, rel=1e-12, nan_ok=True)


@given(seed=st.integers(0, 99), ties=st.booleans(), average=st.sampled_from(["macro", "weighted"]))
@pytest.mark.parametrize("kind", RANKED)
def test_ranks_of_classes(kind: type[Metric], seed: int, ties: bool, average: Any) -> None:
    predictions, labels = classes(seed, 60, 4, ties=ties)
    outputs = predictions.outputs + 1e-3
    outputs /= outputs.sum(axis=2, keepdims=True)  # scikit-learn asks for probabilities
    predictions = Predictions("multiclass", outputs, predictions.targets)
    found = kind(average=average).value(predictions)
    options = {"multi_class": "ovr"} if kind is ROCAUC else {}
    for run in range(RUNS):
        expected = RANKED[kind](labels, outputs[run], average=average, **options)
        assert found[run] == pytest.approx(expected, rel=1e-12)


@given(seed=st.integers(0, 99), rows=st.sampled_from([2, 6, 50]), ties=st.booleans())
@pytest.mark.parametrize("average", ["macro", "weighted"])
@pytest.mark.parametrize("kind", RANKED)
def test_ranks_of_labels(
    kind: type[Metric], average: Any, seed: int, rows: int, ties: bool
) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.integers(2, size=(rows, 3))
    predictions = Predictions("multilabel", outputs_of(rng, rows, 3, ties=ties), truth * 1.0)
    found = kind(average=average).value(predictions)
    if kind is ROCAUC and average == "weighted" and not truth.any(axis=0).all():
        return  # a label without rows weighs nothing here, and makes scikit-learn's mean NaN
    for run in range(RUNS):
        expected = quietly(RANKED[kind], truth, predictions.outputs[run], average=average)
        assert found[run] == pytest.approx(expected, rel=1e-12, nan_ok=True)


def test_a_class_without_rows_leaves_the_area_undefined_and_the_precision_zero() -> None:
    outputs = np.array([[[0.2, 0.5, 0.3], [0.6, 0.3, 0.1], [0.1, 0.7, 0.2]]])
    predictions = Predictions("multiclass", outputs, np.eye(3)[[0, 0, 1]])
    assert np.isnan(ROCAUC().value(predictions)).all()
    both = (AveragePrecision().value(predictions) * 3)[0]
    assert both == pytest.approx(sk.average_precision_score([1, 1, 0], outputs[0, :, 0]) + 1)


NUMBERS = {R2: sk.r2_score, MAE: sk.mean_absolute_error, RMSE: sk.root_mean_squared_error}


@given(seed=st.integers(0, 99), rows=st.sampled_from([2, 40]), constant=st.booleans())
@pytest.mark.parametrize("kind", NUMBERS)
def test_numbers(kind: type[Metric], seed: int, rows: int, constant: bool) -> None:
    rng = np.random.default_rng(seed)
    targets = rng.normal(7, 3, size=(rows, 2))
    if constant:
        targets[:, 0] = 0.5  # the mean of 0.1s differs from 0.1, by which scikit-learn divides
    outputs = targets + rng.normal(size=(RUNS, rows, 2))
    outputs[1] = targets
    found = kind().value(Predictions("regression", outputs, targets))
    for run in range(RUNS):
        expected = NUMBERS[kind](targets, outputs[run])
        assert found[run] == pytest.approx(expected, rel=1e-10, abs=1e-14)


def test_names_tasks_and_directions() -> None:
    assert F1().key == "f1"
    assert F1(average="weighted").key == "f1_weighted"
    assert [kind.key for kind in (ROCAUC(), MAE())] == ["roc_auc", "mae"]
    assert F1().higher_is_better
    assert not RMSE().higher_is_better
    assert "regression" in str(F1().misfit("regression"))
    assert "multiclass" in str(F1(average="binary").misfit("multiclass"))
    assert F1().misfit("multilabel") is None
    assert "binary" in str(MAE().misfit("binary"))
    with pytest.raises(ValueError, match="average must be one of binary, macro, weighted"):
        F1(average="median")


def test_wrong_rows_counted_by_loops() -> None:
    rng = np.random.default_rng(4)
    outputs, targets = rng.random((RUNS, 30, 2)), rng.random((30, 2))
    targets[0] = outputs[0, 0] + [0.25, 0.0]  # an error of the tolerance itself is too large
    found = Wrong(tolerance=0.25).value(Predictions("regression", outputs, targets))
    for run in range(RUNS):
        pairs = zip(outputs[run], targets, strict=True)
        assert found[run] == sum(
            any(abs(a - b) >= 0.25 for a, b in zip(*p, strict=True)) for p in pairs
        )
    labels = rng.integers(3, size=40)
    outputs = rng.dirichlet(np.ones(3), (RUNS, 40))
    predictions = Predictions("multiclass", outputs, np.eye(3)[labels])
    assert Wrong().value(predictions).tolist() == [
        sum(each.argmax(axis=1) != labels) for each in outputs
    ]
    strict = Wrong(tolerance=0.3).value(predictions)
    assert strict.tolist() == [
        sum((np.abs(each - np.eye(3)[labels]) >= 0.3).any(axis=1)) for each in outputs
    ]


def test_a_sequence_is_wrong_if_a_step_is() -> None:
    targets = np.eye(3)[[0, 1, 2, 2, 0, 1]]
    outputs = np.stack([targets] * 4)
    outputs[1, 1] = outputs[2, 2] = outputs[2, 4] = outputs[3, 3] = outputs[3, 5] = [0.5, 0.3, 0.2]
    outputs[3, 4] = targets[4]
    sequences = np.array([0, 0, 1, 2, 2, 2])
    predictions = Predictions("multiclass", outputs, targets, sequences)
    assert Wrong().value(predictions).tolist() == [0, 1, 1, 1]
