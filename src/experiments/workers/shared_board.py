"""The board for workers on this machine: a small file that all of them map into memory.

The first row holds the launcher's request to stop. Each run then has a row of numbers, which one
worker writes and the launcher reads. There are no locks: a torn number would only show in a
progress bar, for a moment.
"""

from __future__ import annotations

import secrets
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from experiments.files.scratch import own_folder, shared_memory


class SharedBoard:
    """The progress of the runs of a sweep, for the launcher and for the workers.

    Parameters
    ----------
    path : Path
        The file, which every process maps into its memory.
    runs : int
        The number of runs.
    create : bool, default False
        Whether to create the file, as the launcher does.
    """

    def __init__(self, path: Path, runs: int, *, create: bool = False) -> None:
        self._opened = path, runs
        self._rows = np.memmap(
            path, dtype=np.float64, mode="w+" if create else "r+", shape=(runs + 1, 2)
        )

    @classmethod
    def create(cls, runs: int) -> SharedBoard:
        """Create a board, in shared memory if the system has it."""
        folder = own_folder(shared_memory())
        return cls(folder / f"board-{secrets.token_hex(8)}", runs, create=True)

    def __reduce__(self) -> tuple[type[SharedBoard], tuple[Path, int]]:
        """Pickle the board as its path and size, so that another process opens the same file."""
        return SharedBoard, self._opened

    @property
    def notes(self) -> SharedBoard:
        """The side that is sent to the workers: this object, for both sides are the same."""
        return self

    def write(self, run: int, epoch: int, loss: float) -> None:
        """Note that `run` has finished `epoch` with this validation loss."""
        self._rows[run + 1] = epoch, loss

    @property
    def epochs(self) -> NDArray[np.float64]:
        """The number of epochs that each run has finished, shape (runs,)."""
        return np.array(self._rows[1:, 0])

    @property
    def losses(self) -> NDArray[np.float64]:
        """The last validation loss of each run, 0 before the first, shape (runs,)."""
        return np.array(self._rows[1:, 1])

    @property
    def stopping(self) -> bool:
        """Whether the launcher has asked all workers to stop."""
        return bool(self._rows[0, 0])

    def stop(self) -> None:
        """Ask all workers to stop after the current epoch."""
        self._rows[0, 0] = 1

    def close(self) -> None:
        """Stop the workers that still run, and remove the file."""
        self.stop()
        self._opened[0].unlink(missing_ok=True)
