"""Which runs are being trained at this moment, and by whom: nobody else trains them meanwhile.

A claim is a lock on one byte of a file that stays empty, at the place that the run's identity says.
However many there are, they take one open file, and the system frees them all when their process
ends, in whatever way. Where files cannot be locked, everybody may claim everything.
"""

from __future__ import annotations

import errno
import os
from functools import cache
from pathlib import Path
from typing import Final

from experiments.runs.identity import Identity

_TAKEN: Final = (errno.EACCES, errno.EAGAIN)  # POSIX lets systems choose
_DIGITS: Final = 15  # of an identity, in base 16, that make a place in a file


class Claims:
    """The claims of this process.

    Parameters
    ----------
    folder : Path
        Made where it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "claims"
        self._own: set[str] = set()

    def claim(self, identity: Identity) -> bool:
        """Claim a run; return whether it can be had.

        What has been claimed here already, and not been released, cannot be had again.
        """
        if identity.id in self._own or not _lock(self._file.absolute(), identity):
            return False
        self._own.add(identity.id)
        return True

    def release(self, identity: Identity) -> None:
        """Let others have a run that has been claimed here, when it has ended."""
        if identity.id in self._own:
            self._own.remove(identity.id)
            _unlock(self._file.absolute(), identity)


@cache
def _descriptor(file: Path) -> int:
    """Open the file for good: closing it would free what others of this process have claimed."""
    file.parent.mkdir(parents=True, exist_ok=True)
    return os.open(file, os.O_RDWR | os.O_CREAT, 0o666)


def _lock(file: Path, identity: Identity) -> bool:
    try:
        import fcntl

        descriptor = _descriptor(file)
    except (ImportError, OSError):  # Windows, or a folder that may not be written
        return True
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _place(identity))
    except OSError as error:
        return error.errno not in _TAKEN  # else it is a file system without locks
    return True


def _unlock(file: Path, identity: Identity) -> None:
    try:
        import fcntl

        fcntl.lockf(_descriptor(file), fcntl.LOCK_UN, 1, _place(identity))
    except (ImportError, OSError):
        pass  # nothing was locked


def _place(identity: Identity) -> int:
    return int(identity.id[:_DIGITS], 16)
