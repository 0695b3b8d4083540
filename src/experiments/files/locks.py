"""File locks between processes."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

PATIENCE: Final = 120.0  # seconds after which a lock file counts as left by a dead process


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock for the body of a `with` statement, after waiting for it.

    With `flock`, the operating system releases the lock when its process ends, in
    whatever way. Elsewhere (Windows, some network filesystems) the existence of a second file is
    the lock, and a file older than `PATIENCE` is considered stale and removed.

    Parameters
    ----------
    path : Path
        A file, created if missing, or an existing folder, which need not be writable.

    Raises
    ------
    OSError
        If the file cannot be created.
    """
    is_folder = path.is_dir()
    if not (is_folder and os.name == "nt"):  # Windows cannot open folders
        flags = os.O_RDONLY if is_folder else os.O_RDWR | os.O_CREAT
        descriptor = os.open(path, flags, 0o666)
        try:
            if _flock(descriptor):
                yield
                return
        finally:
            os.close(descriptor)  # this releases the lock
    with _exclusive_file(path / ".held" if is_folder else path.with_name(path.name + ".held")):
        yield


def hold(path: Path) -> int:
    """Create a file that this process holds a lock on, as far as files can be locked here.

    Parameters
    ----------
    path : Path
        The file. It appears under this name only when it is locked.

    Returns
    -------
    int
        The open descriptor, whose closing releases the lock, as does the end of the process.
    """
    unnamed = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    descriptor = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    _flock(descriptor)
    unnamed.rename(path)
    return descriptor


def is_free(path: Path) -> bool:
    """Return whether nobody holds the lock on a file of :func:`hold`, or the file is missing.

    False where files cannot be locked.
    """
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        return _flock(descriptor, wait=False)
    finally:
        os.close(descriptor)


def _flock(descriptor: int, *, wait: bool = True) -> bool:
    """Lock an open file; return whether that worked."""
    try:
        import fcntl
    except ImportError:  # Windows
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # a filesystem without locks, or somebody else has it
        return False
    return True


@contextmanager
def _exclusive_file(path: Path) -> Iterator[None]:
    while True:
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            break
        except FileExistsError:
            try:
                age = time.time() - path.stat().st_mtime
            except FileNotFoundError:  # released in between
                continue
            if age > PATIENCE:
                path.unlink(missing_ok=True)
            else:
                time.sleep(0.05)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
