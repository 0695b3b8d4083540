"""Reproducible .npz archives: equal arrays give equal bytes. Pickle is never used."""

from __future__ import annotations

import io
import math
import re
import struct
import zipfile
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_KINDS: Final = "fiub"  # floating-point numbers, integers with and without sign, booleans

# Format 1.0 of NumPy's files as `pack` writes it. Parsing it needs no evaluation of Python.
_HEADER: Final = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '([<|][a-z]\d{1,2})', 'fortran_order': False, "
    rb"'shape': \(((?:\d{1,15}, ?)*(?:\d{1,15})?)\), \} *\n",
    re.DOTALL,
)
_LONGEST_HEADER: Final = 4096
_ENCRYPTED: Final = 1  # among the flags of a member


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
            if array.dtype.kind not in _KINDS:
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
    """Read the arrays of an archive that :func:`pack` has written.

    The arrays take no more memory than the archive, which is neither compressed nor encrypted.

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
        If the archive is damaged, or contains anything but arrays of numbers.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            _check(members, len(content))
            return {
                member.filename.removesuffix(".npy").removeprefix(prefix): _array(archive, member)
                for member in members
                if member.filename.startswith(prefix)
            }
    except MemoryError as error:
        raise ValueError("its arrays do not fit in memory") from error
    except (OSError, EOFError, RuntimeError, zipfile.BadZipFile, struct.error) as error:
        raise ValueError(str(error)[:200] or "it ends too early") from error


def _check(members: list[zipfile.ZipInfo], size: int) -> None:
    """Refuse an archive that is not as `pack` writes it, before anything is read from it."""
    for member in members:
        for is_so, word in (
            (member.flag_bits & _ENCRYPTED, "encrypted"),
            (member.compress_type != zipfile.ZIP_STORED, "compressed"),
        ):
            if is_so:
                raise ValueError(f"{member.filename[:50]!r} is {word}, which arrays here never are")
    # Members may overlap, and each may claim any size.
    if sum(member.file_size for member in members) > size:
        raise ValueError("its arrays are larger than the archive itself")
    if len({member.filename for member in members}) < len(members):
        raise ValueError("two arrays have the same name")


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    name = member.filename
    data = archive.read(member)
    header = _HEADER.match(data[:_LONGEST_HEADER])
    kind = None if header is None else header[1].decode()
    if header is None or kind is None or kind[1] not in _KINDS:
        raise ValueError(f"{name[:50]!r} is not an array of numbers")
    try:
        dtype = np.dtype(kind)
    except TypeError as error:
        raise ValueError(f"{name[:50]!r}: {error}") from error
    shape = tuple(int(size) for size in header[2].replace(b",", b" ").split())
    if math.prod(shape) * dtype.itemsize != len(data) - header.end():
        raise ValueError(f"{name[:50]!r} has not as many numbers as its shape {shape} needs")
    return np.frombuffer(data, dtype, offset=header.end()).reshape(shape).copy()
