"""Reading a table from a file of any format, for training and for prediction alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.datasets.reading.csv_file import read_csv
from experiments.datasets.reading.encodings import is_encoding
from experiments.datasets.reading.opening import regular_file
from experiments.datasets.reading.parquet_file import is_parquet, read_parquet
from experiments.datasets.reading.raw_table import RawTable
from experiments.errors import ConfigError


@dataclass(frozen=True)
class TableFormat:
    """The properties of a table file that cannot be read from the file itself.

    Parameters
    ----------
    delimiter : str, optional
        The delimiter of a CSV file; by default detected.
    encoding : str, default "utf-8"
        The encoding of a CSV file.
    """

    delimiter: str | None = None
    encoding: str = "utf-8"

    @classmethod
    def of_config(cls, dataset: Mapping[str, Any]) -> TableFormat:
        """Return the format of the tables that a run was trained on.

        Parameters
        ----------
        dataset : mapping
            The node `dataset` of the run's configuration.
        """
        delimiter, encoding = unescaped(dataset.get("delimiter")), dataset.get("encoding")
        return cls(
            # A user's own source may mean something else by these names.
            delimiter if isinstance(delimiter, str) and len(delimiter) == 1 else None,
            encoding if isinstance(encoding, str) and is_encoding(encoding) else cls.encoding,
        )


def unescaped(delimiter: Any) -> Any:
    """Return a delimiter as it stands in files; a tab is given as a backslash and a t."""
    return "\t" if delimiter == "\\t" else delimiter


def check_delimiter(where: str, delimiter: str | None) -> None:
    """Raise a ConfigError, which begins with `where`, unless `dataset.delimiter` can part cells."""
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
        raise ConfigError(
            f"{where}: dataset.delimiter is {delimiter!r}. Give one character, such as ',' or ';', "
            "neither quote nor line end."
        )


def read_table(path: Path, file_format: TableFormat | None = None) -> RawTable:
    """Read a CSV file, also a compressed one, or a Parquet file.

    Cells are not interpreted; that is done by a :class:`~experiments.datasets.reading.notation
    .Notation`.

    Parameters
    ----------
    path : Path
        The file. Its contents decide what it is, not its name.
    file_format : TableFormat, optional
        The properties of a CSV file that cannot be read from the file itself.

    Raises
    ------
    DataError
        If the file is missing or malformed; see :func:`read_csv` and :func:`read_parquet`.
    """
    regular_file(path)
    if is_parquet(path):
        return read_parquet(path)
    file_format = file_format or TableFormat()
    return read_csv(path, file_format.delimiter, file_format.encoding)
