"""Opening the files of data: plain or compressed, watched while they are read."""

from __future__ import annotations

import bz2
import gzip
import io
import logging
import lzma
import os
import stat
import time
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

from experiments.datasets.reading.memory import available_memory, require_memory, size
from experiments.errors import DataError

EXPANSION: Final = 4
"""The largest memory of a table before it is encoded, as a multiple of the size of its text."""

_SECONDS_BETWEEN: Final = 5.0
_DAMAGED: Final = (
    EOFError,
    zlib.error,
    gzip.BadGzipFile,
    lzma.LZMAError,
    zipfile.BadZipFile,
)

_log = logging.getLogger(__name__)


def regular_file(path: Path) -> os.stat_result:
    """Return the state of a file that can be read more than once, from its start to its end.

    Raises
    ------
    DataError
        If there is no such file, or it is a folder, a pipe or a device.
    """
    try:
        state = path.stat()
    except FileNotFoundError:
        raise DataError(
            f"{path}: there is no such file. Give its path from where you give the command."
        ) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise _unreadable(path, error) from error
    if not stat.S_ISREG(state.st_mode):
        kind = "a folder" if stat.S_ISDIR(state.st_mode) else "a pipe, socket or device"
        raise DataError(
            f"{path}: cannot be read, because it is {kind}. Give a file; save what a command "
            "prints to a file first."
        )
    return state


class Watched(io.BufferedIOBase):
    """The unpacked bytes of a file, counted while they are read.

    Parameters
    ----------
    path : Path
        The file.
    raw : IO
        The file itself, whose position says how much of it has been read.
    unpacked : IO
        The unpacked contents.

    Attributes
    ----------
    count : int
        The number of bytes read so far.
    lines : int
        The number of line ends in them, apart from those of the last block.
    """

    def __init__(self, path: Path, raw: IO[bytes], unpacked: IO[bytes]) -> None:
        self._path = path
        self._raw = raw
        self._unpacked: Any = unpacked
        self._size = max(os.fstat(raw.fileno()).st_size, 1)
        self._available = available_memory()
        self._last = b""
        self._reported = time.monotonic()
        self.count = 0
        self.lines = 0
        if unpacked is raw:
            self._check_memory(self._size)

    def readable(self) -> bool:
        return True

    def read1(self, size: int = -1) -> bytes:
        block: bytes = self._unpacked.read1(size)
        self.lines += self._last.count(b"\n")
        self._last = block
        self.count += len(block)
        self._check_memory(self.count)
        self._report()
        return block

    def read(self, size: int | None = -1) -> bytes:
        return self.read1(-1 if size is None else size)

    def _check_memory(self, count: int) -> None:
        require_memory(
            f"{self._path}: a table of {size(count)} of text or more",
            EXPANSION * count,
            self._available,
        )

    def _report(self) -> None:
        """Log how far reading is, from time to time."""
        now = time.monotonic()
        if now - self._reported >= _SECONDS_BETWEEN:
            self._reported = now
            done = self._raw.tell()
            _log.info(
                "%s: %d%% read (%s of %s)",
                self._path.name,
                100 * done // self._size,
                size(done),
                size(self._size),
            )


@contextmanager
def opened(path: Path) -> Iterator[Watched]:
    """Open a file for reading, unpacked if it is compressed with gzip, bzip2, xz or zip.

    The first bytes decide, not the name.

    Raises
    ------
    DataError
        If the file is not a regular one, cannot be read or is damaged; if it changes while the
        body of the ``with`` statement reads it; if its text needs more memory than there is.
    """
    before = regular_file(path)
    try:
        with path.open("rb") as raw, _unpacked(path, raw) as unpacked:
            yield Watched(path, raw, unpacked)
    except (*_DAMAGED, OSError) as error:
        # The bz2 module says with an OSError that has no number that a file is damaged.
        if not isinstance(error, _DAMAGED) and error.errno is not None:
            raise _unreadable(path, error) from error
        _check_unchanged(path, before)
        raise DataError(
            f"{path}: the compressed file is damaged or cut short ({error}). Make or download it "
            "again."
        ) from error
    except MemoryError:
        raise DataError(
            f"{path}: there is not enough memory to read it. Use fewer rows or columns, or a "
            "machine with more memory."
        ) from None
    except DataError:
        _check_unchanged(path, before)
        raise
    _check_unchanged(path, before)


def _unreadable(path: Path, error: Exception) -> DataError:
    reason = getattr(error, "strerror", None) or error
    return DataError(f"{path}: cannot be read ({reason}). Check the file and its permissions.")


def _check_unchanged(path: Path, before: os.stat_result) -> None:
    after = regular_file(path)
    if any(
        getattr(before, part) != getattr(after, part)
        for part in ("st_ino", "st_size", "st_mtime_ns")
    ):
        raise DataError(
            f"{path}: the file changed while it was read. Try again when it is complete."
        )


@contextmanager
def _unpacked(path: Path, raw: IO[bytes]) -> Iterator[Any]:
    start = raw.read(10)
    raw.seek(0)
    if start.startswith(b"\x1f\x8b"):
        with gzip.open(raw) as stream:
            yield stream
    elif start.startswith(b"BZh") and start[4:] == b"1AY&SY":
        with bz2.open(raw) as stream:
            yield stream
    elif start.startswith(b"\xfd7zXZ\0"):
        with lzma.open(raw) as stream:
            yield stream
    elif start.startswith((b"PK\x03\x04", b"PK\x05\x06")):  # the second: an empty archive
        with zipfile.ZipFile(raw) as archive, _only_member(path, archive) as stream:
            yield stream
    else:
        yield raw


def _only_member(path: Path, archive: zipfile.ZipFile) -> IO[bytes]:
    """Open the only file of an archive."""
    names = [
        name
        for name in archive.namelist()
        if not name.endswith("/") and not name.startswith("__MACOSX/")
    ]
    if "[Content_Types].xml" in names:
        raise DataError(f"{path}: this is an Excel workbook. Save the sheet as CSV in UTF-8.")
    if len(names) != 1:
        some = f" ({', '.join(names[:4])})" if names else ""
        raise DataError(
            f"{path}: the archive holds {len(names)} files{some}. Give one that holds only the "
            "table."
        )
    try:
        return archive.open(names[0])
    except (RuntimeError, NotImplementedError) as error:  # encrypted, or an unknown compression
        raise DataError(f"{path}: cannot be unpacked ({error}). Unpack it first.") from error
