import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from experiments.analysis.analyse import analyse
from experiments.analysis.groups import group_runs
from experiments.analysis.values import by_seed, measured, stands_in, untrained
from experiments.reporting.tables.layout import narrow_columns
from experiments.reporting.words.conclusions import conclusions
from experiments.reporting.words.limits import limits_of
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


def test_the_untrained_network_has_its_own_test_metrics_where_they_were_measured(tmp_path):
    lost = {"test/loss": 99.0, "test/accuracy": 0.9}
    lost |= {"untrained/test_loss": 2.4, "untrained/test_accuracy": 0.07}
    groups = group_runs(runs(tmp_path, ("adam", 1, "diverged", lost, None)))
    assert by_seed(groups, "test/loss") == [{1: 2.4}]
    assert by_seed(groups, "test/accuracy") == [{1: 0.07}]
    assert not stands_in(groups[0].runs[0], "test/loss")
    assert stands_in(groups[0].runs[0], "test/r2")


def test_a_run_that_ended_with_a_value_that_is_no_number_counts_as_its_untrained_network(tmp_path):
    groups = group_runs(runs(tmp_path, ("adam", 0, "done", {"test/loss": None}, None)))
    assert by_seed(groups, "test/loss") == [{0: 2.0}]


summaries = st.fixed_dictionaries(
    {"best/val_loss": st.floats(0, 10)},
    optional={
        "test/loss": st.none() | st.floats(0, 10),
        "untrained/test_loss": st.floats(0, 10),
        "test/accuracy": st.floats(0, 1),
    },
)
ends = st.sampled_from(["done", "stopped_early", "diverged", "failed", "interrupted"])


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(described=st.lists(st.tuples(ends, summaries), min_size=1, max_size=8))
def test_no_run_is_dropped_without_a_word(tmp_path_factory, described):
    folder = tmp_path_factory.mktemp("runs")
    made = runs(
        folder,
        *(("adam" if i % 2 else "sgd", i // 2, *one, None) for i, one in enumerate(described)),
    )
    study = analyse(made)
    (part,) = study.parts
    said = " ".join([*limits_of(study), *conclusions(study)])
    for entry in part.entries:
        runs_of, sample = entry.group.runs, entry.metrics.get(part.metric)
        valued = set(sample.seeds) if sample else set()
        for run in runs_of:
            if run.status.is_final:
                # It has a value, or the words say that one is missing.
                assert run.seed in valued or "left out" in said or "nothing to compare" in said
            else:
                assert f"{run.status} and left out" in said or "nothing to compare" in said
            if run.status == "diverged" and run.seed in valued and part.metric == "test/loss":
                start = run.summary.get("untrained/test_loss", 2.0)
                assert dict(zip(sample.seeds, sample.values, strict=True))[run.seed] >= start
                assert "counts with the values of its untrained network" in said
        if valued and len(entry.group.finished) < len(runs_of):
            shown = {column.header: column.cells for column in narrow_columns(part)}
            assert f"{len(entry.group.finished)}/{len(runs_of)}" in shown["finished"]


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(gone=st.integers(1, 7), better=st.floats(0.001, 1))
def test_an_optimizer_that_diverges_in_some_runs_is_never_silently_first(
    tmp_path_factory, gone, better
):
    folder = tmp_path_factory.mktemp("runs")
    made = runs(
        folder,
        *(
            (name, seed, "diverged" if name == "adam" and seed < gone else "done",
             {"test/loss": loss + 0.01 * seed, "untrained/test_loss": loss + 0.02 * seed}, None)
            for name, loss in (("adam", 1.0), ("sgd", 1.0 + better))
            for seed in range(8)
        ),
    )  # fmt: skip
    (words,) = conclusions(analyse(made))
    assert (f"{gone} of 8 runs of adam diverged." in words) == (not words.startswith("sgd has"))


def test_what_stands_in_is_said(tmp_path):
    old = {"best/val_loss": 0.5}
    both = {**old, "test/loss": 0.6}
    mixed = analyse(
        runs(tmp_path / "a", ("adam", 0, "done", old, None), ("sgd", 0, "done", both, None))
    )
    assert mixed.metrics == ("best/val_loss",)
    said = " ".join(limits_of(mixed))
    assert "1 of 2 runs have no test loss, so the validation loss at the reported epoch" in said
    assert "is the lowest of all epochs" in said
    lost = {**both, "untrained/test_loss": None}
    stood = analyse(
        runs(tmp_path / "b", ("adam", 0, "diverged", lost, None), ("sgd", 0, "done", both, None))
    )
    said = " ".join(limits_of(stood))
    assert "lack the test loss before training" in said
    assert "1 of 1 runs of adam" in said
    task = analyse(runs(tmp_path / "c", ("adam", 0, "done", {"final/train_loss": 1.0}, None)))
    assert task.metrics == ("final/train_loss",)
    assert "stands in" in " ".join(limits_of(task))


def test_the_metric_that_runs_ask_for_compares_them(tmp_path):
    def asking(folder, metric, seeds=(0, 1)):
        return [
            make_run(
                folder / f"{name}{seed}", name, seed,
                settings={"comparison": {"metric": metric}},
                summary={"test/loss": 1.0 + seed, "test/accuracy": 0.5 + 0.1 * seed},
            )
            for name in ("adam", "sgd")
            for seed in seeds
        ]  # fmt: skip

    asked = asking(tmp_path / "a", "test/accuracy")
    assert analyse(asked).metrics == ("test/accuracy",)
    assert analyse(asked).parts[0].entries[0].group.by == ("optimizer",)
    assert analyse(asked, metric="test/loss").metrics == ("test/loss",)
    unknown = analyse(asking(tmp_path / "b", "test/f1"))
    assert unknown.metrics == ("test/loss",)
    assert "no run has measured test/f1 (comparison.metric)" in " ".join(limits_of(unknown))
    several = asked + asking(tmp_path / "c", None, seeds=(2, 3))
    assert analyse(several).metrics == ("test/loss",)


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
