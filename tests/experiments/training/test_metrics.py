"""The table of metrics, against what training measures."""

import pytest

from experiments.datasets import Task
from experiments.training.loop import train
from experiments.training.metrics import COMPARED, CURVES, metric_named
from tests.experiments.small_runs import make_dataset, make_run


@pytest.fixture(scope="module", params=[Task.MULTICLASS, Task.REGRESSION], ids=str)
def outcome(request):
    (outcome,) = train([make_run(request.param)], make_dataset(request.param))
    return outcome


def test_whatever_a_run_is_summarized_by_is_in_the_table(outcome):
    for name in outcome.summary:
        assert metric_named(name).long != name, name


def test_a_metric_is_a_point_of_its_curve(outcome):
    last = {"best": int(outcome.summary["best/epoch"]), "final": -1}
    points = [name for name in outcome.summary if name.split("/")[0] in last]
    points.remove("best/epoch")
    assert points
    for name in points:
        curve = metric_named(name).curve
        assert outcome.metrics[curve][last[name.split("/")[0]]] == outcome.summary[name]


def test_the_curves_of_the_loss_and_the_score_are_in_the_table(outcome):
    measured = {name for name in outcome.metrics if name.startswith(("train/", "val/"))}
    known = {curve.name for curve in CURVES}
    assert measured <= known
    assert all(metric_named(name).is_curve for name in measured)


def test_scores_are_better_when_higher_and_losses_and_times_when_lower():
    for name in COMPARED:
        assert metric_named(name).higher_is_better == name.endswith(("accuracy", "r2"))


def test_a_metric_of_ones_own_goes_by_its_name():
    metric = metric_named("latency")
    assert (metric.long, metric.short, metric.curve) == ("latency", "latency", None)
    assert not metric.higher_is_better
