"""Which pictures appear, of which runs, and that nothing in them overlaps."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import r2_score

from experiments.analysis.groups import group_runs
from experiments.analysis.values import ranked
from experiments.datasets import Task, Xor
from experiments.palette import color_of
from experiments.reporting.figures.curves import family_of
from experiments.reporting.figures.drawing import saved
from experiments.reporting.figures.networks import figures_for
from experiments.reporting.figures.networks.norms import binned, plot_norms, some_layers, thinned
from experiments.reporting.figures.networks.regression import plot_predictions, r_squared
from experiments.reporting.figures.networks.shown import typical_seed
from tests.experiments.analysis.crowding import crowded, outside
from tests.experiments.analysis.made_up_sweeps import make_run
from tests.experiments.reporting.figures.networks.trained_sweeps import (
    ALL,
    rows_of,
    train_sweep,
    words,
)
from tests.experiments.small_runs import make_dataset


def figures_of_ours(*arguments: Any) -> list[Any]:
    return figures_for(*arguments, trusted=frozenset())


def names(pictures: list[Any]) -> list[str]:
    return [picture.name for picture in pictures]


@pytest.mark.parametrize(
    ("task", "features", "expected"),
    [
        (Task.BINARY, 2, ["boundaries", "paths", "confusion", "hardest", "norms"]),
        (Task.MULTICLASS, 3, ["confusion", "hardest", "norms"]),
        (Task.REGRESSION, 2, ["paths", "predictions", "norms"]),
        (Task.MULTILABEL, 3, ["norms"]),
    ],
)
def test_which_pictures_apply(
    tmp_path: Path, task: Task, features: int, expected: list[str]
) -> None:
    dataset = make_dataset(task, features=features)
    pictures = figures_of_ours(train_sweep(tmp_path, dataset), dataset)
    assert names(pictures) == expected
    assert all(picture.title and picture.caption.endswith(".") for picture in pictures)


def test_of_other_data_nothing_is_drawn(tmp_path: Path) -> None:
    records = train_sweep(tmp_path, make_dataset(), ["SGD"])
    assert figures_of_ours(records, make_dataset(seed=1)) == []
    assert figures_of_ours([], make_dataset()) == []


def test_of_runs_that_failed_nothing_is_drawn(tmp_path: Path) -> None:
    dataset = make_dataset()
    (record,) = train_sweep(tmp_path, dataset, ["SGD"])
    failed = dataclasses.replace(record, data={**record.data, "status": "failed", "summary": {}})
    assert figures_of_ours([failed], dataset) == []


def test_each_loss_has_pictures_of_its_own(tmp_path: Path) -> None:
    dataset = make_dataset(Task.BINARY)
    records = train_sweep(tmp_path / "a", dataset, ["SGD"])
    records += train_sweep(tmp_path / "b", dataset, ["SGD"], loss={"_target_": "nn.CrossEntropy"})
    pictures = figures_of_ours(records, dataset, ["optimizer", "loss._target_"])
    assert names(pictures) == [
        *("confusion", "hardest", "norms"),
        *("confusion-2", "hardest-2", "norms-2"),
    ]
    assert len({picture.title for picture in pictures}) == 6


def test_the_same_records_give_the_same_pictures(tmp_path: Path) -> None:
    dataset = make_dataset(Task.BINARY, features=2)
    records = train_sweep(tmp_path, dataset, seeds=[0, 1, 2])
    first = [saved(picture.figure, "svg") for picture in figures_of_ours(records, dataset)]
    again = [saved(picture.figure, "svg") for picture in figures_of_ours(records[::-1], dataset)]
    assert first == again


@pytest.fixture(scope="module")
def sweep_of_all(tmp_path_factory: pytest.TempPathFactory) -> Any:
    dataset = make_dataset(Task.BINARY, features=2, rows=(40, 20, 20))
    return dataset, train_sweep(tmp_path_factory.mktemp("all"), dataset, ALL, training__epochs=8)


@pytest.fixture(scope="module")
def pictures_of_all(sweep_of_all: Any) -> list[Any]:
    dataset, records = sweep_of_all
    return figures_of_ours(records, dataset)


@pytest.mark.parametrize("count", [2, 14])
def test_nothing_overlaps_or_runs_out(
    sweep_of_all: Any, pictures_of_all: list[Any], count: int
) -> None:
    dataset, records = sweep_of_all
    pictures = pictures_of_all if count == 14 else figures_of_ours(records[:count], dataset)
    for name, _, _, figure, _ in pictures:
        if name == "paths":  # contours pass under their own labels
            for axes in figure.axes:
                for collection in axes.collections:
                    for text in getattr(collection, "labelTexts", []):
                        text.set_visible(False)
        assert crowded(figure) == [], name
        assert outside(figure) == [], name


@pytest.mark.parametrize("count", [2, pytest.param(14, marks=pytest.mark.slow)])
@pytest.mark.parametrize("task", [Task.MULTICLASS, Task.REGRESSION])
def test_nothing_overlaps_with_many_classes_or_targets(
    tmp_path: Path, task: Task, count: int
) -> None:
    dataset = make_dataset(task, features=4, outputs=10 if task.has_classes else 3)
    long = tuple(f"kind number {i}" for i in range(dataset.outputs))
    dataset = dataclasses.replace(dataset, target_names=long)
    records = train_sweep(tmp_path, dataset, ALL[:count], model__hidden=[3, 3, 3, 3])
    for name, _, _, figure, _ in figures_of_ours(records, dataset):
        assert crowded(figure) == [], name
        assert outside(figure) == [], name


def test_every_optimizer_is_named_in_its_colour(pictures_of_all: list[Any]) -> None:
    for name, _, caption, figure, _ in pictures_of_all:
        expected = {optimizer.lower() for optimizer in ALL}
        if name == "hardest":
            assert "The best 6 of 14 groups" in caption
            assert len(expected & set(words(figure))) == 6
        else:
            assert expected <= set(words(figure)), name
    paths = {picture.name: picture.figure for picture in pictures_of_all}["paths"].axes[0]
    colors = {line.get_color() for line in paths.lines}
    assert {color_of(optimizer) for optimizer in ALL} <= colors


def test_diverged_runs_are_named_where_they_are_left_out(tmp_path: Path) -> None:
    dataset = make_dataset(Task.BINARY, features=2)
    relu = {"loss": {"_target_": "nn.MeanSquaredError"}, "model__activation": "relu"}
    records = train_sweep(tmp_path / "a", dataset, ["SGD"], **relu)
    records += train_sweep(tmp_path / "b", dataset, ["Momentum"], lr=1e30, **relu)
    assert records[1].status == "diverged"
    pictures = {
        picture.name: picture for picture in figures_of_ours(records, dataset, ["optimizer"])
    }
    for name in ("confusion", "hardest"):
        assert "Without a finished run: momentum." in pictures[name].caption
        assert "momentum" not in words(pictures[name].figure)
    assert "momentum" in words(pictures["boundaries"].figure)
    alone = figures_of_ours(records[1:], dataset)
    assert names(alone) == ["boundaries", "norms"]


def loss(value: float) -> dict[str, float]:
    return {"best/val_loss": value}


def test_the_typical_seed_is_in_the_middle_of_its_groups(tmp_path: Path) -> None:
    losses = {"sgd": [3.0, 1.0, 2.0], "adam": [5.0, 4.0, 6.0], "lion": [0.3, 0.1, 0.2]}
    runs = [
        make_run(tmp_path / f"{name}{seed}", name, seed, summary=loss(value))
        for name, values in losses.items()
        for seed, value in enumerate(values)
    ]
    # Ranks from the middle: sgd 1, 1, 0; adam 0, 1, 1; lion 1, 1, 0.
    groups = group_runs(runs, ["optimizer"])
    assert typical_seed(groups) == 2
    assert {one.run.seed for one in rows_of(groups)} == {2}


def test_a_seed_that_more_groups_finished_goes_first(tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path / "0", "sgd", 0, summary=loss(1.0)),
        make_run(tmp_path / "1", "sgd", 1, summary=loss(2.0)),
        make_run(tmp_path / "2", "sgd", 2, summary=loss(3.0)),
        make_run(tmp_path / "3", "adam", 0, summary=loss(1.0)),
        make_run(tmp_path / "4", "adam", 1, status="diverged", summary={}),
        make_run(tmp_path / "5", "lion", 1, status="diverged", summary={}),
    ]
    groups = group_runs(runs, ["optimizer"])
    assert typical_seed(groups) == 0
    found = {one.label: one for one in rows_of(groups)}
    assert (found["sgd"].run.seed, found["adam"].run.seed, found["lion"].run.seed) == (0, 0, 1)
    assert [name for name, one in found.items() if not one.finished] == ["lion"]


def test_of_a_large_grid_the_best_of_each_optimizer_is_shown(tmp_path: Path) -> None:
    runs = [
        make_run(
            tmp_path / f"{name}{i}", name, 0, summary=loss(abs(i - best) + 0.1),
            settings={"optimizer": {"lr": 10.0**-i}},
        )
        for name, best in (("sgd", 1), ("adam", 3))
        for i in range(9)
    ]  # fmt: skip
    groups = ranked(group_runs(runs), "best/val_loss")
    assert [one.label for one in rows_of(groups)] == ["adam (lr=0.001)", "sgd (lr=0.1)"]
    assert len(rows_of(groups[:16])) == 16


def test_r_squared_is_scikit_learns_and_the_records(tmp_path: Path) -> None:
    dataset = make_dataset(Task.REGRESSION, outputs=1)
    rows = rows_of(group_runs(train_sweep(tmp_path, dataset)))
    true = np.array([1.0, 2.0, 4.0])
    predicted = np.array([1.5, 2.0, 3.0])
    assert r_squared(true, predicted) == pytest.approx(r2_score(true, predicted))
    said = words(plot_predictions(rows, dataset))
    for one in rows:
        score = one.run.summary["test/r2"]
        assert any(text.startswith(f"R² = {score:.3f}".replace("-", "−")) for text in said)


def test_predictions_are_in_raw_units(tmp_path: Path) -> None:
    dataset = make_dataset(Task.REGRESSION, outputs=1)
    scaled = dataclasses.replace(
        dataset.preprocessing, target_center=(1000.0,), target_scale=(50.0,)
    )
    dataset = dataclasses.replace(dataset, preprocessing=scaled)
    rows = rows_of(group_runs(train_sweep(tmp_path, dataset, ["SGD"])))
    (axes,) = plot_predictions(rows, dataset).axes
    points = axes.collections[0].get_offsets()
    np.testing.assert_allclose(points[:, 0], dataset.test.targets[:, 0] * 50 + 1000)


def test_layers_from_first_to_last() -> None:
    assert some_layers(["a"]) == ["a"]
    assert some_layers(["a", "b", "c"]) == ["a", "b", "c"]
    assert some_layers([f"dense{i}" for i in range(1, 10)]) == ["dense1", "dense5", "dense9"]


def test_binned_curves_are_medians_of_what_was_measured() -> None:
    epochs = np.arange(101.0)
    values = np.where(epochs % 2 == 0, epochs**2, np.nan)
    found = binned({"epoch": epochs, "gradient_norm/a": values}, "gradient_norm/a")
    np.testing.assert_array_equal(found["epoch"][:2], [1.0, 5.0])
    np.testing.assert_array_equal(found["gradient_norm/a"][:2], [2.0, (4**2 + 6**2) / 2])
    assert len(found["epoch"]) == 26  # 51 measurements, two at a time
    few = {"epoch": epochs[:40], "gradient_norm/a": values[:40]}
    assert binned(few, "gradient_norm/a") is few


def test_thinned_curves_begin_and_end_as_they_did() -> None:
    epochs = np.arange(1001.0)
    values = np.where(epochs % 2 == 0, epochs**2, np.nan)
    found = thinned({"epoch": epochs, "weight_norm/a": values}, "weight_norm/a")
    assert (found["epoch"][0], found["epoch"][-1], len(found["epoch"])) == (0, 1000, 150)
    np.testing.assert_array_equal(found["weight_norm/a"], found["epoch"] ** 2)


def test_a_norm_of_zero_does_not_end_the_logarithm(tmp_path: Path) -> None:
    metrics = {
        "epoch": [0.0, 1.0, 2.0, 3.0],
        "weight_norm/dense1": [1.0, 1.0, 1.0, 1.0],
        "gradient_norm/dense1": [None, 10.0, 0.1, 0.0],
    }
    rows = rows_of(group_runs([make_run(tmp_path, metrics=metrics)]))
    figure = plot_norms([family_of(one.group, one.look) for one in rows])
    axes = figure.axes[1]
    assert axes.get_yscale() == "log"
    drawn = axes.lines[0].get_ydata()
    np.testing.assert_allclose(drawn, [10.0, 0.1, 0.1 / 3])


def test_the_example_of_the_page_draws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = Path(__file__).parents[5] / "docs" / "pictures.md"
    example = page.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    train_sweep(tmp_path / "multirun", Xor().load())
    monkeypatch.chdir(tmp_path)
    exec(compile(example, str(page), "exec"), {})
    drawn = {"boundaries", "paths", "confusion", "hardest", "norms"}
    assert {file.stem for file in tmp_path.glob("*.png")} == drawn
    assert "Paths on the loss surface - All paths start at the same" in capsys.readouterr().out
