"""File locks between processes."""

from __future__ import annotations

import math
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Final

PATIENCE: Final = 120.0  # seconds after which a lock file counts as left by a dead process
_SLICE: Final = 1.0  # seconds of waiting for a lock, after which it is seen whether others got it
_PAUSE: Final = 0.05  # seconds between attempts where files cannot be locked

# Windows has neither. A pipe would block until somebody writes to it.
_NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0)
_NO_WAIT: Final = getattr(os, "O_NONBLOCK", 0)


class HeldByAnotherError(Exception):
    """Somebody else holds the lock on a file."""


class NoLocksError(Exception):
    """Files cannot be locked in a folder; the message is the system's reason."""


@contextmanager
def locked(path: Path, patience: float = math.inf, *, temporary: bool = False) -> Iterator[None]:
    """Hold an exclusive lock for the body of a `with` statement, after waiting for it.

    With `flock`, the operating system releases the lock when its process ends, in
    whatever way. Elsewhere (Windows, some network filesystems) the existence of a second file is
    the lock, and a file older than `PATIENCE` is considered stale and removed.

    Parameters
    ----------
    path : Path
        A file, created if missing, or an existing folder, which need not be writable.
    patience : float, optional
        The seconds for which one other process may hold the lock; a queue that moves may take
        longer, and so may a process that is not given the processor. Without end by default.
    temporary : bool, default False
        Whether the file is removed afterwards.

    Raises
    ------
    TimeoutError
        If another process has held the lock for too long.
    OSError
        If the file cannot be created.
    """
    descriptor = _open_locked(path, patience, temporary=temporary)
    if descriptor is None:
        name = path / ".held" if path.is_dir() else path.with_name(path.name + ".held")
        with _exclusive_file(name, patience):
            yield
        return
    try:
        yield
    finally:
        if temporary:  # while it is locked, so that whoever waits for it sees that it is gone
            path.unlink(missing_ok=True)
        os.close(descriptor)  # this releases the lock


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
    with suppress(OSError, ImportError):
        _try_flock(descriptor)
    unnamed.rename(path)
    return descriptor


class Lock:
    """A lock on a file for which processes compete; the file exists only while it is held.

    The system releases the lock when this process ends, however it ends; the file then remains,
    and the next one who asks gets the lock on it. Forks of this process do not hold the lock.

    Parameters
    ----------
    path : Path
        The file; its folder exists.
    content : bytes
        A text about the holder, which others may read.

    Raises
    ------
    HeldByAnotherError
        If somebody else holds the lock.
    NoLocksError
        If files cannot be locked here.
    OSError
        If the file cannot be created.
    """

    def __init__(self, path: Path, content: bytes) -> None:
        self._path = path
        try:
            while (descriptor := _locked_now(path)) is None:
                pass
        except NoLocksError:
            with suppress(OSError):
                path.unlink()
            raise
        self._descriptor = descriptor
        _held.add(self)
        with suppress(OSError):  # a full disk: the lock holds without a text about its holder
            os.ftruncate(descriptor, 0)
            os.write(descriptor, content)

    def release(self) -> None:
        """Remove the file and release the lock, unless that was done."""
        if self in _held:
            with suppress(OSError):
                self._path.unlink()
            self._close()

    def _close(self) -> None:
        _held.remove(self)
        os.close(self._descriptor)


_held: Final[set[Lock]] = set()


def _leave_to_the_parent() -> None:
    for lock in list(_held):
        lock._close()


if hasattr(os, "register_at_fork"):  # Windows has no forks
    # A lock is held as long as any process has its file open, and a fork may outlive its parent.
    os.register_at_fork(after_in_child=_leave_to_the_parent)


def _locked_now(path: Path) -> int | None:
    """Open and lock a file; None if its holder has removed it in between."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _NO_LINK, 0o666)
    try:
        _try_lock(descriptor)
        if os.path.samestat(os.fstat(descriptor), os.stat(path)):
            return descriptor
    except FileNotFoundError:
        pass
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def _try_lock(descriptor: int, *, shared: bool = False) -> None:
    try:
        import fcntl
    except ImportError as error:  # Windows
        raise NoLocksError("this system has no flock") from error
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise HeldByAnotherError from error
    except OSError as error:
        raise NoLocksError(error.strerror) from error


def is_held(path: Path) -> bool:
    """Return whether somebody holds the `Lock` on a file. False where files cannot be locked."""
    try:
        descriptor = os.open(path, os.O_RDONLY | _NO_LINK | _NO_WAIT)
    except OSError:
        return False
    try:
        _try_lock(descriptor, shared=True)
    except HeldByAnotherError:
        return True
    except NoLocksError:
        return False
    finally:
        os.close(descriptor)
    return False


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
        return _try_flock(descriptor)
    except (OSError, ImportError):
        return False
    finally:
        os.close(descriptor)


def _open_locked(path: Path, patience: float, *, temporary: bool) -> int | None:
    """Open a file and lock it; return None where files cannot be locked."""
    is_folder = path.is_dir()
    if is_folder and os.name == "nt":  # Windows cannot open folders
        return None
    while True:
        descriptor = os.open(path, os.O_RDONLY if is_folder else os.O_RDWR | os.O_CREAT, 0o666)
        try:
            if not _try_flock(descriptor):
                _wait_for_flock(descriptor, path, patience)
            if not is_folder:
                with suppress(OSError):
                    os.utime(descriptor)  # those who wait see that the queue moves
            if not temporary or _is_at(descriptor, path):
                return descriptor
            os.close(descriptor)  # the process that had the lock has removed the file
        except TimeoutError:
            os.close(descriptor)
            raise
        except (OSError, ImportError):  # a filesystem without locks, or Windows
            os.close(descriptor)
            if temporary:
                path.unlink(missing_ok=True)
            return None


def _try_flock(descriptor: int) -> bool:
    """Lock an open file; return False if somebody else has locked it."""
    import fcntl  # not on Windows

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _wait_for_flock(descriptor: int, path: Path, patience: float) -> None:
    """Lock an open file when the processes before have released it."""
    import fcntl

    if math.isinf(patience):
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return
    # In a thread, because this wait has no time limit, and polling would be unfair.
    waiting = Thread(target=fcntl.flock, args=(descriptor, fcntl.LOCK_EX), daemon=True)
    waiting.start()
    taken, left = None, patience
    while waiting.is_alive():
        if left <= 0:
            raise TimeoutError(f"another process has held the lock {path} for {patience:g} s")
        waiting.join(min(_SLICE, left))
        changed = os.fstat(descriptor).st_mtime_ns
        # Not measured by a clock, because this process may have been stopped.
        left = left - _SLICE if changed == taken else patience
        taken = changed


def _is_at(descriptor: int, path: Path) -> bool:
    """Return whether a path still leads to an open file."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


@contextmanager
def _exclusive_file(path: Path, patience: float) -> Iterator[None]:
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
            elif patience <= 0:
                raise TimeoutError(f"another process has held the lock {path}") from None
            else:
                time.sleep(_PAUSE)
                patience -= _PAUSE
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
