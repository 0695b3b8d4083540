"""The board of workers on this machine: a small file that all of them map into memory.

One row of numbers for each run, written by one worker and read by the launcher, without locks,
since a torn number only shows for a moment in a progress bar. Its first row carries the
launcher's wish that everybody stop.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


class SharedBoard:
    """Progress of the runs of a sweep.

    Parameters
    ----------
    path : Path
        The file; every process opens its own view of it.
    runs : int
        Number of runs.
    create : bool
        True in the launcher, which makes the file.
    """

    def __init__(self, path: Path, runs: int, *, create: bool = False) -> None:
        self._opened = path, runs
        self._rows = np.memmap(
            path, dtype=np.float64, mode="w+" if create else "r+", shape=(runs + 1, 2)
        )

    @classmethod
    def create(cls, runs: int) -> SharedBoard:
        """Put up a new board, in memory where the system has a place for files there."""
        memory = Path("/dev/shm")
        handle, path = tempfile.mkstemp("descent", dir=memory if memory.is_dir() else None)
        os.close(handle)
        return cls(Path(path), runs, create=True)

    def __reduce__(self) -> tuple[type[SharedBoard], tuple[Path, int]]:
        """Be sent to another process as what opens the same file there."""
        return SharedBoard, self._opened

    @property
    def notes(self) -> SharedBoard:
        """Both ends are the same."""
        return self

    def write(self, run: int, epoch: int, loss: float) -> None:
        """Note that `run` has finished `epoch` with this validation loss."""
        self._rows[run + 1] = epoch, loss

    @property
    def epochs(self) -> NDArray[np.float64]:
        """Epochs that each run has finished."""
        return np.array(self._rows[1:, 0])

    @property
    def losses(self) -> NDArray[np.float64]:
        """Last validation loss of each run; 0 where there is none yet."""
        return np.array(self._rows[1:, 1])

    @property
    def stopping(self) -> bool:
        """Whether the launcher wants everybody to stop."""
        return bool(self._rows[0, 0])

    def stop(self) -> None:
        """Ask every worker to stop after the epoch it is in."""
        self._rows[0, 0] = 1

    def close(self) -> None:
        """Ask whoever is left to stop, and remove the file."""
        self.stop()
        self._opened[0].unlink(missing_ok=True)
