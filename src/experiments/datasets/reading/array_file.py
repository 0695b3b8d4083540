"""Arrays in NumPy's files, and sparse matrices in SciPy's."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.datasets.reading.memory import available_memory, require_memory
from experiments.datasets.reading.opening import regular_file
from experiments.errors import DataError


def read_array(path: Path) -> NDArray[Any]:
    """Read an array as `numpy.save` writes it; objects are never unpickled.

    Raises
    ------
    DataError
        If the file is missing or holds something else.
    """
    regular_file(path)
    try:
        # A map of the file needs no memory for what its header only promises.
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(array, np.ndarray):
            raise ValueError("it is an archive")
        return np.array(array)
    except Exception as error:  # noqa: BLE001 - a damaged file leads NumPy to nearly any of them
        raise _wrong(path, "an array of numbers as numpy.save writes it", error) from None


def read_sparse(path: Path) -> Any:
    """Read a sparse matrix as `scipy.sparse.save_npz` writes it, as one of compressed rows.

    Raises
    ------
    DataError
        If the file is missing or holds something else, or needs more memory than there is.
    """
    from scipy.sparse import load_npz

    regular_file(path)
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        require_memory(f"{path}: the sparse matrix", 2 * unpacked, available_memory())
        matrix = load_npz(path)
        rows = matrix.shape[0]
        require_memory(f"{path}: a matrix of {rows:,} rows", 16 * rows, available_memory())
        if hasattr(matrix, "check_format"):  # otherwise SciPy follows indices out of its arrays
            matrix.check_format(full_check=True)
        return matrix.tocsr()
    except DataError:
        raise
    except Exception as error:  # noqa: BLE001 - as above
        raise _wrong(path, "a sparse matrix as scipy.sparse.save_npz writes it", error) from None


def _wrong(path: Path, expected: str, error: Exception) -> DataError:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return DataError(f"{path}: not {expected} ({reason}). Write it again.")
