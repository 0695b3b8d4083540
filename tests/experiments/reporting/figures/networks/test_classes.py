"""Confusion matrices, hardest examples and decision boundaries: right numbers."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import confusion_matrix

from experiments.analysis.groups import group_runs
from experiments.datasets import Csv, Digits, Task
from experiments.reporting.figures.networks.boundaries import (
    boundary_epochs,
    class_regions,
    plot_boundaries,
)
from experiments.reporting.figures.networks.confusion import confusion_counts, plot_confusion
from experiments.reporting.figures.networks.hardest import hardest, plot_hardest, raw_value
from experiments.reporting.figures.networks.outputs import (
    best_outputs,
    class_shares,
    predicted_classes,
)
from experiments.serving.predictor import Predictor
from tests.experiments.reporting.figures.networks.trained_sweeps import rows_of, train_sweep, words
from tests.experiments.small_runs import make_dataset

pairs = st.integers(1, 60).flatmap(
    lambda n: st.tuples(*[hnp.arrays(np.int64, n, elements=st.integers(0, 4))] * 2)
)


@given(pairs)
def test_counts_are_scikit_learns(classes: tuple[Any, Any]) -> None:
    true, predicted = classes
    expected = confusion_matrix(true, predicted, labels=range(5))
    np.testing.assert_array_equal(confusion_counts(true, predicted, 5), expected)


@pytest.mark.parametrize("task", [Task.BINARY, Task.MULTICLASS])
def test_a_matrix_shows_the_counts_of_the_served_predictions(tmp_path: Path, task: Task) -> None:
    dataset = make_dataset(task, rows=(40, 11, 31))
    rows = rows_of(group_runs(train_sweep(tmp_path, dataset)))
    figure = plot_confusion(rows, dataset)
    for one, axes in zip(rows, figure.axes, strict=True):
        # Preprocessing is none, so raw rows are the inputs.
        said = Predictor(one.run, trusted=frozenset()).predict(dataset.test.inputs)["prediction"]
        names = [dataset.target_names[i] for i in dataset.test.targets]
        counts = confusion_matrix(names, said, labels=dataset.target_names)
        cells = {
            (round(t.get_position()[1]), round(t.get_position()[0])): int(t.get_text())
            for t in axes.texts
            if t.get_text().isdigit()
        }
        assert cells == {(i, j): counts[i, j] for i, j in np.argwhere(counts).tolist()}
        accuracy = one.run.summary["test/accuracy"]
        assert accuracy is not None
        assert f"{np.trace(counts)} of 31 right, {accuracy:.1%}" in words(figure)


@pytest.mark.parametrize(
    ("activation", "outputs", "shares"),
    [
        ("softmax", [[0.2, 0.5, 0.3]], [[0.2, 0.5, 0.3]]),
        ("sigmoid", [[0.2, 0.9, 0.9]], [[0.1, 0.45, 0.45]]),
        ("sigmoid", [[0.25]], [[0.75, 0.25]]),
        ("identity", [[-3.0, -1.0, -2.0]], [[0.0, 1.0, 0.0]]),
        ("identity", [[1.5]], [[0.0, 1.0]]),
    ],
)
def test_shares_of_the_classes(
    tmp_path: Path, activation: str, outputs: list[list[float]], shares: list[list[float]]
) -> None:
    loss = {"softmax": "CrossEntropy", "sigmoid": "BinaryCrossEntropy"}.get(activation)
    task = Task.BINARY if len(outputs[0]) == 1 else Task.MULTICLASS
    (record,) = train_sweep(
        tmp_path, make_dataset(task), ["SGD"], loss={"_target_": f"nn.{loss or 'MeanSquaredError'}"}
    )
    found = class_shares(record, np.array(outputs), trusted=frozenset())
    np.testing.assert_allclose(found, shares, atol=1e-12)
    assert found.argmax() == predicted_classes(np.array(outputs))[0]


def test_the_hardest_are_wrong_and_least_probable_first(tmp_path: Path) -> None:
    dataset = make_dataset(rows=(40, 11, 31))
    (one,) = rows_of(group_runs(train_sweep(tmp_path, dataset, ["SGD"])))
    table = Predictor(one.run, trusted=frozenset()).predict(dataset.test.inputs)
    found = hardest(one, dataset, 31)
    assert sorted(hard.row for hard in found) == list(range(31))
    keys = []
    for hard in found:
        name = dataset.target_names[dataset.test.targets[hard.row]]
        assert dataset.target_names[hard.predicted] == table["prediction"][hard.row]
        assert hard.share == pytest.approx(table[f"probability_{name}"][hard.row])
        keys.append((name == table["prediction"][hard.row], hard.share))
    assert keys == sorted(keys)
    assert {key[0] for key in keys} == {False, True}
    assert [hard.row for hard in hardest(one, dataset, 4)] == [hard.row for hard in found[:4]]


def test_images_are_shown_as_images(tmp_path: Path) -> None:
    dataset = Digits(limit=200).load()
    (one,) = rows_of(group_runs(train_sweep(tmp_path, dataset, ["Adam"])))
    figure = plot_hardest([one], dataset)
    for axes, hard in zip(figure.axes, hardest(one, dataset, 8), strict=True):
        (image,) = axes.images
        expected = dataset.test.inputs[hard.row].reshape(8, 8)
        np.testing.assert_array_equal(image.get_array(), expected)


def test_values_of_a_table_are_those_of_the_file(tmp_path: Path) -> None:
    lines = [f"{'red' if i % 3 else 'blue'},{i * 0.25},{i % 7},{'ab'[i % 2]}" for i in range(60)]
    (tmp_path / "t.csv").write_text("\n".join(["colour,size,age,kind", *lines]))
    dataset = Csv(path="t.csv", dir=str(tmp_path), target="kind").load()
    found = {
        ",".join(raw_value(dataset, row, column) for column in range(3))
        + f",{dataset.target_names[dataset.test.targets[row]]}"
        for row in range(len(dataset.test))
    }
    known = {
        f"{colour},{float(size):.4g},{age},{kind}"
        for colour, size, age, kind in (line.split(",") for line in lines)
    }
    assert found <= known
    assert len(found) == len(dataset.test)


@pytest.mark.parametrize("task", [Task.BINARY, Task.MULTICLASS])
@pytest.mark.parametrize("normalization", [None, "batch"])
def test_regions_are_the_networks_own_predictions(
    tmp_path: Path, task: Task, normalization: str | None
) -> None:
    dataset = make_dataset(task, features=2)
    (record,) = train_sweep(
        tmp_path,
        dataset,
        ["Adam"],
        training__epochs=7,
        model__normalization=normalization,
        training__snapshots=4,
    )
    found = class_regions(record, [0, 1, 3, 5, 7], (-2.0, 3.0, -1.0, 1.5), 9, trusted=frozenset())
    assert list(found) == [0, 1, 3, 7]
    grid = [(x, y) for y in np.linspace(-1, 1.5, 9) for x in np.linspace(-2, 3, 9)]
    table = Predictor(record, "final", trusted=frozenset()).predict(np.array(grid))
    columns = [f"probability_{name}" for name in dataset.target_names]
    expected = table[columns].to_numpy().reshape(9, 9, -1)
    np.testing.assert_allclose(found[7], expected, rtol=1e-5, atol=1e-7)
    assert np.abs(found[0] - expected).max() > 0.01


def test_a_row_a_run_and_a_column_a_moment(tmp_path: Path) -> None:
    dataset = make_dataset(Task.BINARY, features=2)
    fine = train_sweep(tmp_path / "a", dataset, ["SGD", "Adam"], training__epochs=30)
    wild = train_sweep(
        tmp_path / "b", dataset, ["Momentum"], lr=1e30, training__epochs=30,
        loss={"_target_": "nn.MeanSquaredError"}, model__activation="relu",
    )  # fmt: skip
    assert wild[0].status == "diverged"
    rows = [rows_of(group_runs([run]))[0] for run in (*fine, *wild)]
    assert boundary_epochs(rows) == [0, 1, 2, 5, 12, 30]
    figure = plot_boundaries(rows, dataset)
    assert len(figure.axes) == 3 * 6
    said = words(figure)
    assert "before training" in said
    assert [f"epoch {epoch}" in said for epoch in (1, 2, 5, 12, 30)] == [True] * 5
    ended = len(wild[0].metrics()["epoch"]) - 1
    assert said.count(f"diverged\nat epoch {ended}") == 5
    scores = fine[0].metrics()["val/accuracy"]
    above = [axes.texts[0].get_text() for axes in figure.axes[:6]]
    assert above == [f"{scores[epoch]:.1%}" for epoch in (0, 1, 2, 5, 12, 30)]
    drawn = [len(axes.images) for axes in figure.axes]
    assert drawn == [1] * 12 + [1] + [0] * 5


def test_outputs_are_those_of_the_best_weights(tmp_path: Path) -> None:
    dataset = make_dataset()
    (record,) = train_sweep(tmp_path, dataset, ["Adam"], training__epochs=20, lr=0.3)
    outputs = best_outputs(record, dataset.test.inputs, trusted=frozenset())
    accuracy = (predicted_classes(outputs) == dataset.test.targets).mean()
    assert accuracy == pytest.approx(record.summary["test/accuracy"])
    assert record.summary["best/epoch"] != 20
