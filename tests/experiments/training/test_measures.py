"""The metrics of `training.metrics`: what is recorded of each part and epoch."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
from sklearn import metrics as sk

import nn
from experiments.config.models import MLP
from experiments.config.schema import Run
from experiments.datasets import Dataset, Task
from experiments.errors import ConfigError
from experiments.training.checks import check
from experiments.training.loop import train
from experiments.training.metrics import compared, main_metrics, metric_named, remember_metrics
from experiments.training.outcome import Outcome
from nn.metrics import F1, MAE, R2, RMSE, ROCAUC, AveragePrecision, Metric, Precision, Recall
from tests.experiments.small_runs import make_dataset, make_run

CLASSES = (
    Precision(), Recall(), F1(), F1(average="weighted"), ROCAUC(), AveragePrecision(),
)  # fmt: skip
NUMBERS = (R2(), MAE(), RMSE())
TASKS = [Task.BINARY, Task.MULTICLASS, Task.MULTILABEL, Task.REGRESSION]


def run_of(task: Task, *metrics: Metric, **changes: Any) -> Run:
    return make_run(task, metrics=metrics, epochs=2, model=MLP(hidden=(4,)), **changes)


def metrics_of(task: Task) -> tuple[Metric, ...]:
    return NUMBERS if task is Task.REGRESSION else CLASSES


def only(runs: Any, dataset: Dataset) -> Outcome:
    (outcome,) = train([runs], dataset)
    return outcome


def outputs_of(run: Run, outcome: Outcome, dataset: Dataset, part: str) -> np.ndarray:
    """Predict with the reported weights."""
    outputs = outcome.weights["best/dense2/bias"].shape[-1]
    network = nn.Network(
        run.model.layers(outputs), dataset.shape, loss=run.loss, dtype=run.training.dtype
    )
    best = {k.removeprefix("best/"): v for k, v in outcome.weights.items() if k[:5] == "best/"}
    network.load(best)
    return network.predict(dataset.parts[part].inputs.astype(run.training.dtype))[0]


@pytest.mark.parametrize("task", TASKS)
def test_the_values_are_those_of_scikit_learn(task: Task) -> None:
    dataset = make_dataset(task, rows=(40, 30, 35))
    run = run_of(task, *metrics_of(task))
    outcome = only(run, dataset)
    for part, start in (("validation", "best/val_"), ("test", "test/")):
        outputs, truth = outputs_of(run, outcome, dataset, part), dataset.parts[part].targets
        if task is Task.REGRESSION:
            expected = {
                "r2": sk.r2_score(truth, outputs),
                "mae": sk.mean_absolute_error(truth, outputs),
                "rmse": sk.root_mean_squared_error(truth, outputs),
            }
        else:
            binary, several = task is Task.BINARY, task is Task.MULTILABEL
            scores = outputs[:, -1] if binary else outputs
            said = scores > 0.5 if binary or several else scores.argmax(axis=1)
            average: Any = "binary" if binary else "macro"
            more = {"multi_class": "ovr"} if task is Task.MULTICLASS else {}
            if more:  # a sum that is 1 but for rounding
                scores = scores.astype(np.float64)
                scores /= scores.sum(axis=1, keepdims=True)
            expected = {
                "precision": sk.precision_score(truth, said, average=average, zero_division=0),
                "recall": sk.recall_score(truth, said, average=average, zero_division=0),
                "f1": sk.f1_score(truth, said, average=average, zero_division=0),
                "f1_weighted": sk.f1_score(truth, said, average="weighted", zero_division=0),
                "roc_auc": sk.roc_auc_score(truth, scores, **more),
                "average_precision": sk.average_precision_score(truth, scores),
            }
        for key, value in expected.items():
            assert outcome.summary[f"{start}{key}"] == pytest.approx(value, rel=1e-6), key


def test_numbers_are_measured_in_the_units_of_the_data() -> None:
    from tests.experiments.training.test_shared_rows import split_of

    dataset = split_of(0, Task.REGRESSION)
    scaled = only(run_of(Task.REGRESSION, MAE(), RMSE()), dataset)
    assert scaled.summary["untrained/test_mae"] > 5  # of targets around 50, which scaled are near 0


def test_each_epoch_of_the_held_out_parts_is_measured() -> None:
    dataset = make_dataset(rows=(40, 30, 35))
    run = run_of(Task.MULTICLASS, F1(), test_every_epoch=True)
    outcome = only(run, dataset)
    assert len(outcome.metrics["val/f1"]) == len(outcome.metrics["test_curve/f1"]) == 3
    assert "train/f1" not in outcome.metrics
    assert outcome.summary["final/val_f1"] == outcome.metrics["val/f1"][-1]
    epoch = int(outcome.summary["best/epoch"])
    assert outcome.summary["best/val_f1"] == outcome.metrics["val/f1"][epoch]
    assert outcome.summary["test/f1"] == outcome.metrics["test_curve/f1"][epoch]


def test_nothing_is_measured_that_nobody_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> None:
        raise AssertionError

    monkeypatch.setattr("experiments.training.measures.Measures.of", fails)
    outcome = only(run_of(Task.MULTICLASS), make_dataset())
    assert not [name for name in outcome.metrics if "f1" in name]
    # The score of every regression is measured in any case, and not twice.
    assert "val/r2" in only(run_of(Task.REGRESSION, R2()), make_dataset(Task.REGRESSION)).metrics


@pytest.mark.parametrize("task", TASKS)
def test_metrics_have_the_same_bits_alone_and_stacked(task: Task) -> None:
    dataset = make_dataset(task, rows=(40, 30, 35))
    runs = [run_of(task, *metrics_of(task), seed=seed, dtype="float32") for seed in range(3)]
    names = [f"val/{metric.key}" for metric in metrics_of(task)]
    stacked = sorted(train(runs, dataset), key=lambda outcome: outcome.position)
    for run, found in zip(runs, stacked, strict=True):
        alone = only(run, dataset)
        for name in names:
            assert alone.metrics[name] == found.metrics[name]
        assert {k: v for k, v in alone.summary.items() if k[:5] != "time/"} == {
            k: v for k, v in found.summary.items() if k[:5] != "time/"
        }


def test_an_undefined_value_and_outputs_that_are_not_finite_are_not_recorded() -> None:
    dataset = make_dataset(Task.BINARY, rows=(40, 1, 35))
    outcome = only(run_of(Task.BINARY, ROCAUC(), F1()), dataset)
    assert outcome.metrics["val/roc_auc"] == [None] * 3
    assert "best/val_roc_auc" not in outcome.summary
    assert "test/roc_auc" in outcome.summary
    regression = make_dataset(Task.REGRESSION)
    diverged = only(run_of(Task.REGRESSION, MAE(), optimizer=nn.SGD(lr=1e30)), regression)
    assert diverged.metrics["val/mae"][-1] is None
    assert diverged.summary["untrained/test_mae"] > 0


@pytest.mark.parametrize(
    ("task", "metric", "words"),
    [
        (Task.REGRESSION, F1(), "f1 is defined for binary, multiclass and multilabel tasks"),
        (Task.MULTICLASS, MAE(), "mae is defined for regression tasks, and not for multiclass"),
        (Task.MULTILABEL, Recall(average="binary"), "recall_binary is the value of one of two"),
    ],
)
def test_what_is_not_defined_for_a_task_is_refused(task: Task, metric: Metric, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        check(run_of(task, metric), make_dataset(task))


@dataclass(frozen=True)
class Brier(Metric):
    """The mean squared error of the probabilities."""

    higher_is_better: ClassVar[bool] = False

    def value(self, predictions: Any) -> Any:
        return ((predictions.outputs - predictions.targets) ** 2).mean(axis=(1, 2))


@dataclass(frozen=True)
class Named(Metric):
    word: str = ""

    @property
    def key(self) -> str:
        return self.word

    def value(self, predictions: Any) -> Any:
        return np.zeros(len(predictions.outputs))


def test_a_metric_of_ones_own() -> None:
    dataset = make_dataset(Task.BINARY, rows=(40, 30, 35))
    run = run_of(Task.BINARY, Brier())
    outcome = only(run, dataset)
    outputs = outputs_of(run, outcome, dataset, "test")[:, -1]
    expected = ((outputs - dataset.test.targets) ** 2).mean()
    assert outcome.summary["test/brier"] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("word", ["loss", "accuracy", "a b", "", "1st", "a,b", "x" * 51])
def test_names_that_records_cannot_have_are_refused(word: str) -> None:
    with pytest.raises(ValueError, match="cannot be called"):
        run_of(Task.BINARY, Named(word))


def test_a_metric_is_listed_once() -> None:
    with pytest.raises(ValueError, match="metrics lists f1 twice"):
        run_of(Task.BINARY, F1(), F1())
    run_of(Task.BINARY, F1(), F1(average="weighted"))


def test_a_comparison_knows_name_and_direction() -> None:
    found = metric_named("test/f1_weighted")
    assert (found.long, found.higher_is_better, found.curve) == (
        "test F1 (weighted)", True, "val/f1_weighted",
    )  # fmt: skip
    assert found.untrained == "untrained/test_f1_weighted"
    assert not metric_named("best/val_mae").higher_is_better
    assert metric_named("val/roc_auc").is_curve
    measured = {"test/loss", "best/val_loss", "test/f1", "best/val_f1", "final/val_f1", "x/y"}
    assert main_metrics(measured) == ["test/loss", "best/val_loss", "test/f1", "best/val_f1"]
    assert {"test/f1", "best/val_f1", "final/val_f1"} <= set(compared(measured))


def test_the_direction_of_ones_own_metric_comes_with_the_record(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("experiments.training.metrics._OWN", {})
    assert metric_named("test/own_cost").curve is None
    remember_metrics({"own_cost": False, "own_gain": True, "loss": True, "f1": False})
    assert metric_named("test/own_gain").higher_is_better
    assert not metric_named("test/own_cost").higher_is_better
    assert metric_named("test/own_cost").long == "test own cost"
    # A record cannot turn what everybody knows.
    assert not metric_named("test/loss").higher_is_better
    assert metric_named("test/f1").higher_is_better
