import statistics
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.collections import LineCollection

from experiments.analysis.analyse import analyse
from experiments.palette import color_of
from experiments.reporting.figures.comparison import plot_comparison
from experiments.reporting.figures.drawing import REST
from experiments.reporting.figures.looks import MOST_CURVES, OTHERS_ARE_GREY
from experiments.reporting.figures.run import plot_run
from tests.experiments.analysis.made_up_sweeps import ALL, make_run, sweep


def titles(figure):
    return [axes.get_title(loc="left") for axes in figure.axes]


def labelled(axes):
    return [text for text in axes.texts if text.get_text() in ALL]


def overlaps(texts, figure):
    boxes = [text.get_window_extent(figure.canvas.get_renderer()) for text in texts]
    boxes.sort(key=lambda box: box.y0)
    return [pair for pair in pairwise(boxes) if pair[0].y1 > pair[1].y0 + 1]


@pytest.mark.parametrize("optimizers", [ALL[:2], ALL[:MOST_CURVES]])
@pytest.mark.parametrize("seeds", [1, 3])
def test_every_curve_is_named_without_overlap_inside_the_picture(tmp_path, optimizers, seeds):
    figure = plot_comparison(analyse(sweep(tmp_path, optimizers, range(seeds))))
    width, height = figure.get_size_inches() * figure.dpi
    for axes in figure.axes[:2]:
        texts = labelled(axes)
        assert sorted(text.get_text() for text in texts) == sorted(optimizers)
        assert overlaps(texts, figure) == []
        for text in texts:
            box = text.get_window_extent(figure.canvas.get_renderer())
            assert box.x0 >= 0
            assert box.x1 <= width
            assert box.y0 >= 0
            assert box.y1 <= height
    names = figure.axes[2].get_yticklabels()
    assert sorted(name.get_text() for name in names) == sorted(optimizers)
    assert overlaps(names, figure) == []
    right_of = max(
        text.get_window_extent(figure.canvas.get_renderer()).x1 for text in labelled(figure.axes[1])
    )
    assert right_of < min(name.get_window_extent(figure.canvas.get_renderer()).x0 for name in names)


def bold(axes, color):
    return [
        line for line in axes.lines if line.get_color() == color and line.get_linewidth() == 2.0
    ]


def test_the_bold_line_is_the_median_and_colours_are_the_palettes(tmp_path):
    runs = sweep(tmp_path, ("sgd", "adam"), range(4))
    axes = plot_comparison(analyse(runs)).axes[0]
    (line,) = bold(axes, color_of("adam"))
    curves = [run.metrics()["val/loss"] for run in runs if run.choices["optimizer"] == "adam"]
    expected = [statistics.median(values) for values in zip(*curves, strict=True)]
    np.testing.assert_allclose(line.get_ydata(), expected, rtol=1e-12)
    thin = [one for one in axes.collections if isinstance(one, LineCollection)]
    drawn = [segment[:, 1] for one in thin for segment in one.get_segments()]
    assert len(drawn) == 8
    for curve in curves:
        assert any(np.array_equal(curve, segment) for segment in drawn)


def test_the_median_goes_as_far_as_all_seeds_that_did_not_diverge(tmp_path):
    runs = sweep(
        tmp_path,
        ("sgd", "adam"),
        range(4),
        stopped={("adam", 0): 12, ("adam", 1): 20},
        diverged=[("adam", 3)],
    )
    axes = plot_comparison(analyse(runs)).axes[0]
    (line,) = bold(axes, color_of("adam"))
    assert line.get_xdata()[-1] == 12
    kept = [run.metrics()["val/loss"][:13] for run in runs[4:7]]
    np.testing.assert_allclose(line.get_ydata(), np.median(kept, axis=0))
    crosses = [line for line in axes.lines if line.get_marker() == "x"]
    assert len(crosses) == 1
    assert axes.get_ylim()[1] < 5  # the diverged run reached hundreds
    words = [text.get_text() for text in plot_comparison(analyse(runs)).axes[2].texts]
    assert "1 of 4 diverged" in words


@pytest.mark.parametrize(("low", "scale"), [(0.05, "log"), (0.5, "linear")])
def test_losses_are_logarithmic_over_more_than_a_decade(tmp_path, low, scale):
    metrics = {"epoch": [0.0, 1.0], "val/loss": [1.0, low], "val/accuracy": [0.1, 0.9]}
    figure = plot_comparison(analyse([make_run(tmp_path, metrics=metrics)]))
    assert figure.axes[0].get_yscale() == scale
    assert figure.axes[1].get_yscale() == "linear"


def test_regression_shows_r2_and_each_task_has_a_row(tmp_path):
    runs = sweep(tmp_path / "a", seeds=range(2)) + sweep(
        tmp_path / "b", seeds=range(2), score="r2", choices={"dataset": "diabetes", "loss": "mse"}
    )
    assert titles(plot_comparison(analyse(runs))) == [
        "Validation loss",
        "Validation R²",
        "Test loss",
        "Validation loss",
        "Validation accuracy",
        "Test loss",
    ]


def test_of_many_curves_the_best_and_those_not_separated_from_it_are_named(tmp_path):
    study = analyse(sweep(tmp_path, ALL, range(4)))
    (part,) = study.parts
    best = part.entries[0].label
    clear = {pair.second for pair in part.pairs if pair.first == best and pair.separated}
    assert clear
    expected = [entry.label for entry in part.entries if entry.label not in clear][:MOST_CURVES]
    figure = plot_comparison(study)
    assert sorted(text.get_text() for text in labelled(figure.axes[0])) == sorted(expected)
    assert overlaps(labelled(figure.axes[0]), figure) == []
    assert len(figure.axes[2].get_yticklabels()) == len(ALL)
    grey = [line for line in figure.axes[0].lines if line.get_color() == REST]
    assert len(grey) == len(ALL) - len(expected)
    words = " ".join(text.get_text() for text in figure.texts).replace("\n", " ")
    assert OTHERS_ARE_GREY in words


def test_of_many_groups_the_best_are_named(tmp_path):
    runs = [
        run
        for rate in (0.1, 0.01)
        for run in sweep(tmp_path / f"{rate}", ALL, [0], settings={"optimizer": {"lr": rate}})
    ]
    figure = plot_comparison(analyse(runs))
    names = [text for text in figure.axes[0].texts if "lr=" in text.get_text()]
    assert len(names) == MOST_CURVES
    assert len(figure.axes[2].get_yticklabels()) == 28
    assert overlaps(figure.axes[2].get_yticklabels(), figure) == []
    words = " ".join(text.get_text() for text in figure.texts).replace("\n", " ")
    assert OTHERS_ARE_GREY in words


def test_pictures_of_nothing_say_so(tmp_path):
    runs = sweep(tmp_path, ["sgd"], range(2), failed=[("sgd", 0), ("sgd", 1)])
    words = [text.get_text() for axes in plot_comparison(analyse(runs)).axes for text in axes.texts]
    assert "not measured" in words
    assert "2 of 2 failed" in words
    run = make_run(tmp_path / "x", status="failed", message="Out of memory", metrics={"epoch": []})
    assert any(
        "No epoch was measured: failed: Out of memory" in text.get_text()
        for text in plot_run(run).texts
    )


def test_all_runs_diverged(tmp_path):
    runs = sweep(tmp_path, ["sgd"], range(2), diverged=[("sgd", 0), ("sgd", 1)])
    axes = plot_comparison(analyse(runs)).axes[0]
    assert len([line for line in axes.lines if line.get_marker() == "x"]) == 2
    assert axes.get_ylim()[1] > 30


@pytest.mark.parametrize("epochs", [0, 1])
def test_short_runs_can_be_drawn(tmp_path, epochs):
    (run,) = sweep(tmp_path, ["adam"], [0], epochs=max(epochs, 1), stopped={("adam", 0): epochs})
    plot_run(run).canvas.draw()
    plot_comparison(analyse([run])).canvas.draw()
