import pytest

from experiments.palette import color_of
from experiments.reporting.figures.verdicts import plot_verdicts
from tests.experiments.analysis.crowding import crowded, outside
from tests.experiments.analysis.made_up_studies import LOOKS, pairs_of
from tests.experiments.analysis.made_up_sweeps import ALL


@pytest.mark.parametrize("names", [ALL[:2], ALL])
def test_names_do_not_overlap(names):
    figure = plot_verdicts([(n, LOOKS[n]) for n in names], pairs_of(names), "Best validation loss")
    assert crowded(figure) == []
    assert outside(figure) == []


def test_a_square_is_where_the_row_is_better():
    pairs = pairs_of(ALL[:4])
    assert all(pair.separated for pair in pairs)
    (axes,) = plot_verdicts([(n, LOOKS[n]) for n in ALL[:4]], pairs, "Best validation loss").axes
    drawn = {
        (int(line.get_ydata()[0]), int(line.get_xdata()[0])): line.get_color()
        for line in axes.lines
        if line.get_marker() == "s"
    }
    assert drawn == {(i, j): color_of(ALL[i]) for i in range(4) for j in range(i + 1, 4)}


def test_a_dot_is_where_nothing_is_separated():
    pairs = pairs_of(("sgd", "adam"), gap=0.0)
    entries = [(n, LOOKS[n]) for n in (pairs[0].first, pairs[0].second)]
    (axes,) = plot_verdicts(entries, pairs, "Best validation loss").axes
    assert [line.get_marker() for line in axes.lines] == ["o"]
