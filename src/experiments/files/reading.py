"""Reading files that may come from anywhere: regular files only, of a bounded size."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

TEXT: Final = 64 << 20
"""Most bytes of a file of JSON, YAML or checksums."""

TABLE: Final = 512 << 20
"""Most bytes of a table of metrics: a million epochs have about 250 MB."""

CELLS: Final = 20_000_000
"""Most cells of a table of metrics."""

ARCHIVE: Final = 16 << 30
"""Most bytes of an archive of arrays."""

# A pipe would otherwise block until somebody writes to it, and a link may point to any file.
_FLAGS: Final = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


def read_file(path: Path, most: int = TEXT) -> bytes:
    """Read a whole file, if it is a regular file and not too large.

    Parameters
    ----------
    path : Path
        The file. A symbolic link is refused, because it may point to a file that does not belong
        to whoever made the link.
    most : int, default TEXT
        The largest size in bytes.

    Returns
    -------
    bytes
        The content.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If the file cannot be read; the message says why and does not name the file.
    """
    try:
        descriptor = os.open(path, _FLAGS)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise ValueError(f"it is {_kind(status.st_mode)}, not a file")
            if status.st_size > most:
                raise ValueError(f"it has {status.st_size:,} bytes, and at most {most:,} are read")
            with open(descriptor, "rb", closefd=False) as file:
                return file.read(status.st_size)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise
    except OSError as error:
        if path.is_symlink():
            raise ValueError("it is a symbolic link; put a copy of the file there") from error
        raise ValueError(error.strerror or str(error)) from error
    except MemoryError as error:
        raise ValueError("it does not fit in memory") from error


def is_plain_file(path: Path) -> bool:
    """Return whether there is a regular file at a path, and not a link to one."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder"
    return "a pipe" if stat.S_ISFIFO(mode) else "a device"
