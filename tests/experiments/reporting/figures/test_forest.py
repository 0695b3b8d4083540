import dataclasses
import math

import pytest

from experiments.reporting.figures.forest import plot_differences
from tests.experiments.analysis.crowding import crowded, outside, words_of
from tests.experiments.analysis.made_up_studies import LOOKS, pairs_of
from tests.experiments.analysis.made_up_sweeps import ALL


@pytest.mark.parametrize("names", [ALL[:2], ALL[:6]])
def test_every_pair_has_a_row_with_its_verdict(names):
    pairs = pairs_of(names)
    figure = plot_differences(pairs, LOOKS, "Best validation loss")
    said = [text for text, _ in words_of(figure)]
    assert said.count(f"{names[0]} is better") == len(names) - 1
    assert sum(text.endswith("is better") for text in said) == len(pairs)
    assert crowded(figure) == []
    assert outside(figure) == []


def test_the_best_against_the_others_is_named_once():
    pairs = [pair for pair in pairs_of(ALL) if pair.first == ALL[0]]
    figure = plot_differences(pairs, LOOKS, "Best validation loss")
    said = [text for text, _ in words_of(figure)]
    assert f"Best validation loss: {ALL[0]} minus the others" in said
    assert set(ALL[1:]) <= set(said)
    assert ALL[0] not in said
    assert crowded(figure) == []
    assert outside(figure) == []


def test_what_is_not_separated_is_hollow_and_grey():
    (pair,) = pairs_of(("sgd", "adam"), gap=0.0)
    assert not pair.separated
    figure = plot_differences([pair], LOOKS, "Best validation loss")
    (dot,) = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert dot.get_markerfacecolor() == "white"
    assert dot.get_xdata()[0] == pair.difference.value
    assert "not separated" in [text for text, _ in words_of(figure)]


def test_the_line_is_the_corrected_interval():
    (pair,) = pairs_of(("sgd", "adam"))
    figure = plot_differences([pair], LOOKS, "Best validation loss")
    (line,) = [line for line in figure.axes[0].lines if line.get_linewidth() == 2.2]
    assert tuple(line.get_xdata()) == (pair.adjusted.low, pair.adjusted.high)


def test_a_hopeless_one_does_not_hide_the_others_and_is_told_in_numbers():
    pairs = [pair for pair in pairs_of(ALL[:5]) if pair.first == ALL[0]]
    worst = pairs[-1]
    far = dataclasses.replace(
        worst,
        difference=dataclasses.replace(worst.difference, value=-90.0),
        adjusted=dataclasses.replace(worst.adjusted, value=-90.0, low=-95.0, high=-85.0),
    )
    figure = plot_differences([*pairs[:-1], far], LOOKS, "Best validation loss")
    assert figure.axes[0].get_xlim()[0] > -5
    assert any("-90" in text for text, _ in words_of(figure))


def test_one_seed_gives_a_point_without_a_line():
    (pair,) = pairs_of(("sgd", "adam"), seeds=1)
    assert not math.isfinite(pair.adjusted.low + pair.adjusted.high)
    figure = plot_differences([pair], LOOKS, "Best validation loss")
    assert [line for line in figure.axes[0].lines if line.get_linewidth() == 2.2] == []
