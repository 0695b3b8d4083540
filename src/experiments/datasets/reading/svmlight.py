"""Sparse rows in files of svmlight's format."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import numpy as np
from numpy.typing import NDArray

from experiments.datasets.reading.opening import opened
from experiments.datasets.reading.raw_table import quoted
from experiments.errors import DataError

_LINE: Final = re.compile(r"\s*(?:[^\s#:]+(?:\s+qid:\d+)?(?:\s+\d+:[^\s:]+)*)?\s*(?:#.*)?")


def read_svmlight(
    path: Path, *, width: int | None = None, first: int | None = None
) -> tuple[Any, NDArray[np.float64], int]:
    """Read a file with a line for each row: its label, then ``index:value`` for each entry.

    Parameters
    ----------
    path : Path
        The file, also compressed.
    width : int, optional
        The number of features; by default the largest index says.
    first : int, optional
        The index of the first feature, 0 or 1; by default 0 if that occurs, else 1.

    Returns
    -------
    matrix : scipy.sparse.csr_matrix of shape (rows, width), float64
        The entries.
    labels : ndarray of shape (rows,)
        The labels.
    first : int
        The index of the first feature.

    Raises
    ------
    DataError
        If the file is missing, malformed or without entries.
    """
    from sklearn.datasets import load_svmlight_file

    try:
        with opened(path) as file:
            matrix, labels = load_svmlight_file(io.BufferedReader(file), zero_based=True)
    except (ValueError, OverflowError) as error:
        raise DataError(f"{path}{_first_wrong_line(path)}: {_in_words(error)}") from None
    if not matrix.nnz:
        raise DataError(f"{path}: no row has an entry. Give lines such as: 1 3:0.5 17:2")
    least = int(matrix.indices.min())
    if first is None:
        first = min(1, least)
    if least < first:
        raise DataError(
            f"{path}: an entry has the index {least}, and in the file that the run was trained on "
            "they begin with 1. Number the features as there."
        )
    matrix = matrix[:, first:]
    if width is not None and matrix.shape[1] > width:
        raise DataError(
            f"{path}: an entry has the index {matrix.shape[1] - 1 + first}, and the run was "
            f"trained on the features {first} to {width - 1 + first}. Leave such entries out."
        )
    if width is not None:
        matrix.resize(matrix.shape[0], width)
    return matrix, labels, first


def _first_wrong_line(path: Path) -> str:
    """Describe the place of the first line of another form; "" if there is none."""
    try:
        with opened(path) as file, io.TextIOWrapper(cast(BinaryIO, file), "utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if not _LINE.fullmatch(line.rstrip("\r\n")):
                    return f", line {number} ({quoted(line.strip())})"
    except UnicodeDecodeError:
        pass
    return ""


def _in_words(error: Exception) -> str:
    return (
        f"the file is not in svmlight's format ({str(error)[:200]}). A line has a label and "
        "entries in the order of their indices, such as: 1 3:0.5 17:2"
    )
