"""Arrays as .npz archives whose bytes depend on nothing but the arrays, and never on pickle."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def pack(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Pack arrays of numbers as an archive without dates or memory layout in it.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        Written in the order given.

    Raises
    ------
    TypeError
        If an array holds anything but numbers.
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
            info.create_system = 3  # the same bytes whatever the operating system
            info.external_attr = 0o644 << 16
            archive.writestr(info, member.getvalue())
    return buffer.getvalue()


def unpack(content: bytes, prefix: str = "") -> dict[str, NDArray[Any]]:
    """Read the arrays of an archive.

    Parameters
    ----------
    content : bytes
    prefix : str
        Only arrays whose names begin with it are read; it is taken off their names.

    Raises
    ------
    ValueError
        If the archive is damaged, or holds pickled objects.
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
