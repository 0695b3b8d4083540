"""The split of rows into training, validation and test parts, decided by the dataset's seed.

Splits are stratified: the share of each class is the same in all parts, to within a row.
scikit-learn's splitter rejects classes with few rows. This one first gives the training part a row
of each class, which small tables and `dataset.limit` need.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from experiments.errors import DataError
from nn.randomness import stream


@dataclass(frozen=True, eq=False)
class Split:
    """The row numbers of the three parts, each in the order of the part's rows."""

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
        Number of rows.
    classes : int64 ndarray of shape (rows,), optional
        The class of each row, by which the parts are stratified.
    seed : int
        Seed of the dataset.
    limit : int or None
        Largest number of rows to use, drawn in a stratified way too; None uses all.
    validation, test : float
        Fractions of the rows, between 0 and 1 and together less than 1. Each part gets at least
        one row; beyond that, the training part keeps a row of each class.

    Returns
    -------
    Split
        The rows of each part, shuffled because tables are often sorted by class.

    Raises
    ------
    DataError
        If there are fewer than three rows.
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
        The class of each row.
    seed, limit, validation
        See :func:`split_rows`; the limit applies to the training set and to the test set
        separately.

    Returns
    -------
    Split
        Row numbers in a table that holds the training rows and then the test rows.

    Raises
    ------
    DataError
        If there are fewer than two training rows, or no test row.
    """
    chosen = _subset(train_classes, limit, stream(seed, "limit"))
    if len(chosen) < 2 or not len(test_classes):
        raise _too_few(len(chosen), "a training, a validation and a test part")
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
    """Use every row in all three parts: the data are the whole population, as for XOR."""
    everything = np.arange(rows)
    return Split(everything, everything, everything)


def _subset(
    classes: NDArray[np.int64], limit: int | None, generator: np.random.Generator
) -> NDArray[np.intp]:
    """Return at most `limit` rows in ascending order, stratified, with a row of each class."""
    if limit is None or limit >= len(classes):
        return np.arange(len(classes))
    counts = np.bincount(classes)
    first = _shares(counts, limit, np.minimum(counts, 1))
    more = _shares(counts - first, limit - int(first.sum()), counts - first)
    return np.sort(_pick(classes, first + more, generator))


def _draw(
    classes: NDArray[np.int64], wanted: int, left: int, generator: np.random.Generator
) -> NDArray[np.intp]:
    """Return the positions of about `wanted` rows, stratified by class.

    At least `left` rows remain, including one of each class. At least one row is drawn, even if
    it is the only one of its class.
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

    Integer arithmetic makes the result the same on every machine. The shares sum to less than
    `total` only if the capacities do.
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
    """Return the positions of `shares[c]` random rows of each class c."""
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
