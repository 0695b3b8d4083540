"""Claims, which keep two processes from training the same run at the same time.

A claim is an fcntl lock on one byte of an empty file; the run's identity, as a number, is the
offset. All claims of a process share one open file, and the system releases them however the
process ends. Where files cannot be locked, every claim succeeds.
"""

from __future__ import annotations

import errno
import os
from functools import cache
from pathlib import Path
from typing import Final

from experiments.runs.identity import Identity

_TAKEN: Final = (errno.EACCES, errno.EAGAIN)  # POSIX lets systems choose
_DIGITS: Final = 15  # hexadecimal digits of an identity that fit into a file offset


class Claims:
    """The claims of this process.

    Parameters
    ----------
    folder : Path
        The folder of the lock file; created if it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "claims"
        self._own: set[str] = set()

    def claim(self, identity: Identity) -> bool:
        """Claim a run.

        Returns
        -------
        bool
            False if another process or this object holds a claim on the run.
        """
        if identity.id in self._own or not _lock(self._file.absolute(), identity):
            return False
        self._own.add(identity.id)
        return True

    def release(self, identity: Identity) -> None:
        """Release the claim on a run that has ended, if this object holds it."""
        if identity.id in self._own:
            self._own.remove(identity.id)
            _unlock(self._file.absolute(), identity)


@cache
def _descriptor(file: Path) -> int:
    """Open the file once: closing any descriptor of it would release all claims of the process."""
    file.parent.mkdir(parents=True, exist_ok=True)
    return os.open(file, os.O_RDWR | os.O_CREAT, 0o666)


def _lock(file: Path, identity: Identity) -> bool:
    try:
        import fcntl

        descriptor = _descriptor(file)
    except (ImportError, OSError):  # Windows, or a folder that is not writable
        return True
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _offset(identity))
    except OSError as error:
        return error.errno not in _TAKEN  # other errors mean a file system without locks
    return True


def _unlock(file: Path, identity: Identity) -> None:
    try:
        import fcntl

        fcntl.lockf(_descriptor(file), fcntl.LOCK_UN, 1, _offset(identity))
    except (ImportError, OSError):
        pass  # nothing was locked


def _offset(identity: Identity) -> int:
    return int(identity.id[:_DIGITS], 16)
