"""Texts of the user's own as bags of words, or sparse rows in a svmlight file."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from experiments.datasets.dataset import Dataset, Task
from experiments.datasets.prepare_sparse import prepare_rows
from experiments.datasets.reading.encodings import check_encoding
from experiments.datasets.reading.notation import Notation
from experiments.datasets.reading.raw_table import RawTable, column_name
from experiments.datasets.reading.svmlight import read_svmlight
from experiments.datasets.reading.table_file import (
    TableFormat,
    check_delimiter,
    read_table,
    unescaped,
)
from experiments.datasets.sources.csv_targets import Targets, read_targets
from experiments.datasets.sources.paths import user_path
from experiments.datasets.sources.term_source import TermSource
from experiments.datasets.sparse_preprocessing import refuse_empty, texts_of
from experiments.errors import ConfigError, DataError
from nn.component import suggestion
from nn.losses import Loss, TargetForm


@dataclass(frozen=True, kw_only=True)
class BagOfWords(TermSource):
    r"""A table with a column of texts, or a svmlight file; sparse from the file to the network.

    Parameters
    ----------
    seed, limit, split, counts, validation, test, scaling, form
        See `TermSource`.
    analyzer, ngrams, weighting, lowercase, least_texts, most_terms
        The conversion of texts to numbers; see `TermSource`.
    path : str
        The file, relative to `dir`: a table as of dataset=csv, or lines of svmlight's format.
    dir : str, default "."
        A folder, relative to where the command is given.
    text : str, optional
        The column of texts; by default the file is in svmlight's format.
    target : str, optional
        The column to predict; in a svmlight file that is the first number of a line.
    task : {"binary", "multiclass", "regression"}, optional
        The kind of prediction; by default inferred, as of dataset=csv.
    delimiter : str, optional
        A single character, or \t for a tab; by default detected.
    encoding : str, default "utf-8"
        The encoding of the table, as Python calls it.
    scale_targets : bool, default True
        Whether regression targets are standardised.
    verify : bool, default False
        Whether to read the file even if it looks unchanged since it was cached.

    Raises
    ------
    ConfigError
        At construction, if a field is invalid.
    """

    path: str
    dir: str = "."
    text: str | None = None
    target: str | None = None
    task: Literal["binary", "multiclass", "regression"] | None = None
    delimiter: str | None = None
    encoding: str = "utf-8"
    scale_targets: bool = True
    verify: bool = field(default=False, compare=False)
    target_form: TargetForm | None = field(default=None, init=False)  # set by `for_loss`

    def __post_init__(self) -> None:
        object.__setattr__(self, "delimiter", unescaped(self.delimiter))
        super().__post_init__()
        for name in ("text", "target"):
            value = getattr(self, name)
            object.__setattr__(self, name, None if value is None else column_name(value))
        if (self.text is None) != (self.target is None):
            named, other = ("text", "target") if self.target is None else ("target", "text")
            raise ConfigError(
                f"dataset BagOfWords: a table needs dataset.text and dataset.target, but "
                f"dataset.{other} is not given. Give it, or leave out dataset.{named}, too, if the "
                "file is in svmlight's format."
            )
        if self.text is not None and self.text == self.target:
            raise ConfigError(
                f"dataset BagOfWords: {self.text!r} is dataset.text and dataset.target. Give "
                "another column for one of them."
            )
        check_delimiter("dataset BagOfWords", self.delimiter)
        check_encoding("dataset BagOfWords", self.encoding)

    @property
    def file(self) -> Path:
        """The file to read."""
        return user_path(self.dir) / Path(self.path).expanduser()

    def files(self) -> tuple[Path, ...]:
        """Return the file."""
        return (self.file,)

    def for_loss(self, loss: Loss) -> Self:
        """Return the source as a loss needs it, which may decide what targets are."""
        source = copy.copy(self)
        object.__setattr__(source, "target_form", loss.target_form)
        return source

    def load(self) -> Dataset:
        """Read, split and encode the file.

        Raises
        ------
        DataError
            If the file is missing or malformed, a text is empty, or a target is missing.
        """
        path = self.file
        try:
            return self._of_rows(path) if self.text is None else self._of_texts(path)
        except DataError as error:
            message = str(error)
            raise DataError(message if str(path) in message else f"{path}: {message}") from None

    def _of_rows(self, path: Path) -> Dataset:
        matrix, labels, first = read_svmlight(path)
        targets = self._targets(RawTable(path, {"label": labels}))
        return prepare_rows(
            matrix,
            split=self.split_rows(len(labels), targets.task, targets.values),
            first=first,
            form=self.form,
            scaling=self.scaling,
            **self._described(path, targets),
        )

    def _of_texts(self, path: Path) -> Dataset:
        assert self.text is not None
        assert self.target is not None
        cells = read_table(path, TableFormat(self.delimiter, self.encoding))
        for option in ("text", "target"):
            name = getattr(self, option)
            if name not in cells:
                raise DataError(
                    f"dataset.{option} names the column {name!r}, which is not "
                    f"there{suggestion(name, cells)}. The columns are {', '.join(cells)}."
                )
        texts = texts_of(cells[self.text])
        refuse_empty(texts, partial(cells.where, column=self.text))
        missing = Notation().gaps(cells[self.target])
        if missing.any():
            row = int(np.argmax(missing))
            raise DataError(
                f"{cells.where(row, self.target)}: the value is missing. Fill it in, or leave the "
                "row out."
            )
        targets = self._targets(cells.only((self.target,)))
        return self.prepare_texts(texts, column=self.text, **self._described(path, targets))

    def _targets(self, cells: RawTable) -> Targets:
        task = None if self.task is None else Task(self.task)
        return read_targets(cells, Notation(), task, self.target_form)

    def _described(self, path: Path, targets: Targets) -> dict[str, Any]:
        why = f" ({targets.reason})" if targets.reason else ""
        return {
            "name": path.name.partition(".")[0],
            "task": targets.task,
            "targets": targets.values,
            "target_names": targets.names,
            "scale_targets": self.scale_targets,
            "notes": (f"task {targets.task}{why}",) if self.task is None else (),
        }
