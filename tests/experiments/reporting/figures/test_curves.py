import numpy as np
import pytest

from experiments.analysis.groups import group_runs
from experiments.palette import color_of
from experiments.reporting.figures.curves import family_of, plot_curves
from experiments.reporting.figures.looks import Look
from experiments.reporting.figures.strips import plot_strips, strip_of
from tests.experiments.analysis.crowding import crowded, outside
from tests.experiments.analysis.made_up_studies import plain_study
from tests.experiments.analysis.made_up_sweeps import ALL, sweep


@pytest.mark.parametrize("optimizers", [ALL[:2], ALL])
@pytest.mark.parametrize("metric", ["val/loss", "val/accuracy", "train/loss"])
def test_curves_are_named_without_overlap(tmp_path, optimizers, metric):
    runs = sweep(tmp_path, optimizers, range(2), diverged=[("sgd", 1)])
    families = [
        family_of(group, Look(group.optimizer, color_of(group.optimizer)))
        for group in group_runs(runs)
    ]
    figure = plot_curves(families, metric)
    assert crowded(figure) == []
    assert outside(figure) == []


def test_the_band_is_the_interval_of_the_median(tmp_path):
    runs = sweep(tmp_path, ["adam"], range(5))
    (group,) = group_runs(runs)
    figure = plot_curves([family_of(group, Look("adam", color_of("adam")))], "val/loss")
    curves = np.stack([run.metrics()["val/loss"] for run in runs])
    (band,) = [one for one in figure.axes[0].collections if one.get_alpha() == 0.15]
    drawn = band.get_paths()[0].vertices
    # Of five seeds the interval is their range.
    assert drawn[:, 1].max() == curves.max()
    assert drawn[:, 1].min() == curves.min()


@pytest.mark.parametrize("optimizers", [ALL[:2], ALL])
def test_strips_are_named_without_overlap(tmp_path, optimizers):
    study = plain_study(tmp_path, optimizers, range(3), diverged=[("sgd", 1)])
    entries = study.parts[0].entries
    strips = [
        strip_of(entry, Look(entry.optimizer, color_of(entry.optimizer)), "best/val_loss")
        for entry in entries
    ]
    assert {one.look.label: one.note for one in strips}["sgd"] == "1 of 3 diverged"
    figure = plot_strips(strips, "Best validation loss", higher=False)
    assert crowded(figure) == []
    assert outside(figure) == []
