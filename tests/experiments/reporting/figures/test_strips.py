from experiments.analysis.analyse import analyse
from experiments.reporting.figures.looks import Look
from experiments.reporting.figures.strips import strip_limits, strip_of
from tests.experiments.analysis.made_up_sweeps import sweep


def test_a_strip_has_the_values_the_mean_and_the_interval_of_the_study(tmp_path):
    runs = sweep(tmp_path, ("sgd", "adam"), range(4), diverged=[("sgd", 1)], failed=[("sgd", 3)])
    entries = {one.optimizer: one for one in analyse(runs).parts[0].entries}
    strips = {
        name: strip_of(one, Look(name, "#000000"), "best/val_loss") for name, one in entries.items()
    }
    for name, strip in strips.items():
        found = entries[name].metrics["best/val_loss"]
        assert strip.values == found.values
        assert (strip.centre, *strip.interval) == (
            found.mean.value,
            found.mean.low,
            found.mean.high,
        )
    (lost,) = (run for run in runs if run.status == "diverged")
    assert strips["sgd"].values[1] == lost.metrics()["val/loss"][0]
    assert strips["sgd"].note == "1 of 3 diverged, 1 failed"
    assert strips["adam"].note == ""


def test_one_seed_is_its_own_interval(tmp_path):
    (entry,) = analyse(sweep(tmp_path, ["adam"], [0])).parts[0].entries
    strip = strip_of(entry, Look("adam", "#000000"), "best/val_loss")
    assert strip.interval == (strip.centre, strip.centre) == strip.values * 2
    assert strip_of(entry, Look("adam", "#000000"), "test/r2").values == ()


def test_a_hopeless_group_does_not_hide_the_others():
    good = [[0.96, 0.97], [0.95, 0.96], [0.94, 0.95]]
    low, high = strip_limits([*good, [0.1, 0.2]], [(0.9, 1.0)] * 4, higher=True)
    assert 0.5 < low < 0.94
    assert high > 0.97
    low, high = strip_limits(
        [[-v for v in vs] for vs in good] + [[9.0]], [(0, 0)] * 4, higher=False
    )
    assert -0.94 < high < 1
    low, high = strip_limits([[0.5]], [(0.5, 0.5)], higher=True)
    assert low < 0.5 < high
