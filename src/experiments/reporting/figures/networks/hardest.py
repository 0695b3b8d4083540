"""Show the test rows that runs classify worst, as images or as a table of values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from experiments.datasets import Dataset
from experiments.reporting.figures.drawing import (
    PALE,
    panel,
    readable,
    style,
    text_width,
    write,
)
from experiments.reporting.figures.networks.frame import TOP, titled_figure
from experiments.reporting.figures.networks.outputs import (
    best_outputs,
    class_shares,
    predicted_classes,
)
from experiments.reporting.figures.networks.samples import draw_sample
from experiments.reporting.figures.networks.shown import Shown
from experiments.reporting.words.formatting import compact, percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE: Final = "The worst-classified examples"
MOST_GROUPS: Final = 6
_IMAGES: Final = 8
_TABLE_ROWS: Final = 5
_TABLE_FEATURES: Final = 6
_WRONG: Final = "#b00020"


@dataclass(frozen=True)
class Hard:
    """A row that a run classifies badly.

    Attributes
    ----------
    row : int
        The index of the row in the test part.
    true, predicted : int
        The true and the predicted class.
    share : float
        The probability that the network gives to the true class.
    """

    row: int
    true: int
    predicted: int
    share: float


def hardest(one: Shown, dataset: Dataset, count: int) -> list[Hard]:
    """Find the test rows for which a run's best weights give the true class the lowest share.

    Wrong predictions come first; ties keep the order of the rows.
    """
    outputs = best_outputs(one.run, dataset.parts["test"].inputs, trusted=one.trusted)
    true, predicted = dataset.parts["test"].targets, predicted_classes(outputs)
    shares = class_shares(one.run, outputs, trusted=one.trusted)[np.arange(len(true)), true]
    order = np.lexsort((np.arange(len(true)), shares, predicted == true))[:count]
    return [Hard(int(i), int(true[i]), int(predicted[i]), float(shares[i])) for i in order]


def plot_hardest(rows: Sequence[Shown], dataset: Dataset) -> Figure:
    """Draw the worst-classified test rows, with a row of images or a table for each run.

    Parameters
    ----------
    rows : sequence of Shown
        The groups, whose runs finished, best first. At most `MOST_GROUPS` are shown.
    dataset : Dataset
        The dataset, with one class per row.

    Returns
    -------
    matplotlib.figure.Figure
    """
    with style():
        if len(dataset.shape) > 1:
            return _samples(rows[:MOST_GROUPS], dataset)
        return _tables(rows[:MOST_GROUPS], dataset)


def _samples(rows: Sequence[Shown], dataset: Dataset) -> Figure:
    names = dataset.target_names
    side = 0.95
    found = [hardest(one, dataset, _IMAGES) for one in rows]
    said = [f"{names[hard.true]} as {names[hard.predicted]}" for row in found for hard in row]
    cell = max(side, text_width(said, 7)) + 0.12
    left = 0.15 + text_width([one.label for one in rows]) + 0.25
    line = side + 0.5
    figure = titled_figure(TITLE, left + _IMAGES * cell, len(rows) * line + 0.1)
    for place, (one, row) in enumerate(zip(rows, found, strict=True)):
        top = TOP + place * line + 0.1
        color = readable(one.color)
        write(figure, 0.15, top + side / 2 - 0.16, one.label, color=color, weight="bold")
        write(figure, 0.15, top + side / 2, f"seed {one.run.seed}", size=7.5, color=PALE)
        for column, hard in enumerate(row):
            start = left + column * cell
            axes = panel(figure, start, top, side, side)
            (inputs,) = dataset.parts["test"].take([hard.row])
            draw_sample(axes, inputs.reshape(dataset.shape))
            wrong = hard.true != hard.predicted
            words = f"{names[hard.true]} as {names[hard.predicted]}" if wrong else names[hard.true]
            write(
                figure, start, top + side + 0.04, words, size=7,
                color=_WRONG if wrong else "#222222",
            )  # fmt: skip
            write(figure, start, top + side + 0.17, percent(hard.share), size=7, color=PALE)
    return figure


def _tables(rows: Sequence[Shown], dataset: Dataset) -> Figure:
    names = dataset.target_names
    found = [hardest(one, dataset, _TABLE_ROWS) for one in rows]
    if dataset.parts["test"].sparse is not None:
        described = ["largest entries"]
        values = _largest_entries
    else:
        features = _telling_features(dataset, sorted({hard.row for row in found for hard in row}))
        described = [dataset.feature_names[i] for i in features]

        def values(dataset: Dataset, row: int) -> list[str]:
            return [raw_value(dataset, row, feature) for feature in features]

    heads = ["true", "predicted", "p(true)", *described]
    tables = [
        [
            [
                names[hard.true],
                names[hard.predicted],
                percent(hard.share),
                *values(dataset, hard.row),
            ]
            for hard in row
        ]
        for row in found
    ]
    heads = [head if len(head) <= 18 else head[:17] + "…" for head in heads]
    columns = zip(heads, *(line for table in tables for line in table), strict=True)
    widths = [text_width(column, 8) + 0.25 for column in columns]
    label = 0.15 + text_width([one.label for one in rows]) + 0.25
    starts = label + np.concatenate([[0], np.cumsum(widths)])
    row_height, top = 0.19, TOP + 0.32
    height = 0.32 + sum(len(table) * row_height + 0.14 for table in tables)
    figure = titled_figure(TITLE, float(starts[-1]), height)
    for start, head in zip(starts, heads, strict=False):
        write(figure, start, TOP + 0.08, head, size=8, weight="bold")
    for one, table, row in zip(rows, tables, found, strict=True):
        write(figure, 0.15, top, one.label, color=readable(one.color), weight="bold")
        write(figure, 0.15, top + 0.16, f"seed {one.run.seed}", size=7.5, color=PALE)
        for cells, hard in zip(table, row, strict=True):
            for column, (start, cell) in enumerate(zip(starts, cells, strict=False)):
                wrong = column == 1 and hard.true != hard.predicted
                write(figure, start, top, cell, size=8, color=_WRONG if wrong else "#222222")
            top += row_height
        top += 0.14
    return figure


def raw_value(dataset: Dataset, row: int, column: int) -> str:
    """Format a test row's value in a raw column, decoded from the network's input."""
    preprocessing = dataset.preprocessing
    name = preprocessing.columns[column]
    levels = preprocessing.levels
    before = preprocessing.columns[:column]
    first = sum(len(levels[other]) if other in levels else 1 for other in before)
    (inputs,) = dataset.parts["test"].take([row])
    if name in levels:
        return levels[name][int(inputs[first : first + len(levels[name])].argmax())]
    value = float(inputs[first]) * preprocessing.scale[first] + preprocessing.center[first]
    return compact(value).replace("-", "−")


def _largest_entries(dataset: Dataset, row: int) -> list[str]:
    """Return the names of the features, the terms of a text, that count most in a test row."""
    (inputs,) = np.abs(dataset.parts["test"].take([row]))
    order = np.argsort(-inputs, kind="stable")[:_TABLE_FEATURES]
    names = dataset.preprocessing.encoded_names
    return [", ".join(names[i] for i in order if inputs[i])]


def _telling_features(dataset: Dataset, rows: Sequence[int]) -> list[int]:
    """Choose the raw columns in which these rows differ most from the training data's mean."""
    preprocessing = dataset.preprocessing
    train, inputs = dataset.train.inputs, dataset.parts["test"].take(rows)
    deviation = train.std(axis=0)
    distance = np.abs(inputs - train.mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    unusual: list[float] = []
    slot = 0
    for name in preprocessing.columns:
        width = len(preprocessing.levels.get(name, ("",)))
        unusual.append(float(distance[:, slot : slot + width].mean()))
        slot += width
    best: NDArray[np.intp] = np.argsort(-np.array(unusual), kind="stable")[:_TABLE_FEATURES]
    return sorted(int(i) for i in best)
