"""Warnings about datasets whose results deserve doubt."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final
from unicodedata import category, normalize

import numpy as np
from numpy.typing import NDArray

from experiments.datasets.dataset import Task
from experiments.datasets.preprocessing import Preprocessing, listed
from experiments.datasets.reading.notation import Cells
from experiments.datasets.reading.raw_table import quoted
from experiments.datasets.splits import Split
from experiments.datasets.table import Table

_FEW: Final = 10
"""The smallest validation part without a warning."""

_LARGEST_EXACT: Final = 2**53  # from here on, several whole numbers share a float
_WHOLE: Final = re.compile(r"[+-]?\d+")
_SAMPLE: Final = 100  # large numbers that are looked at


def caveats(
    task: Task,
    table: Table,
    targets: NDArray[Any],
    target_names: tuple[str, ...],
    split: Split,
    preprocessing: Preprocessing,
) -> Iterator[str]:
    """Yield a warning for each thing that makes results doubtful, though training is possible.

    Parameters
    ----------
    task, table, targets, target_names, split
        The tidied arguments of :func:`~experiments.datasets.prepare.prepare`.
    preprocessing : Preprocessing
        The fitted preprocessing.

    Yields
    ------
    str
        A warning for people, without the name of the dataset.
    """
    rows = len(split.validation)
    if 0 < rows < _FEW and not np.array_equal(split.validation, split.train):
        yield (
            f"the validation part has only {rows} row{'s' if rows > 1 else ''}, by which the best "
            "epoch of a run is chosen, so chance decides much. Give more rows, or raise "
            "dataset.validation."
        )
    if not task.has_numbers:
        yield from _absent(task, targets, target_names, split)
    spellings = {f"levels of the column {name!r}": ls for name, ls in preprocessing.levels.items()}
    if task.has_classes:
        spellings["classes"] = target_names
    for what, names in spellings.items():
        for alike, difference in _alike(names):
            yield (
                f"the {what} {listed(alike)} differ only in {difference}, and are kept apart. If "
                "they mean the same, write them alike."
            )
    for name, fill in preprocessing.fills.items():
        if name in table.texts and (empty := int(np.sum(table.texts[name] == ""))):
            yield (
                f"{empty} of {len(table)} cells of the category {name!r} are missing and become "
                f"its most frequent level, {fill!r}. If missing cells have a meaning, "
                "write a word for it."
            )


def number_caveats(name: str, cells: Cells, values: NDArray[np.float64]) -> Iterator[str]:
    """Yield a warning if the numbers of a column are likely something else.

    Parameters
    ----------
    name : str
        The name of the column.
    cells : TextColumn or ndarray of shape (rows,)
        Its cells.
    values : float64 ndarray of shape (rows,)
        The cells as numbers, NaN where missing.

    Yields
    ------
    str
        A warning for people, without the name of the dataset.
    """
    for row in np.flatnonzero(np.abs(values) >= _LARGEST_EXACT)[:_SAMPLE]:
        if _WHOLE.fullmatch(str(cells[row])) and int(cells[row]) != int(values[row]):
            yield (
                f"the last digits of large numbers in the column {name!r}, such as "
                f"{quoted(cells[row])}, are lost. If they are codes, list the column in "
                "dataset.categorical or dataset.ignore."
            )
            return
    given = values[~np.isnan(values)]
    if len(given) and (given == np.rint(given)).all() and given.min() >= 19000101:
        years, months, days = given // 10_000, given // 100 % 100, given % 100
        if (years < 2100).all() and _between(months, 1, 12) and _between(days, 1, 31):
            yield (
                f"the numbers of the column {name!r} look like dates, such as {given[0]:.0f}. If "
                f"they are, list the column in dataset.dates ([{name}])."
            )


def _between(values: NDArray[np.float64], low: float, high: float) -> bool:
    return bool((values >= low).all() and (values <= high).all())


def _absent(
    task: Task, targets: NDArray[Any], target_names: tuple[str, ...], split: Split
) -> Iterator[str]:
    """Warn of classes, or labels, that no row of the validation or test part has."""
    absent: dict[str, list[str]] = {}
    for part, rows in (("validation", split.validation), ("test", split.test)):
        if not len(rows):
            continue
        if task.has_classes:
            classes = targets[rows]
            counts = np.bincount(classes[classes >= 0], minlength=len(target_names))
        else:
            counts = targets[rows].sum(axis=0)
        for name, count in zip(target_names, counts, strict=True):
            if not count:
                absent.setdefault(name, []).append(part)
    what = ("class", "classes") if task.has_classes else ("label", "labels")
    by_parts: dict[str, list[str]] = {}
    for name, parts in absent.items():
        by_parts.setdefault(" or ".join(parts), []).append(name)
    for where, names in by_parts.items():
        them = "it is" if len(names) == 1 else "they are"
        yield (
            f"no row of the {where} part has the {what[len(names) > 1]} {listed(names)}, so no "
            f"score there says how well {them} predicted. Give more such rows, or raise "
            "dataset.validation and dataset.test."
        )


def _alike(names: Iterable[str]) -> Iterator[tuple[list[str], str]]:
    """Yield each group of names that look alike, and what they differ in."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(_visible(name).casefold(), []).append(name)
    for group in groups.values():
        if len(group) == 1:
            continue
        if len(set(map(_visible, group))) > 1:
            yield group, "case"
        elif len({normalize("NFC", name) for name in group}) > 1:
            yield list(map(ascii, group)), "blanks or characters that cannot be seen"
        else:
            yield group, "how Unicode writes their accents"


def _visible(name: str) -> str:
    """Return a name as a reader sees it: without double blanks and marks of zero width."""
    shown = "".join(c for c in normalize("NFC", name) if category(c) != "Cf")
    return " ".join(shown.split())
