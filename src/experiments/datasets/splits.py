"""The split of rows into training, validation and test parts.

By default the dataset's seed decides it, and it is stratified: the share of each class is the same
in all parts, to within a row. scikit-learn's splitter rejects classes with few rows. This one first
gives the training part a row of each class, which small tables and `dataset.limit` need. A split
by position takes the rows in their order instead, as published splits often do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from experiments.errors import DataError
from nn.randomness import stream

Method = Literal["stratified", "position"]


@dataclass(frozen=True, eq=False)
class Split:
    """The row numbers of the three parts, each in the order of the part's rows.

    The validation part may be empty, and so may the test part of a function to minimize.
    """

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
    counts: Sequence[int] | None = None,
    method: Method = "stratified",
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
        Largest number of rows to use, drawn in a stratified way too, or the first ones if the
        method is "position"; None uses all.
    validation, test : float
        Fractions of the rows, between 0 and 1 and together less than 1. Each part gets at least
        one row; beyond that, the training part of a stratified split keeps a row of each class.
        A fraction of 0 for `validation` means no validation part.
    counts : sequence of int, optional
        Numbers of training, validation and test rows, instead of fractions and limit.
    method : {"stratified", "position"}, default "stratified"
        Whether rows are drawn at random, or the first ones train, the next ones validate and the
        next ones test.

    Returns
    -------
    Split
        The rows of each part, shuffled because tables are often sorted by class; in their order
        in the table if the method is "position".

    Raises
    ------
    DataError
        If there are too few rows.
    """
    if counts is not None:
        _check_counts(counts, rows)
        limit = sum(counts)
    least = 2 if _is_empty(validation, counts) else 3
    chosen = _chosen(rows, classes, limit, method, stream(seed, "limit"))
    if len(chosen) < least:
        raise _too_few(len(chosen), "three parts" if least == 3 else "two parts")
    if counts is not None:
        _, validating, testing = counts
    else:
        validating = _share(len(chosen), validation)
        testing = max(1, round(len(chosen) * test))
    if method == "position":
        training = len(chosen) - validating - testing
        if training < 1:
            raise _too_few(len(chosen), "parts of these sizes")
        return Split(*np.split(chosen, [training, training + validating]))
    classes = np.zeros(rows, np.int64) if classes is None else classes
    generator = stream(seed, "split")
    held_out = _draw(classes[chosen], testing, least - 1, generator)
    remaining = np.setdiff1d(np.arange(len(chosen)), held_out)
    validated = remaining[_draw(classes[chosen[remaining]], validating, 1, generator)]
    trained = np.setdiff1d(remaining, validated)
    split = Split(*(chosen[generator.permutation(part)] for part in (trained, validated, held_out)))
    if counts is not None:
        _check_sizes(split, counts)
    return split


def split_published(
    train_classes: NDArray[np.int64],
    test_classes: NDArray[np.int64],
    *,
    seed: int,
    limit: int | None,
    validation: float,
    counts: Sequence[int] | None = None,
    method: Method = "stratified",
) -> Split:
    """Keep a published test set and split validation off the training set.

    Parameters
    ----------
    train_classes, test_classes : int64 ndarrays of shapes (training rows,), (test rows,)
        The class of each row.
    counts : sequence of int, optional
        Numbers of training and validation rows. The whole test set is used.
    seed, limit, validation, method
        See :func:`split_rows`; the limit applies to the training set and to the test set
        separately.

    Returns
    -------
    Split
        Row numbers in a table that holds the training rows and then the test rows.

    Raises
    ------
    DataError
        If there are too few training rows, or no test row.
    """
    given, tested = len(train_classes), len(test_classes)
    test_limit = limit
    if counts is not None:
        _check_counts(counts, given)
        limit, test_limit = sum(counts), None
    chosen = _chosen(given, train_classes, limit, method, stream(seed, "limit"))
    least = 1 if _is_empty(validation, counts) else 2
    if len(chosen) < least or not tested:
        named = "a training, a validation and a test part" if least == 2 else "two parts"
        raise _too_few(len(chosen), named)
    validating = _share(len(chosen), validation) if counts is None else counts[1]
    testing = _chosen(tested, test_classes, test_limit, method, stream(seed, "limit", 1))
    if method == "position":
        training = len(chosen) - validating
        return Split(chosen[:training], chosen[training:], given + testing)
    generator = stream(seed, "split")
    validated = _draw(train_classes[chosen], validating, 1, generator)
    trained = np.setdiff1d(np.arange(len(chosen)), validated)
    split = Split(
        chosen[generator.permutation(trained)],
        chosen[generator.permutation(validated)],
        given + testing,
    )
    if counts is not None:
        _check_sizes(split, counts)
    return split


def whole_population(rows: int, *, validates: bool = True) -> Split:
    """Use every row in all parts: the data are the whole population, as for XOR.

    Parameters
    ----------
    rows : int
        Number of rows.
    validates : bool, default True
        Whether there is a validation part.
    """
    everything = np.arange(rows)
    return Split(everything, everything[: rows if validates else 0], everything)


def _is_empty(validation: float, counts: Sequence[int] | None) -> bool:
    """Whether the validation part is empty."""
    return validation == 0 if counts is None else counts[1] == 0


def _share(rows: int, fraction: float) -> int:
    """Return a part's number of rows: at least one, unless the fraction is 0."""
    return max(1, round(rows * fraction)) if fraction else 0


def _chosen(
    rows: int,
    classes: NDArray[np.int64] | None,
    limit: int | None,
    method: Method,
    generator: np.random.Generator,
) -> NDArray[np.intp]:
    """Return the rows to use, in ascending order."""
    if method == "position" or limit is None or limit >= rows:
        return np.arange(rows if limit is None else min(rows, limit))
    return _subset(np.zeros(rows, np.int64) if classes is None else classes, limit, generator)


def _subset(
    classes: NDArray[np.int64], limit: int, generator: np.random.Generator
) -> NDArray[np.intp]:
    """Return `limit` rows in ascending order, stratified, with a row of each class."""
    counts = np.bincount(classes)
    first = _shares(counts, limit, np.minimum(counts, 1))
    more = _shares(counts - first, limit - int(first.sum()), counts - first)
    return np.sort(_pick(classes, first + more, generator))


def _draw(
    classes: NDArray[np.int64], wanted: int, left: int, generator: np.random.Generator
) -> NDArray[np.intp]:
    """Return the positions of about `wanted` rows, stratified by class.

    At least `left` rows remain, including one of each class. At least one row is drawn, even if
    it is the only one of its class, unless none is wanted.
    """
    if wanted == 0:
        return np.arange(0)
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


def _check_counts(counts: Sequence[int], rows: int) -> None:
    if sum(counts) > rows:
        raise DataError(
            f"dataset.counts=[{','.join(map(str, counts))}] asks for {sum(counts)} rows, but there "
            f"are {rows}. Lower one of the counts."
        )


def _check_sizes(split: Split, counts: Sequence[int]) -> None:
    """Refuse counts that a stratified split cannot have."""
    sizes = [len(part) for part in (split.train, split.validation, split.test)][: len(counts)]
    if sizes != list(counts):
        raise DataError(
            f"dataset.counts=[{','.join(map(str, counts))}] leaves too few training rows for a row "
            "of each class. Raise the first count, or choose dataset.split=position."
        )
