import math

import pytest

from experiments.analysis.groups import group_runs
from experiments.analysis.values import by_seed, measured, untrained
from experiments.training.metrics import AREA
from tests.experiments.analysis.made_up_sweeps import make_run

CURVES = {
    "epoch": [0.0, 1.0, 2.0],
    "val/loss": [2.0, 1.0, 0.5],
    "val/accuracy": [0.1, 0.6, 0.7],
    "train/loss": [3.0, 1.0, 0.4],
}


def runs(folder, *described):
    return [
        make_run(
            folder / f"{place}",
            optimizer,
            seed,
            status=status,
            summary=summary,
            metrics=curves or CURVES,
        )
        for place, (optimizer, seed, status, summary, curves) in enumerate(described)
    ]


def test_a_diverged_run_counts_as_its_untrained_network(tmp_path):
    exploded = {**CURVES, "val/loss": [2.3, 5.0, math.nan], "val/accuracy": [0.08, 0.1, 0.1]}
    best = {"best/val_loss": 0.5, "best/val_accuracy": 0.7, "test/loss": 0.6}
    lost = {"best/val_loss": 2.3, "best/val_accuracy": 0.08, "test/loss": 99.0}
    groups = group_runs(
        runs(tmp_path, ("adam", 0, "done", best, None), ("adam", 1, "diverged", lost, exploded))
    )
    assert by_seed(groups, "best/val_loss") == [{0: 0.5, 1: 2.3}]
    assert by_seed(groups, "best/val_accuracy") == [{0: 0.7, 1: 0.08}]
    assert by_seed(groups, "test/loss") == [{0: 0.6, 1: 2.3}]
    assert by_seed(groups, AREA) == [{0: pytest.approx(1.125), 1: 2.3}]


def test_a_diverged_run_is_never_better_than_one_of_its_seed_that_ended(tmp_path):
    groups = group_runs(
        runs(
            tmp_path,
            ("adam", 0, "diverged", {"final/val_loss": None}, None),
            ("sgd", 0, "done", {"final/val_loss": 7.0, "best/val_loss": 1.0}, None),
        )
    )
    values = dict(
        zip([g.optimizer for g in groups], by_seed(groups, "final/val_loss"), strict=True)
    )
    assert values == {"sgd": {0: 7.0}, "adam": {0: 7.0}}


def test_failed_and_interrupted_runs_and_missing_metrics_are_left_out(tmp_path):
    groups = group_runs(
        runs(
            tmp_path,
            ("adam", 0, "failed", {"best/val_loss": 0.1}, None),
            ("adam", 1, "interrupted", {"best/val_loss": 0.1}, None),
            ("adam", 2, "stopped_early", {"best/val_loss": 0.2}, None),
            ("adam", 3, "done", {}, None),
        )
    )
    assert by_seed(groups, "best/val_loss") == [{2: 0.2}]
    assert by_seed(groups, "test/r2") == [{}]


def test_a_run_that_diverged_before_anything_was_measured_has_no_value(tmp_path):
    lost = runs(tmp_path, ("adam", 0, "diverged", {}, {"epoch": [0.0], "val/loss": [math.nan]}))
    assert by_seed(group_runs(lost), "best/val_loss") == [{}]


def test_how_long_a_run_took_is_no_quality_that_diverging_could_spoil(tmp_path):
    summary = {"time/us_per_step": 5.0, "best/epoch": 1.0}
    lost = runs(tmp_path, ("adam", 0, "diverged", summary, None))
    assert by_seed(group_runs(lost), "time/us_per_step") == [{}]


def test_several_runs_of_one_seed_count_once(tmp_path):
    both = [
        make_run(
            tmp_path / f"{rate}",
            summary={"best/val_loss": loss},
            settings={"optimizer": {"lr": rate}},
        )
        for rate, loss in ((0.1, 1.0), (0.01, 2.0))
    ]
    assert by_seed(group_runs(both, ["optimizer"]), "best/val_loss") == [{0: 1.5}]


def test_the_area_of_a_run_that_stopped_early_goes_on_to_the_last_epoch_of_all(tmp_path):
    short = {"epoch": [0.0, 1.0], "val/loss": [2.0, 1.0]}
    groups = group_runs(
        runs(tmp_path, ("adam", 0, "done", {}, None), ("sgd", 0, "stopped_early", {}, short))
    )
    areas = {g.optimizer: v[0] for g, v in zip(groups, by_seed(groups, AREA), strict=True)}
    assert areas == {"adam": 1.125, "sgd": 1.25}


def test_the_untrained_network_is_the_first_point_of_a_metrics_curve(tmp_path):
    (run,) = runs(tmp_path, ("adam", 0, "done", {"best/val_loss": 0.5}, None))
    curves = run.metrics()
    assert untrained(run, curves, "test/accuracy") == 0.1
    assert untrained(run, curves, "final/train_loss") == 3.0
    assert math.isnan(untrained(run, curves, "test/r2"))
    assert math.isnan(untrained(run, curves, "best/epoch"))
    assert measured(run, curves, "best/val_loss") == 0.5
    assert math.isnan(measured(run, curves, "no/such"))
