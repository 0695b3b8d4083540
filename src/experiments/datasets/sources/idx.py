"""The IDX format of MNIST and similar image sets.

- bytes 0 and 1: 0
- byte 2: the element type; images and labels use 8, the unsigned byte
- byte 3: the number of dimensions; 3 for images (count, height, width), 1 for labels (count)
- four bytes for each dimension: its size, big-endian
- the elements in C order
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from experiments.datasets.reading.memory import available_memory, require_memory
from experiments.datasets.reading.opening import regular_file
from experiments.errors import DataError
from experiments.files.atomic import write_atomically

_GZIP: Final = b"\x1f\x8b"
# The largest compression ratio of DEFLATE; a header that claims more data than that is wrong.
_MOST_COMPRESSION: Final = 1032


def read_idx(path: Path, dimensions: Literal[1, 3]) -> NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes, plain or compressed with gzip whatever its name.

    The sizes in the header are checked against the size of the file and the memory that is left
    before memory is allocated. Not more is unpacked than the header says.

    Parameters
    ----------
    path : Path
        The file to read.
    dimensions : {1, 3}
        Number of dimensions: 1 for labels, 3 for images.

    Returns
    -------
    uint8 ndarray of shape (count,) or (count, height, width)

    Raises
    ------
    DataError
        If the file cannot be read, is truncated, too long, empty or of another kind, or needs more
        memory than there is.
    """
    size = regular_file(path).st_size
    try:
        with path.open("rb") as file:
            packed = file.read(2) == _GZIP
        most = size * (_MOST_COMPRESSION if packed else 1)
        with gzip.open(path) if packed else path.open("rb") as stream:
            return _read(stream, path, dimensions, most)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(
            f"{path}: the compressed file is damaged or cut short ({error}). Download it again."
        ) from error
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror or error}). Check the file and its "
            "permissions."
        ) from error


def write_idx(path: Path, array: NDArray[np.uint8]) -> None:
    """Write an array of unsigned bytes as an uncompressed IDX file.

    Parameters
    ----------
    path : Path
        The file to write.
    array : uint8 ndarray
        The images or labels.

    Raises
    ------
    OSError
        If the folder is not writable.
    """
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    write_atomically(path, header + array.tobytes())


def _read(stream: Any, path: Path, dimensions: int, most: int) -> NDArray[np.uint8]:
    kind = "images" if dimensions == 3 else "labels"
    magic = stream.read(4)
    wanted = bytes((0, 0, 8, dimensions))
    if len(magic) < 4:
        raise _cut_short(path, f"{len(magic)} bytes, no header")
    if magic != wanted:
        raise DataError(
            f"{path}: starts with the magic number 0x{magic.hex()}, but that of IDX {kind} is "
            f"0x{wanted.hex()}. {_other_kind(magic, kind)}"
        )
    sizes = stream.read(4 * dimensions)
    if len(sizes) < 4 * dimensions:
        raise _cut_short(path, "it ends within the header")
    shape = struct.unpack(f">{dimensions}I", sizes)
    count = math.prod(shape)
    claim = "×".join(map(str, shape)) + f" {kind}"
    if count == 0:
        raise DataError(f"{path}: contains no data ({claim}). Download it again.")
    if count > most:
        raise _cut_short(path, f"its header claims {claim}, more than the file can hold")
    require_memory(f"{path}: reading {claim}", count, available_memory())
    content = stream.read(count)
    if len(content) < count:
        raise _cut_short(path, f"its header claims {claim}; only {len(content)} bytes are there")
    if stream.read(1):
        raise DataError(
            f"{path}: has more data than the {claim} that its header claims. Download it again."
        )
    return np.frombuffer(content, np.uint8).reshape(shape)


def _cut_short(path: Path, how: str) -> DataError:
    return DataError(f"{path}: the file is cut short ({how}). Download it again.")


def _other_kind(magic: bytes, kind: str) -> str:
    if magic in (b"\x00\x00\x08\x01", b"\x00\x00\x08\x03"):
        other = "labels" if kind == "images" else "images"
        return f"The file contains {other}; are the files mixed up?"
    return f"Give a file of {kind} in IDX format, plain or gzip."
