import numpy as np

from experiments.palette import color_of
from experiments.reporting.figures.run import plot_run
from tests.experiments.analysis.made_up_sweeps import make_run, sweep


def titles(figure):
    return [axes.get_title(loc="left") for axes in figure.axes]


def test_a_run_shows_its_curves_and_best_epoch(tmp_path):
    (run,) = sweep(tmp_path, ["adam"], [0])
    figure = plot_run(run)
    assert titles(figure) == ["Loss", "Accuracy", "Learning rate"]
    loss, _, rate = figure.axes
    words = [text.get_text() for text in loss.texts]
    assert words == [f"best epoch {run.summary['best/epoch']:g}", "train", "validation"]
    np.testing.assert_array_equal(loss.lines[0].get_ydata(), run.metrics()["train/loss"])
    np.testing.assert_array_equal(loss.lines[1].get_ydata(), run.metrics()["val/loss"])
    assert loss.lines[1].get_color() == color_of("adam")
    np.testing.assert_array_equal(rate.lines[0].get_ydata(), run.metrics()["lr"])


def test_a_diverged_run_says_so(tmp_path):
    (run,) = sweep(tmp_path, ["sgd"], [1], diverged=[("sgd", 1)], message="Lower optimizer.lr.")
    texts = [text.get_text() for text in plot_run(run).texts]
    assert "diverged: Lower optimizer.lr." in texts


def test_runs_without_accuracy_or_rate_can_be_drawn(tmp_path):
    metrics = {"epoch": [0.0, 1.0], "train/loss": [2.0, 1.0], "val/loss": [2.0, None]}
    figure = plot_run(make_run(tmp_path, metrics=metrics, summary={}))
    words = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert words.count("not measured") == 2


def test_a_learning_rate_that_stays_the_same_is_told_not_drawn(tmp_path):
    metrics = {
        "epoch": [0.0, 1.0, 2.0],
        "train/loss": [2.0, 1.0, 0.5],
        "val/loss": [2.0, 1.1, 0.7],
        "train/accuracy": [0.1, 0.5, 0.7],
        "val/accuracy": [0.1, 0.4, 0.6],
        "lr": [None, 0.02, 0.02],
    }
    figure = plot_run(make_run(tmp_path, metrics=metrics))
    assert titles(figure) == ["Loss", "Accuracy"]
    assert "done · learning rate 0.02" in [text.get_text() for text in figure.texts]
