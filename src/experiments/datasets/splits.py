"""Which rows train, which validate and which test: decided by the dataset's own seed.

Stratified: each class has its share in each part, to within a row. scikit-learn's splitter
refuses classes with few rows; this one gives training a row of each class first, which small
tables and `dataset.limit` need.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from experiments.errors import DataError
from nn.randomness import stream


@dataclass(frozen=True, eq=False)
class Split:
    """Row numbers of the three parts, each in the order in which the part holds them."""

    train: NDArray[np.intp]
    validation: NDArray[np.intp]
    test: NDArray[np.intp]


def split_rows(
    rows: int,
    classes: NDArray[np.int64] | None,
    *,
    seed: int,
    limit: int | None,
    validation: float,
    test: float,
) -> Split:
    """Split all rows into three parts.

    Parameters
    ----------
    rows : int
        How many there are.
    classes : int64 ndarray of shape (rows,), optional
        The class of each row; the parts are then stratified.
    seed : int
        The dataset's.
    limit : int or None
        Split a subset of at most so many rows, drawn with the same care for classes.
    validation, test : float
        Fractions of the rows, between 0 and 1 and less than 1 together. Each part gets a row at
        least; beyond that, training keeps a row of each class.

    Returns
    -------
    Split
        Each part shuffled: tables are often sorted by class.

    Raises
    ------
    DataError
        With fewer than three rows.
    """
    classes = np.zeros(rows, np.int64) if classes is None else classes
    chosen = _subset(classes, limit, stream(seed, "limit"))
    if len(chosen) < 3:
        raise _too_few(len(chosen), "three parts")
    generator = stream(seed, "split")
    held_out = _draw(classes[chosen], max(1, round(len(chosen) * test)), 2, generator)
    remaining = np.setdiff1d(np.arange(len(chosen)), held_out)
    wanted = max(1, round(len(chosen) * validation))
    validating = remaining[_draw(classes[chosen[remaining]], wanted, 1, generator)]
    training = np.setdiff1d(remaining, validating)
    return Split(
        *(chosen[generator.permutation(part)] for part in (training, validating, held_out))
    )


def split_published(
    train_classes: NDArray[np.int64],
    test_classes: NDArray[np.int64],
    *,
    seed: int,
    limit: int | None,
    validation: float,
) -> Split:
    """Keep a published test set and split validation off the training set.

    Parameters
    ----------
    train_classes, test_classes : int64 ndarrays of shapes (training rows,), (test rows,)
        The class of each row. In the result the test rows are numbered on from the training
        rows, as if one table held both.
    seed, limit, validation
        As for :func:`split_rows`; the limit holds for the training set, and again for the test
        set.

    Raises
    ------
    DataError
        With fewer than two training rows or no test row.
    """
    chosen = _subset(train_classes, limit, stream(seed, "limit"))
    if len(chosen) < 2 or not len(test_classes):
        raise _too_few(len(chosen), "training and validation, beside a test set")
    generator = stream(seed, "split")
    wanted = max(1, round(len(chosen) * validation))
    validating = _draw(train_classes[chosen], wanted, 1, generator)
    training = np.setdiff1d(np.arange(len(chosen)), validating)
    tested = _subset(test_classes, limit, stream(seed, "limit", 1))
    return Split(
        chosen[generator.permutation(training)],
        chosen[generator.permutation(validating)],
        len(train_classes) + tested,
    )


def whole_population(rows: int) -> Split:
    """Use every row in all three parts, for data that are all there is (the truth of XOR)."""
    everything = np.arange(rows)
    return Split(everything, everything, everything)


def _subset(
    classes: NDArray[np.int64], limit: int | None, generator: np.random.Generator
) -> NDArray[np.intp]:
    """At most `limit` rows, in their order: one of each class first, the others in proportion."""
    if limit is None or limit >= len(classes):
        return np.arange(len(classes))
    counts = np.bincount(classes)
    first = _shares(counts, limit, np.minimum(counts, 1))
    more = _shares(counts - first, limit - int(first.sum()), counts - first)
    return np.sort(_pick(classes, first + more, generator))


def _draw(
    classes: NDArray[np.int64], wanted: int, left: int, generator: np.random.Generator
) -> NDArray[np.intp]:
    """Positions of about `wanted` rows, in proportion to the classes.

    At least one, even where that takes a class's only row; `left` rows at least stay behind,
    and one of each class.
    """
    counts = np.bincount(classes)
    wanted = min(wanted, len(classes) - left)
    shares = _shares(counts, wanted, np.maximum(counts - 1, 0))
    if not shares.any():
        shares[np.argmax(counts)] = 1
    return _pick(classes, shares, generator)


def _shares(
    counts: NDArray[np.int64], total: int, capacity: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Divide `total` in proportion to `counts`, by largest remainder, within `capacity`.

    In whole numbers, so that it comes out the same everywhere. The sum falls short of `total`
    only where the capacity does.
    """
    population = max(1, int(counts.sum()))
    shares = np.minimum(total * counts // population, capacity)
    order = np.argsort(-(total * counts % population), kind="stable")
    while (missing := total - int(shares.sum())) > 0:
        room = order[shares[order] < capacity[order]]
        if not len(room):
            break
        shares[room[:missing]] += 1
    return shares


def _pick(
    classes: NDArray[np.int64], shares: NDArray[np.int64], generator: np.random.Generator
) -> NDArray[np.intp]:
    """Positions of `shares[c]` random rows of each class c."""
    picked = [
        generator.permutation(np.flatnonzero(classes == label))[:share]
        for label, share in enumerate(shares)
    ]
    return np.concatenate(picked)


def _too_few(rows: int, parts: str) -> DataError:
    return DataError(
        f"{rows} {'row' if rows == 1 else 'rows'} cannot be split into {parts}. "
        "Give more rows, or raise dataset.limit."
    )
