import math
import random
import statistics

import numpy as np
import pytest

from experiments.analysis.analyse import analyse
from experiments.reporting.tables.frames import comparison, curves_table, runs_table, study_table
from tests.experiments.analysis.made_up_sweeps import ALL, make_run, sweep
from tests.experiments.record_factory import record_metrics

SUMMARY = {
    "best/val_loss": 0.5,
    "best/epoch": 4.0,
    "best/val_accuracy": 0.8,
    "test/loss": 0.6,
    "test/accuracy": 0.75,
    "time/us_per_step": 20.0,
}


def test_one_row_a_run_with_choices_settings_and_summary(tmp_path):
    runs = [make_run(tmp_path / "a", "sgd", 1, summary=SUMMARY), make_run(tmp_path / "b", "adam")]
    table = runs_table(runs)
    assert list(table.columns[:3]) == ["name", "status", "seed"]
    assert table.columns.is_unique
    assert list(table["name"]) == ["sgd-seed1", "adam-seed0"]
    assert list(table["optimizer"]) == ["sgd", "adam"]
    assert list(table["optimizer.lr"]) == [0.001, 0.001]
    assert table["seed"].tolist() == [1, 0]
    assert table["best/val_loss"][0] == 0.5
    assert math.isnan(table["optimizer.beta1"][0])
    assert table["model.hidden"][0] == "[64]"


def test_no_runs_give_empty_tables():
    assert list(runs_table([]).columns) == ["name", "status", "seed"]
    assert curves_table([]).empty


def test_names_that_occur_twice_stay_apart(tmp_path):
    runs = [make_run(tmp_path / "a"), make_run(tmp_path / "b", settings={"optimizer": {"lr": 1}})]
    assert list(runs_table(runs)["name"]) == ["adam-seed0", "adam-seed0 (2)"]
    assert set(curves_table(runs)["run"]) == {"adam-seed0", "adam-seed0 (2)"}


def test_curves_have_a_row_a_measurement(tmp_path):
    metrics = {
        "epoch": [0.0, 1.0, 2.0],
        "val/loss": [2.0, None, math.nan],
        "lr": [0.1, 0.1, 0.05],
    }
    table = curves_table([make_run(tmp_path, metrics=metrics)])
    loss = table[table["metric"] == "val/loss"]
    assert list(loss["epoch"]) == [0, 2]  # None was not measured
    assert loss["value"].iloc[0] == 2.0
    assert math.isnan(loss["value"].iloc[1])
    assert list(table[table["metric"] == "lr"]["value"]) == [0.1, 0.1, 0.05]
    assert set(table["metric"]) == {"val/loss", "lr"}


def test_means_and_deviations_are_those_of_the_statistics_module(tmp_path):
    runs = sweep(tmp_path, seeds=range(5))
    table = comparison(runs)
    assert list(table.index.names) == ["optimizer"]
    for optimizer in ("sgd", "adagrad", "rmsprop", "adam"):
        mine = [run.summary for run in runs if run.choices["optimizer"] == optimizer]
        row = table.loc[optimizer]
        for metric, best in (
            ("best/val_loss", min),
            ("best/val_accuracy", max),
            ("test/loss", min),
            ("test/accuracy", max),
        ):
            values = [summary[metric] for summary in mine]
            assert row[f"{metric} mean"] == pytest.approx(statistics.fmean(values), rel=1e-12)
            assert row[f"{metric} sd"] == pytest.approx(statistics.stdev(values), rel=1e-9)
            assert row[f"{metric} best"] == best(values)
            assert row[f"{metric} n"] == 5
        epochs = [summary["best/epoch"] for summary in mine]
        assert row["best/epoch median"] == statistics.median(epochs)
        assert row["time/us_per_step median"] == mine[0]["time/us_per_step"]
    assert list(table["best/val_loss mean"]) == sorted(table["best/val_loss mean"])


def test_the_order_of_the_records_does_not_matter(tmp_path):
    runs = sweep(tmp_path)
    shuffled = random.Random(0).sample(runs, len(runs))
    assert comparison(runs).equals(comparison(shuffled))


def test_diverged_runs_count_as_their_untrained_networks(tmp_path):
    untrained = record_metrics()["val/loss"][0]
    runs = [
        make_run(tmp_path / f"{seed}", seed=seed, summary={**SUMMARY, "best/val_loss": loss},
                 status=status)
        for seed, (loss, status) in enumerate(
            [(0.2, "done"), (0.4, "stopped_early"), (99.0, "diverged"), (None, "diverged"),
             (0.0, "failed"), (0.0, "interrupted")]
        )
    ]  # fmt: skip
    row = comparison(runs).loc["adam"]
    assert row[["runs", "seeds", "finished", "diverged", "failed", "interrupted"]].tolist() == [
        6, 4, 2, 2, 1, 1,
    ]  # fmt: skip
    counted = [0.2, 0.4, untrained, untrained]
    assert row["best/val_loss mean"] == pytest.approx(statistics.fmean(counted))
    assert row["best/val_loss sd"] == pytest.approx(statistics.stdev(counted))
    assert row["best/val_loss best"] == 0.2
    assert row["best/val_loss n"] == 4


def test_a_group_that_has_measured_nothing_is_blank_and_last(tmp_path):
    runs = sweep(tmp_path, ("adam", "muon", "sgd"), range(2), failed=[("muon", 0), ("muon", 1)])
    table = comparison(runs)
    assert list(table.index) == ["adam", "sgd", "muon"]
    assert table.loc["muon", "failed"] == 2
    assert table.loc["muon"].filter(regex=r" (mean|sd|best|median)$").isna().all()


def test_the_narrow_view_and_the_whole_study_have_the_same_means(tmp_path):
    runs = sweep(
        tmp_path,
        seeds=range(6),
        diverged=[("sgd", 1), ("sgd", 4), ("adam", 2)],
        failed=[("rmsprop", 5)],
    )
    narrow, whole = comparison(runs), study_table(analyse(runs)).set_index("group")
    assert list(narrow.index) == list(whole.index)
    for metric in ("best/val_loss", "best/val_accuracy", "test/loss", "test/accuracy"):
        for statistic in ("mean", "sd", "best"):
            column = f"{metric} {statistic}"
            assert list(narrow[column]) == list(whole[column]), column
    assert narrow.loc["sgd", "best/val_loss n"] == 6


def test_one_seed_has_no_deviation(tmp_path):
    table = comparison(sweep(tmp_path, seeds=[7]))
    assert table.filter(like=" sd").isna().all(axis=None)
    assert table.filter(like=" mean").notna().all(axis=None)


def test_regression_has_r2_and_its_best_is_the_highest(tmp_path):
    runs = sweep(tmp_path, ["adam"], range(4), score="r2")
    table = comparison(runs)
    assert "best/val_accuracy mean" not in table
    expected = np.array([run.summary["test/r2"] for run in runs])
    assert table.loc["adam", "test/r2 best"] == expected.max()
    assert table.loc["adam", "test/r2 sd"] == pytest.approx(
        math.sqrt(((expected - expected.mean()) ** 2).sum() / 3)
    )


def test_missing_metrics_are_left_out_of_their_means_alone(tmp_path):
    runs = [
        make_run(tmp_path / "0", seed=0, summary=SUMMARY),
        make_run(tmp_path / "1", seed=1, summary={**SUMMARY, "test/loss": None}),
        make_run(tmp_path / "2", seed=2, summary={"best/val_loss": 0.9}),
    ]
    row = comparison(runs).loc["adam"]
    assert row["finished"] == 3
    assert (row["best/val_loss n"], row["test/accuracy n"], row["test/loss n"]) == (3, 2, 2)
    # Not a number: with the untrained network's, for which validation stands in.
    assert row["test/loss mean"] == pytest.approx((0.6 + 1.2) / 2)


def test_groups_of_several_keys_are_indexed_by_them(tmp_path):
    runs = [
        run
        for rate in (0.1, 0.01)
        for run in sweep(
            tmp_path / f"{rate}", ("sgd", "adam"), range(2), settings={"optimizer": {"lr": rate}}
        )
    ]
    table = comparison(runs)
    assert table.index.names == ["optimizer", "optimizer.lr"]
    assert table.loc[("adam", 0.01), "runs"] == 2
    assert comparison(runs, ["optimizer"]).loc["adam", "runs"] == 4
    assert comparison(runs, ["optimizer"]).loc["adam", "seeds"] == 2
    assert len(comparison(runs, ["optimizer.lr"])) == 2


def test_repeats_are_counted_once(tmp_path):
    runs = sweep(tmp_path / "a", ["adam"], range(3))
    again = sweep(tmp_path / "b", ["adam"], range(3))
    assert comparison(runs + again).loc["adam", "runs"] == 3


def test_fourteen_optimizers_have_fourteen_rows(tmp_path):
    assert sorted(comparison(sweep(tmp_path, ALL, range(2))).index) == sorted(ALL)
