import numpy as np
import pytest

from experiments.analysis.statistics.sensitivity import sensitivity
from experiments.reporting.figures.sensitivity import plot_sensitivity
from tests.experiments.analysis.crowding import crowded, outside, words_of
from tests.experiments.analysis.made_up_sweeps import ALL

RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0)


def found(optimizer, best=5, gone=2):
    noise = np.random.default_rng(1)
    scores = {
        rate: tuple(0.05 + 0.2 * abs(place - best) + 0.01 * noise.normal(size=3))
        for place, rate in enumerate(RATES)
    }
    diverged = dict.fromkeys(RATES[len(RATES) - gone :], 3) if gone else {}
    scores.update(dict.fromkeys(diverged, (2.3, 2.3, 2.3)))
    middles = {
        rate: np.inf if rate in diverged else float(np.mean(own)) for rate, own in scores.items()
    }
    return sensitivity(
        optimizer, "optimizer.lr", "best/val_loss", scores, middles, start=2.3, diverged=diverged
    )


@pytest.mark.parametrize("optimizers", [ALL[:1], ALL[:2], ALL[:4], ALL])
def test_every_optimizer_has_a_panel_and_nothing_overlaps(optimizers):
    figure = plot_sensitivity([found(name) for name in optimizers], {}, "Best validation loss")
    assert [axes.get_title(loc="left") for axes in figure.axes] == list(optimizers)
    assert crowded(figure) == []
    assert outside(figure) == []


def rings(axes):
    return [line.get_xdata()[0] for line in axes.lines if line.get_markerfacecolor() == "white"]


def crosses(axes):
    return [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "x"]


def test_best_edge_and_diverged_are_marked():
    inside, edge = found("adam"), found("sgd", best=8, gone=0)
    first, second = plot_sensitivity([inside, edge], {}, "Best validation loss").axes
    assert rings(first) == [0.03]
    assert crosses(first) == [0.3, 1.0]
    assert first.get_title(loc="right") == "0.03"
    assert rings(second) == [1.0]
    assert crosses(second) == []
    assert second.get_title(loc="right") == "1 (edge)"


def test_the_ring_is_what_tuning_chose():
    figure = plot_sensitivity([found("adam")], {"adam": 0.01}, "Best validation loss")
    assert rings(figure.axes[0]) == [0.01]


def test_one_value_and_values_of_any_sign_can_be_drawn():
    for scores in ({0.1: (1.0, 2.0)}, {-1.0: (1.0,), 0.0: (0.5,), 1.0: (2.0,)}):
        middles = {value: float(np.mean(own)) for value, own in scores.items()}
        one = sensitivity("adam", "optimizer.lr", "best/val_loss", scores, middles, start=2.3)
        figure = plot_sensitivity([one], {}, "Best validation loss")
        assert len(words_of(figure)) > 2


def test_a_loss_of_zero_has_its_ring_on_the_floor_of_a_logarithmic_axis():
    scores = {0.1: (1.0, 2.0), 1.0: (0.01, 0.02), 10.0: (0.0, 0.0)}
    middles = {value: float(np.mean(own)) for value, own in scores.items()}
    one = sensitivity("adam", "optimizer.lr", "best/val_loss", scores, middles, start=2.3)
    (axes,) = plot_sensitivity([one], {}, "Best validation loss").axes
    floor = axes.get_ylim()[0]
    assert axes.get_yscale() == "log"
    (ring,) = [line for line in axes.lines if line.get_markerfacecolor() == "white"]
    assert (ring.get_xdata()[0], ring.get_ydata()[0]) == (10.0, floor)
    curve = max(axes.lines, key=lambda line: len(line.get_xdata()))
    assert curve.get_ydata()[-1] == floor
    assert axes.collections[-1].get_offsets()[:, 1].tolist() == [floor, floor]
