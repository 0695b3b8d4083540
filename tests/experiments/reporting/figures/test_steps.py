import math

import numpy as np
import pytest

from experiments.analysis.statistics.profiles import performance_profiles
from experiments.analysis.statistics.time_to_target import time_to_target
from experiments.palette import color_of
from experiments.reporting.figures.looks import Look
from experiments.reporting.figures.steps import plot_profiles, plot_times
from tests.experiments.analysis.crowding import crowded, outside, words_of
from tests.experiments.analysis.made_up_sweeps import ALL


def times_of(names, seeds=5, never=()):
    return [
        (
            Look(name, color_of(name)),
            time_to_target(
                "epoch",
                {s: math.inf if name in never else 2.0 + place + s for s in range(seeds)},
            ),
        )
        for place, name in enumerate(names)
    ]


@pytest.mark.parametrize("names", [ALL[:2], ALL])
def test_names_carry_medians_and_do_not_overlap(names):
    figure = plot_times(times_of(names), "validation accuracy 0.97", 30)
    said = [text for text, _ in words_of(figure)]
    assert all(f"{name}  {4 + place}" in said for place, name in enumerate(names))
    assert crowded(figure) == []
    assert outside(figure) == []


def test_a_miss_never_counts_as_reached():
    figure = plot_times(times_of(["sgd", "adam"], never=["sgd"]), "validation loss 0.1", 30)
    assert "sgd  never" in [text for text, _ in words_of(figure)]
    ends = {
        line.get_color(): line.get_ydata()[-1]
        for line in figure.axes[0].lines
        if line.get_linewidth() == 1.8
    }
    assert ends == {color_of("sgd"): 0.0, color_of("adam"): 1.0}


def test_the_fastest_is_the_upper_of_names_at_one_height():
    figure = plot_times(times_of(ALL[:4]), "validation loss 0.1", 30)
    heights = {text: box.y0 for text, box in words_of(figure)}
    placed = sorted((f"{name}  {4 + place}" for place, name in enumerate(ALL[:4])), key=heights.get)
    assert placed[::-1] == [f"{name}  {4 + place}" for place, name in enumerate(ALL[:4])]


def test_profiles_are_the_shares_within_factors():
    times = {
        "adam": {"a": {0: 2.0}, "b": {0: 6.0}},
        "sgd": {"a": {0: 4.0}, "b": {0: 3.0}},
    }
    profiles = performance_profiles(times)
    figure = plot_profiles([(Look(p.label, color_of(p.label)), p) for p in profiles])
    (line,) = [line for line in figure.axes[0].lines if line.get_color() == color_of("adam")][:1]
    # Fastest on a; within a factor of 2 on b.
    steps = dict(zip(*map(np.ndarray.tolist, line.get_data()), strict=True))
    assert steps[1.0] == 0.5
    assert steps[2.0] == 1.0
    assert crowded(figure) == []
    assert outside(figure) == []
