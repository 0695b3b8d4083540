"""Reproducible .npz archives: equal arrays give equal bytes. Pickle is never used."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def pack(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Pack numeric arrays into an archive that records neither dates nor memory layout.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        The arrays by name, in the order in which they are written.

    Returns
    -------
    bytes
        The content of the archive.

    Raises
    ------
    TypeError
        If an array is not numeric.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, value in arrays.items():
            array = np.asarray(value)
            if array.dtype.kind not in "fiub":
                raise TypeError(f"the array {name!r} is of {array.dtype}, not of numbers")
            array = array.astype(array.dtype.newbyteorder("<"), order="C", copy=False)
            member = io.BytesIO()
            np.lib.format.write_array(member, array, version=(1, 0), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            info.create_system = 3  # the same bytes on every operating system
            info.external_attr = 0o644 << 16
            archive.writestr(info, member.getvalue())
    return buffer.getvalue()


def unpack(content: bytes, prefix: str = "") -> dict[str, NDArray[Any]]:
    """Read the arrays of an archive.

    Parameters
    ----------
    content : bytes
        The content of the archive.
    prefix : str
        A filter: only arrays whose names begin with it are read, under the rest of their name.

    Returns
    -------
    dict of str to ndarray

    Raises
    ------
    ValueError
        If the archive is damaged or contains pickled objects.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            return {
                name.removeprefix(prefix): archive[name]
                for name in archive.files
                if name.startswith(prefix)
            }
    except (OSError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(str(error)) from error
