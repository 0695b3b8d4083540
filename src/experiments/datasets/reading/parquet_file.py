"""Reading Parquet files, whose columns have types already."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from experiments.datasets.reading.memory import available_memory, require_memory
from experiments.datasets.reading.notation import Cells
from experiments.datasets.reading.opening import EXPANSION, opened
from experiments.datasets.reading.raw_table import RawTable, column_name
from experiments.datasets.reading.text_column import TextColumn, TextStore
from experiments.errors import DataError

_MAGIC: Final = b"PAR1"
_INDEX: Final = "__index_level_"  # how pandas calls the columns of an index


def is_parquet(path: Path) -> bool:
    """Whether a file begins and ends as Parquet files do."""
    try:
        with path.open("rb") as file:
            start = file.read(4)
            file.seek(-4, 2)
            return start == file.read() == _MAGIC
    except OSError:
        return False


def read_parquet(path: Path) -> RawTable:
    """Read a Parquet file with pyarrow.

    Columns of numbers and truth values become arrays of them; others are read as text.

    Raises
    ------
    DataError
        If pyarrow is missing, the file is damaged, or needs more memory than there is.
    """
    try:
        import pyarrow
        from pyarrow.parquet import ParquetFile
    except ImportError:
        raise DataError(
            f"{path}: a Parquet file is read with pyarrow, which is not installed. Install it "
            "(pip install pyarrow), or save the table as CSV."
        ) from None
    with opened(path):
        try:
            with ParquetFile(path) as file:
                groups = range(file.metadata.num_row_groups)
                unpacked = sum(file.metadata.row_group(i).total_byte_size for i in groups)
                require_memory(f"{path}: the table", EXPANSION * unpacked, available_memory())
                table = file.read()
            names = [name for name in table.column_names if not name.startswith(_INDEX)]
            store = TextStore()
            columns = [_cells(table.column(name), store) for name in names]
        except (pyarrow.ArrowException, ValueError) as error:
            raise DataError(
                f"{path}: the Parquet file cannot be read ({error}). Give one of plain columns."
            ) from error
    if not table.num_rows:
        raise DataError(f"{path}: there are no rows. Give a table with rows.")
    return RawTable.of_columns(path, [column_name(name) for name in names], columns)


def _cells(column: Any, store: TextStore) -> Cells:
    """Convert a column of pyarrow."""
    from pyarrow import compute, types

    if types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if types.is_decimal(column.type):
        column = column.cast("float64")
    if types.is_floating(column.type):
        return np.asarray(column.to_numpy())
    if types.is_integer(column.type) or types.is_boolean(column.type):
        # An array of NumPy's cannot tell that an integer is missing.
        plain = column.to_pylist() if column.null_count else column.to_numpy()
        return np.asarray(plain, object if column.null_count else None)
    texts = TextColumn(store)
    for chunk in column.chunks:
        cells = compute.fill_null(chunk.cast("string"), "")
        texts.extend(list(map(str.strip, cells.to_pylist())))
    return texts
