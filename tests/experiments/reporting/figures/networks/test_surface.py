"""Paths on the loss surface: the plane against the singular value decomposition."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.analysis.groups import group_runs
from experiments.datasets import Task
from experiments.reporting.figures.networks.surface import (
    common_plane,
    loss_surface,
    near,
    paths,
    plane_through,
    plot_paths,
)
from tests.experiments.reporting.figures.networks.trained_sweeps import rows_of, train_sweep, words
from tests.experiments.small_runs import LOSSES, make_dataset


@given(
    points=st.integers(3, 30), size=st.integers(2, 40), seed=st.integers(0, 1000), scale=st.just(3)
)
def test_the_plane_is_that_of_the_svd(points: int, size: int, seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    cloud = rng.normal(size=(points, size)) * np.geomspace(1, scale**-4, size) * 10 + 5
    plane = plane_through(cloud)
    centered = cloud - cloud.mean(axis=0)
    left, sizes, _ = np.linalg.svd(centered, full_matrices=False)
    shares = sizes**2 / (sizes**2).sum()
    assert plane.explained == pytest.approx(tuple(shares[:2]), rel=1e-6, abs=1e-9)
    np.testing.assert_allclose(plane.axes @ plane.axes.T, np.eye(2), atol=1e-9)
    places = plane.project(cloud)
    expected = left[:, :2] * sizes[:2]
    if min(sizes[0] - sizes[1], sizes[1] - (sizes[2] if len(sizes) > 2 else 0)) > 1e-3 * sizes[0]:
        np.testing.assert_allclose(np.abs(places), np.abs(expected), atol=1e-5 * sizes[0])
    for column in places.T:  # the sign is fixed
        assert column[np.abs(column).argmax()] > 0


def test_points_on_a_line_have_a_plane() -> None:
    line = np.outer(np.arange(5.0), [1.0, 2.0, 2.0])
    plane = plane_through(line)
    assert plane.explained == pytest.approx((1, 0), abs=1e-12)
    np.testing.assert_allclose(plane.axes @ plane.axes.T, np.eye(2), atol=1e-9)
    np.testing.assert_allclose(np.abs(plane.project(line)[:, 0]), [6, 3, 0, 3, 6], atol=1e-9)


@pytest.mark.parametrize("task", list(LOSSES))
def test_the_surface_is_the_training_loss(tmp_path: Path, task: Task) -> None:
    # Three points lie in a plane, so the loss at their feet is the loss that was measured.
    dataset = make_dataset(task, features=2)
    (record,) = train_sweep(tmp_path, dataset, ["SGD"], training__epochs=9, training__snapshots=3)
    found = paths(rows_of(group_runs([record])))
    plane = common_plane(found)
    assert sum(plane.explained) == pytest.approx(1)
    measured = record.metrics()["train/loss"]
    for (x, y), epoch in zip(plane.project(found[0].points), [0, 1, 9], strict=True):
        surface = loss_surface(
            record, dataset, plane, np.array([x]), np.array([y]), trusted=frozenset()
        )
        assert surface[0, 0] == pytest.approx(measured[epoch], rel=1e-5)


def test_a_surface_is_the_same_however_many_points(tmp_path: Path) -> None:
    dataset = make_dataset(features=2)
    records = train_sweep(tmp_path, dataset)
    plane = common_plane(paths(rows_of(group_runs(records))))
    x, y = np.linspace(-1, 1, 13), np.linspace(-2, 2, 11)
    whole = loss_surface(records[0], dataset, plane, x, y, trusted=frozenset())
    assert whole.shape == (11, 13)
    for row, column in [(0, 0), (10, 12), (5, 3)]:
        one = loss_surface(records[0], dataset, plane, x[[column]], y[[row]], trusted=frozenset())
        assert one[0, 0] == whole[row, column]


def test_paths_share_their_start_and_end_where_runs_end(tmp_path: Path) -> None:
    dataset = make_dataset(features=2)
    records = train_sweep(tmp_path, dataset, ["SGD", "Adam", "Muon"], [0, 1], training__epochs=40)
    still = {"_target_": "nn.initializers.Zeros"}
    other = train_sweep(tmp_path / "other", dataset, ["Lion"], [0, 1], model__initializer=still)
    found = paths(rows_of(group_runs([*records, *other], ["optimizer"])))
    assert sorted(path.shown.label for path in found) == ["adam", "muon", "sgd"]
    assert len({path.record.seed for path in found}) == 1
    for path in found:
        assert path.points[0].tobytes() == found[0].points[0].tobytes()
        weights = path.record.weights("final")
        last = np.concatenate([weights[f"dense{i}/weights"].ravel() for i in (1, 2)])
        np.testing.assert_array_equal(path.points[-1][: len(last)], last)


def test_a_run_that_stopped_between_moments_still_ends_at_its_end(tmp_path: Path) -> None:
    dataset = make_dataset(features=2)
    (record,) = train_sweep(
        tmp_path, dataset, ["SGD"], lr=0.9, training__epochs=500, training__snapshots=4,
        training__early_stopping={"patience": 2},
    )  # fmt: skip
    assert record.status == "stopped_early"
    kept = record.snapshots()["epoch"]
    assert kept[-1] < record.metrics()["epoch"][-1]
    (path,) = paths(rows_of(group_runs([record]))) or [None]
    if len(kept) + 1 >= 3:
        assert path is not None
        assert len(path.points) == len(kept) + 1


def _moved(path: Any, factor: float, status: str = "done") -> Any:
    start = path.points[0]
    record = dataclasses.replace(path.record, data={**path.record.data, "status": status})
    return dataclasses.replace(path, record=record, points=start + factor * (path.points - start))


def test_the_plane_is_laid_without_runs_that_go_far_away(tmp_path: Path) -> None:
    dataset = make_dataset(features=2)
    one, other = paths(rows_of(group_runs(train_sweep(tmp_path, dataset))))
    assert near([one, other]) == [one, other]
    far, lost = _moved(one, 1e4), _moved(other, 2.0, "diverged")
    assert near([one, other, far, lost]) == [one, other]
    assert near([lost]) == [lost]
    plane = common_plane([one, other])
    np.testing.assert_array_equal(common_plane([far, one, other, lost]).center[:3],
                                  common_plane([one, other]).center[:3])  # fmt: skip
    figure = plot_paths([one, other, far], dataset, plane)
    assert np.abs(figure.axes[0].get_xlim()).max() < 100
    assert {"start", one.shown.label, other.shown.label} <= set(words(figure))


def test_without_snapshots_or_movement_there_are_no_paths(tmp_path: Path) -> None:
    dataset = make_dataset(features=2)
    assert paths([]) == []
    records = train_sweep(tmp_path / "a", dataset, training__snapshots=None)
    assert paths(rows_of(group_runs(records))) == []
    records = train_sweep(tmp_path / "b", dataset, training__epochs=1)
    assert paths(rows_of(group_runs(records))) == []
