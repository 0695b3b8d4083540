"""Comparisons count gradients where a step takes several, with epochs beside them."""

from dataclasses import replace

import numpy as np
import pytest

from experiments.analysis.analyse import analyse
from experiments.analysis.groups import EPOCHS, GRADIENTS, counts_gradients, course
from experiments.analysis.study import TIME
from experiments.palette import color_of
from experiments.reporting.figures.comparison import plot_comparison
from experiments.reporting.figures.curves import family_of, plot_curves, units_of
from experiments.reporting.figures.looks import Look
from experiments.reporting.tables.layout import result_columns
from experiments.reporting.words.conclusions import conclude
from tests.experiments.analysis.crowding import crowded, outside
from tests.experiments.analysis.made_up_sweeps import learn, make_run


@pytest.fixture(params=["sgd", "adam"])
def study(request, tmp_path):
    """Two optimizers that learn alike, one of which takes two gradients a step."""
    runs = []
    for optimizer in ("sgd", "adam"):
        for seed in range(5):
            metrics, summary = learn("sgd", seed, speed=0.3)
            if optimizer == request.param:
                metrics["evaluations"] = [2 * step for step in metrics["step"]]
            runs.append(
                make_run(
                    tmp_path / f"{len(runs)}", optimizer, seed, metrics=metrics, summary=summary
                )
            )
    return analyse(runs), request.param


def test_times_to_the_target_count_gradients(study):
    analysed, twice = study
    (part,) = analysed.parts
    assert part.clock == GRADIENTS
    assert {pair.metric for pair in part.time_pairs} == {TIME[GRADIENTS]}
    times = {entry.optimizer: entry.times for entry in part.entries}
    once = "adam" if twice == "sgd" else "sgd"
    assert times[twice][EPOCHS].times == times[once][EPOCHS].times
    assert times[once][GRADIENTS].times == times[once]["step"].times
    doubled = [2 * time for time in times[once][GRADIENTS].times]
    assert list(times[twice][GRADIENTS].times) == doubled
    # The slower one has the higher ranks.
    (pair,) = part.time_pairs
    assert (pair.difference.value > 0) == (pair.first == twice)


def test_the_conclusion_counts_gradients(study):
    (part,) = study[0].parts
    last = sorted(part.entries, key=lambda entry: entry.optimizer == study[1])
    surely = tuple(replace(pair, separated=True) for pair in part.time_pairs)
    words = conclude(replace(part, pairs=(), time_pairs=surely, entries=tuple(last)))
    assert "in fewer gradients than" in words


def test_tables_show_gradients_and_epochs(study):
    (part,) = study[0].parts
    headers = [column.header for column in result_columns(part)]
    (gradients,) = [header for header in headers if header.startswith("gradients to")]
    (epochs,) = [header for header in headers if header.startswith("epochs to")]
    assert headers.index(gradients) < headers.index(epochs)


def test_curves_are_drawn_over_gradients_and_epochs(study):
    (part,) = study[0].parts
    families = [
        family_of(entry.group, Look(entry.optimizer, color_of(entry.optimizer)))
        for entry in part.entries
    ]
    assert units_of(families) == [GRADIENTS, EPOCHS]
    ends = {}
    for unit in (GRADIENTS, EPOCHS):
        axes = plot_curves(families, "val/loss", unit).axes[0]
        assert axes.get_xlabel() == unit
        curves = [line for line in axes.lines if line.get_transform() == axes.transData]
        drawn = [line.get_xdata() for line in curves]
        ends[unit] = sorted({float(x[-1]) for x in drawn if len(x) > 2})  # without marks
    assert len(ends[EPOCHS]) == 1
    assert len(ends[GRADIENTS]) == 2
    assert ends[GRADIENTS][1] == 2 * ends[GRADIENTS][0]


def test_the_picture_has_a_panel_more(study):
    figure = plot_comparison(study[0])
    labels = [axes.get_xlabel() for axes in figure.axes]
    assert labels[:3] == [GRADIENTS, EPOCHS, GRADIENTS]
    assert crowded(figure) == []
    assert outside(figure) == []


def test_without_such_runs_epochs_are_counted(tmp_path):
    runs = [
        make_run(tmp_path / str(seed), seed=seed, metrics=metrics, summary=summary)
        for seed in range(3)
        for metrics, summary in [learn("adam", seed)]
    ]
    (part,) = analyse(runs).parts
    assert part.clock == EPOCHS
    assert GRADIENTS not in part.entries[0].times
    curves = part.entries[0].group.curves[part.entries[0].group.runs[0]]
    assert not counts_gradients([curves])
    np.testing.assert_array_equal(course(curves, GRADIENTS), curves["step"])
