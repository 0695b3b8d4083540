"""Name the steps of a sequence on the axes of a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from experiments.datasets import Dataset
from experiments.escape import visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WORD: Final = 8  # letters of a word that are shown


def name_steps(axes: Axes, dataset: Dataset, count: int, *, both: bool = False) -> None:
    """Name the first steps of the first test sequence, by their tokens if they are such.

    Parameters
    ----------
    axes : Axes
        The axes, whose places along x are steps.
    dataset : Dataset
        The dataset, with a test part.
    count : int
        The number of steps.
    both : bool, default False
        Whether the places along y are the same steps; otherwise y has no names.
    """
    vocabulary = dataset.preprocessing.vocabulary
    axes.set_yticks([])
    if vocabulary is None or dataset.test is None:
        axes.set_xlabel("step", labelpad=1, size=7)
        axes.tick_params(length=0, labelsize=6, pad=1)
        return
    tokens = [vocabulary.tokens[number] for number in dataset.test.take([0])[0, :count]]
    names = [visible(token)[:_WORD].replace(" ", "·") for token in tokens]
    upright = vocabulary.unit == "words"
    axes.set_xticks(range(count), names, rotation=90 if upright else 0)
    if both:
        axes.set_yticks(range(count), names)
    axes.tick_params(length=0, labelsize=4.5, pad=1)
