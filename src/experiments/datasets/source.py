"""The base classes of data sources, and how to write a custom source."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from numpy.typing import NDArray

from experiments.datasets.dataset import Dataset, Task
from experiments.datasets.prepare import prepare
from experiments.datasets.scaling import Scaling
from experiments.datasets.splits import Method, Split, split_rows
from experiments.datasets.table import Table
from experiments.errors import ConfigError
from nn.component import Interval, problems
from nn.losses import Loss

Share = Annotated[float, Interval(0, 1, "neither")]
ShareOrNone = Annotated[float, Interval(0, 1, "left")]


@dataclass(frozen=True, kw_only=True)
class Source(ABC):
    """A source of data: its fields are its options, and `load` returns the dataset.

    A custom dataset consists of a subclass in any importable module and one YAML file. The
    fields are the schema: a configuration may set nothing else, and their types and ranges are
    checked at construction. ::

        # parity.py
        @dataclass(frozen=True, kw_only=True)
        class Parity(SplitSource):
            bits: Annotated[int, Interval(1, 16)] = 6
            scaling: Scaling = "none"

            def load(self) -> Dataset:
                numbers = np.arange(2**self.bits)
                inputs = numbers[:, None] >> np.arange(self.bits) & 1
                return self.prepare(
                    name="parity",
                    task=Task.BINARY,
                    table=Table.of_numbers(inputs),
                    targets=inputs.sum(axis=1) % 2,
                    target_names=("even", "odd"),
                )

        # conf/dataset/parity.yaml
        _target_: parity.Parity
        bits: 8

    `SplitSource` adds the options for splitting and scaling. A source that comes with its own
    parts derives from `Source` and calls :func:`~experiments.datasets.prepare.prepare`.

    `load` must depend only on the fields and on the files that `files` returns, because
    :func:`~experiments.datasets.cache.load_dataset` caches its result.

    Parameters
    ----------
    seed : int, default 0
        Seed of the split, of the subset that `limit` selects and of generated data. It is
        independent of the run's seed, so that all runs of a comparison see the same data; a
        configuration may set it to ``${seed}``, so that each seed has a separate split.
    limit : int, optional
        Largest number of rows to use, at least 3; by default all.

    Raises
    ------
    ConfigError
        At construction, if a field has the wrong type or is out of range.
    """

    cacheable: ClassVar[bool] = True
    """Whether caching the prepared dataset on disk saves time."""

    verify = False
    """Whether to read the files even if they look unchanged; a field of sources with files."""

    seed: Annotated[int, Interval(0)] = 0
    limit: Annotated[int, Interval(3)] | None = None

    def __post_init__(self) -> None:
        fields = [field.name for field in dataclasses.fields(self) if field.init]
        values = {name: getattr(self, name) for name in fields}
        wrong = problems(type(self), values)
        if wrong:
            raise ConfigError(
                f"dataset {type(self).__name__}: "
                + "; ".join(f"dataset.{fault}" for fault in wrong)
                + "."
            )

    @abstractmethod
    def load(self) -> Dataset:
        """Read or generate the data, split them and encode them.

        Returns
        -------
        Dataset

        Raises
        ------
        DataError
            If the data are missing, malformed or do not match the options. The message names the
            file, the place in it and the remedy.
        """

    def for_loss(self, loss: Loss) -> Self:
        """Return the source for runs with a loss, which may decide how targets are read.

        By default that is this source: its targets do not depend on the loss.
        """
        return self

    def files(self) -> tuple[Path, ...]:
        """Return the files that `load` reads; a change to any of them invalidates the cache."""
        return ()


@dataclass(frozen=True, kw_only=True)
class DividedSource(Source):
    """A source that divides its rows into parts by fractions, by counts or by position.

    Parameters
    ----------
    seed, limit
        See `Source`.
    split : {"stratified", "position"}, default "stratified"
        Whether the parts are drawn at random with the share of each class, or the first rows
        train, the next ones validate and the last ones test, each in their order.
    counts : sequence of int, optional
        Numbers of rows of the parts that `counted` names, in that order; the number of validation
        rows may be 0. By default the fractions decide.
    validation : float
        Fraction of the rows for validation; 0 for no validation part.
    """

    counted: ClassVar[tuple[str, ...]] = ("training", "validation", "test")
    """The parts whose sizes `counts` may give."""

    split: Method = "stratified"
    counts: tuple[Annotated[int, Interval(0)], ...] | None = None
    validation: ShareOrNone = 0.15

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.counts is None:
            return
        where = f"dataset {type(self).__name__}: dataset.counts"
        object.__setattr__(self, "counts", tuple(self.counts))  # sources are hashed
        needed = [
            count
            for count, part in zip(self.counts, self.counted, strict=False)
            if part != "validation"
        ]
        if len(self.counts) != len(self.counted) or 0 in needed:
            raise ConfigError(
                f"{where} must be {len(self.counted)} numbers of rows "
                f"({', '.join(self.counted)}), of which only that of validation may be 0, "
                f"but is {list(self.counts)}."
            )
        if self.limit is not None:
            raise ConfigError(
                f"{where} says how many rows to use, and so does dataset.limit={self.limit}. "
                "Leave one of them at null."
            )


@dataclass(frozen=True, kw_only=True)
class SplitSource(DividedSource):
    """A source whose rows are split into training, validation and test parts.

    Parameters
    ----------
    seed, limit, split, counts
        See `DividedSource`.
    validation, test : float, default 0.15
        Fractions of the rows, together less than 1; a `validation` of 0 means no validation part.
    scaling : {"standard", "channel", "minmax", "max", "none"}, default "standard"
        Scaling of the inputs, fitted on the training part.
    """

    test: Share = 0.15
    scaling: Scaling = "standard"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.validation + self.test >= 1:
            raise ConfigError(
                f"dataset {type(self).__name__}: dataset.validation={self.validation} and "
                f"dataset.test={self.test} leave no rows for training. Lower one of them."
            )

    def prepare(
        self, *, name: str, task: Task, table: Table, targets: NDArray[Any], **options: Any
    ) -> Dataset:
        """Split and encode the data with the options of this source.

        Parameters
        ----------
        name, task, table, targets, **options
            See :func:`~experiments.datasets.prepare.prepare`.

        Returns
        -------
        Dataset
        """
        return prepare(
            name=name,
            task=task,
            table=table,
            targets=targets,
            split=self.split_rows(len(table), task, targets),
            scaling=self.scaling,
            **options,
        )

    def split_rows(self, rows: int, task: Task, targets: NDArray[Any]) -> Split:
        """Split rows with the options of this source, classes in proportion if each row has one.

        Parameters
        ----------
        rows : int
            Number of rows.
        task : Task
            The kind of prediction.
        targets : ndarray of shape (rows,) or (rows, ...)
            The targets.

        Returns
        -------
        Split
        """
        return split_rows(
            rows,
            targets if task.has_classes and targets.ndim == 1 else None,
            seed=self.seed,
            limit=self.limit,
            validation=self.validation,
            test=self.test,
            counts=self.counts,
            method=self.split,
        )
