"""The task that the target columns of a table pose, and their values."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from experiments.datasets.dataset import Task
from experiments.datasets.reading.dates import formats_of
from experiments.datasets.reading.notation import Cells, Notation
from experiments.datasets.reading.quantities import (
    MOST_CLASSES,
    is_measured,
    quantity_cure,
    rarely_repeats,
    read_numbers,
    sample,
)
from experiments.datasets.reading.raw_table import RawTable, quoted
from experiments.datasets.reading.text_column import TextColumn
from experiments.errors import DataError
from nn.losses import TargetForm

_NUMBER: Final = re.compile(
    r"\d+(?:[.,]\d+)*|\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\b", re.IGNORECASE
)
"""A number in text; a month counts as one."""

_NUMBERED: Final = re.compile(r"[^\W\d_][\w -]*#[\w -]*")
"""What remains of names such as "class 12" or "E11.9" when "#" replaces the number."""

_VALUES_A_FORM: Final = 10
"""So many different texts of one form are forms filled with numbers, and not names."""

_ZERO_FIRST: Final = re.compile(r"0\d")
_LARGEST_EXACT: Final = 2**53  # from here on, several whole numbers share a float


@dataclass(frozen=True, eq=False)
class Targets:
    """The target columns as :func:`~experiments.datasets.prepare.prepare` takes them.

    Parameters
    ----------
    task : Task
        The kind of prediction.
    values : ndarray
        Class indices of shape (rows,), or numbers of shape (rows, columns).
    names : tuple of str
        The classes, or the target columns.
    reason : str, default ""
        The reason for the task if it follows from something other than the columns.
    """

    task: Task
    values: NDArray[Any]
    names: tuple[str, ...]
    reason: str = ""


def read_targets(
    cells: RawTable,
    notation: Notation,
    task: Task | None,
    form: TargetForm | None,
) -> Targets:
    """Read the target columns of a table.

    Parameters
    ----------
    cells : RawTable
        The target columns, in which no value is missing.
    notation : Notation
        The notation of numbers in the cells.
    task : Task, optional
        The task that the user chose; by default inferred.
    form : {"values", "labels", "classes"}, optional
        The targets that the loss of the run needs. It decides where columns could be numbers as
        well as classes.

    Raises
    ------
    DataError
        If a cell does not fit the task, or a column of text does not contain classes.
    """
    return _Reader(cells, notation, task, form).read()


class _Reader:
    """The arguments of `read_targets`, and each column as numbers."""

    def __init__(
        self,
        cells: RawTable,
        notation: Notation,
        task: Task | None,
        form: TargetForm | None,
    ) -> None:
        self._cells = cells
        self._notation = notation
        self._task = task
        self._form = form
        self._numbers = {name: notation.numbers(column) for name, column in cells.items()}

    def read(self) -> Targets:
        task, reason = (self._task, "") if self._task else self._inferred_task()
        if task.has_classes:
            return self._classes(task)
        for name, (values, wrong) in self._numbers.items():
            if wrong is not None:
                cell = self._cells[name][wrong]
                raise DataError(
                    f"{self._cells.where(wrong, name)}: {quoted(cell)} is not a number, which the "
                    f"task ({task}) needs. {self._cure([cell]) or 'Correct it.'} If the column "
                    "holds names of classes, choose dataset.task=multiclass; otherwise another "
                    "dataset.target."
                )
            check_finite(self._cells, name, values)
            if task is Task.MULTILABEL and not np.isin(values, (0, 1)).all():
                row = int(np.argmin(np.isin(values, (0, 1))))
                raise DataError(
                    f"{self._cells.where(row, name)}: {quoted(self._cells[name][row])} is not a "
                    "label, 0 or 1. Correct it, or choose another dataset.task."
                )
        numbers = np.stack([values for values, _ in self._numbers.values()], axis=1)
        return Targets(task, numbers, tuple(self._cells), reason)

    def _inferred_task(self) -> tuple[Task, str]:
        """Return the task that the columns pose, and the reason if it is the loss."""
        chosen = "because the loss is one for numbers"
        if len(self._numbers) > 1:
            labels = all(np.isin(values, (0, 1)).all() for values, _ in self._numbers.values())
            if not labels:
                return Task.REGRESSION, ""
            if self._form == "values":
                return Task.REGRESSION, f"{chosen}; dataset.task=multilabel predicts labels"
            return Task.MULTILABEL, ""
        ((name, (values, wrong)),) = self._numbers.items()
        if wrong is not None:
            # A few words among many numbers are mistakes in a numeric column, not class names.
            if 2 * np.count_nonzero(~np.isnan(values)) >= len(values):
                return Task.REGRESSION, ""
            self._check_text(name)
            return Task.MULTICLASS, ""
        if is_measured(values):
            return Task.REGRESSION, ""
        if self._form == "values":
            different = len(np.unique(values))
            return Task.REGRESSION, (
                f"{chosen}; dataset.task={_task_of(different)} makes its {different} values classes"
            )
        return Task.MULTICLASS, ""

    def _check_text(self, name: str) -> None:
        """Refuse a column of text whose cells cannot be meant as names of classes."""
        column = self._cells[name]
        values, _ = self._numbers[name]
        different = set(map(str, column))
        words = (str(cell) for cell, value in zip(column, values, strict=True) if np.isnan(value))
        examples = " and ".join(map(quoted, list(dict.fromkeys(words))[:2]))
        classes = "If its cells are names of classes, choose dataset.task=multiclass."
        if cure := self._cure(column):
            raise DataError(
                f"{self._cells.path}: the target column {name!r} is text, such as {examples}. "
                f"{cure} {classes}"
            )
        if _differ_in_numbers(different):
            raise DataError(
                f"{self._cells.path}: the target column {name!r} is text with {len(different)} "
                f"different values, such as {examples}, that differ in little but their numbers. "
                "Write what is to be predicted as a number, or choose another dataset.target. "
                f"{classes}"
            )
        if 2 * len(different) > len(column):
            raise DataError(
                f"{self._cells.path}: the target column {name!r} is text with {len(different)} "
                f"different values in {len(column)} rows, such as {examples}, and names of classes "
                "occur more than once. Choose another dataset.target, or write numbers. "
                f"{classes}"
            )

    def _cure(self, column: Cells | Sequence[str]) -> str:
        """Say what makes numbers of texts that measure something; "" for other texts."""
        texts = sample(column)
        others = self._notation.alternatives(texts)
        if others and is_measured(read_numbers(others[0], texts)):
            settings = " or ".join(map(self._notation.settings, others))
            return f"To read numbers, give {settings}."
        if steps := quantity_cure(texts, self._notation):
            return f"To read numbers, {steps}."
        if formats_of(texts, self._notation) and rarely_repeats(len(set(texts)), len(texts)):
            return (
                "Dates cannot be predicted. Write numbers, such as the days since a certain date, "
                "or list the column in dataset.dates and name another dataset.target."
            )
        return ""

    def _classes(self, task: Task) -> Targets:
        cells = self._cells
        if len(cells) > 1:
            raise DataError(
                f"{cells.path}: the task {task} has one target, but dataset.target names "
                f"{', '.join(cells)}. Name one, or choose dataset.task=multilabel."
            )
        ((name, (values, wrong)),) = self._numbers.items()
        if wrong is None:
            check_finite(cells, name, values)
        if wrong is None and not _are_codes(cells[name], values):
            levels, codes = np.unique(values, return_inverse=True)
            names = tuple(_plain(value) for value in levels.tolist())
        else:
            texts = list(map(str, cells[name]))
            names = tuple(sorted(set(texts)))
            index = {level: code for code, level in enumerate(names)}
            codes = np.array([index[text] for text in texts])
        if len(names) < 2:
            raise DataError(
                f"{cells.path}: every row has {quoted(names[0])} in the target column {name!r}, so "
                "there is nothing to learn. Add rows of another class."
            )
        if self._task is None:
            task = _task_of(len(names))
        if task is Task.BINARY and len(names) != 2:
            raise DataError(
                f"{cells.path}: the target column {name!r} has {len(names)} classes "
                f"({', '.join(names[:8])}), not two. Choose dataset.task=multiclass."
            )
        return Targets(task, codes.astype(np.int64), names)


def check_finite(cells: RawTable, name: str, values: NDArray[np.float64]) -> None:
    """Refuse a column of numbers in which one is infinite."""
    infinite = np.isinf(values)
    if infinite.any():
        row = int(np.argmax(infinite))
        raise DataError(
            f"{cells.where(row, name)}: {quoted(cells[name][row])} is not a finite number. Correct "
            "it, or leave the cell empty and choose what to do about missing values "
            "(dataset.missing)."
        )


def _differ_in_numbers(texts: Collection[str]) -> bool:
    """Whether texts look like times, dates, ranges or amounts, and are too many to be classes."""
    if len(texts) <= MOST_CLASSES:
        return False
    forms = Counter(_NUMBER.sub("#", text) for text in texts)
    filled = {f: n for f, n in forms.items() if "#" in f and not _NUMBERED.fullmatch(f)}
    count = sum(filled.values())
    return 2 * count > len(texts) and count >= _VALUES_A_FORM * len(filled)


def _are_codes(column: Cells, values: NDArray[np.float64]) -> bool:
    """Whether numbers are codes, of which a float would lose zeros or digits."""
    if (np.abs(values) >= _LARGEST_EXACT).any():
        return True
    return isinstance(column, TextColumn) and any(map(_ZERO_FIRST.match, set(column)))


def _task_of(classes: int) -> Task:
    return Task.BINARY if classes == 2 else Task.MULTICLASS


def _plain(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
