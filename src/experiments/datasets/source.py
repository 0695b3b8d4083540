"""The base classes of data sources, and how to write a custom source."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

from numpy.typing import NDArray

from experiments.datasets.dataset import Dataset, Task
from experiments.datasets.prepare import prepare
from experiments.datasets.scaling import Scaling
from experiments.datasets.splits import split_rows
from experiments.datasets.table import Table
from experiments.errors import ConfigError
from nn.component import Interval, problems

Share = Annotated[float, Interval(0, 1, "neither")]


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
        independent of the run's seed, so that all runs of a comparison see the same data.
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
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
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

    def files(self) -> tuple[Path, ...]:
        """Return the files that `load` reads; a change to any of them invalidates the cache."""
        return ()


@dataclass(frozen=True, kw_only=True)
class SplitSource(Source):
    """A source whose rows are split at random into training, validation and test parts.

    Parameters
    ----------
    seed, limit
        See `Source`.
    validation, test : float, default 0.15
        Fractions of the rows, together less than 1.
    scaling : {"standard", "minmax", "max", "none"}, default "standard"
        Scaling of the inputs, fitted on the training part.
    """

    validation: Share = 0.15
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
        split = split_rows(
            len(table),
            targets if task.has_classes else None,
            seed=self.seed,
            limit=self.limit,
            validation=self.validation,
            test=self.test,
        )
        return prepare(
            name=name,
            task=task,
            table=table,
            targets=targets,
            split=split,
            scaling=self.scaling,
            **options,
        )
