"""A lock between processes, held on a file."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

PATIENCE: Final = 120.0  # seconds that a lock left behind by a dead process is waited for


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock at `path` for the body of a `with` statement; wait until it is free.

    The path is that of a file, made where it is missing, or of a folder, which need not be
    writable. Where the system has `flock`, the lock goes with its process, however that ends.
    Elsewhere (Windows, some network filesystems) the file's existence is the lock, and one older
    than `PATIENCE` is taken over.

    Raises
    ------
    OSError
        Where the file cannot be made.
    """
    is_folder = path.is_dir()
    if not (is_folder and os.name == "nt"):  # where folders cannot be opened
        flags = os.O_RDONLY if is_folder else os.O_RDWR | os.O_CREAT
        descriptor = os.open(path, flags, 0o666)
        try:
            if _flock(descriptor):
                yield
                return
        finally:
            os.close(descriptor)  # this frees the lock
    with _exclusive_file(path / ".held" if is_folder else path.with_name(path.name + ".held")):
        yield


def _flock(descriptor: int) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError:  # a filesystem without locks
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
            except FileNotFoundError:  # freed in between
                continue
            if age > PATIENCE:
                path.unlink(missing_ok=True)
            else:
                time.sleep(0.05)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
