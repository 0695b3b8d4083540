"""The board for workers on other machines: each keeps its notes until the launcher polls it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from distributed import Client

_EVERY: Final = 2.0  # seconds between the launcher's polls

Row = tuple[int, int, float]

# State of a worker process: the notes since the last poll, by board, and the boards that stopped.
_rows: dict[str, dict[int, Row]] = {}
_stopped: set[str] = set()


@dataclass(frozen=True)
class RemoteNotes:
    """A worker's side of a board.

    Parameters
    ----------
    board : str
        The board's name.
    """

    board: str

    def write(self, run: int, epoch: int, loss: float) -> None:
        """Note that `run` has finished `epoch` with this validation loss."""
        _rows.setdefault(self.board, {})[run] = run, epoch, loss

    @property
    def stopping(self) -> bool:
        """Whether the launcher has asked all workers to stop, or has ended."""
        return self.board in _stopped or _abandoned()


def _abandoned() -> bool:
    """Return whether the task that this thread runs has been cancelled."""
    from distributed import get_worker

    worker = get_worker()
    task = worker.state.tasks.get(worker.get_current_task())
    return task is None or task.state == "cancelled"


def exchange(board: str, stop: bool) -> list[Row]:
    """Return a worker's new notes, and stop it if `stop`; called in the worker."""
    if stop:
        _stopped.add(board)
    return list(_rows.pop(board, {}).values())


class RemoteBoard:
    """The launcher's side of a board.

    Parameters
    ----------
    client : distributed.Client
    name : str
        A unique name.
    runs : int
        The number of runs.
    """

    def __init__(self, client: Client, name: str, runs: int) -> None:
        self._client = client
        self._notes = RemoteNotes(name)
        self._epochs = np.zeros(runs)
        self._losses = np.zeros(runs)
        self._stop = self._closed = False
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._poll_until_closed, daemon=True)
        self._thread.start()

    def _poll_until_closed(self) -> None:
        while not self._closed:
            self._wake.wait(_EVERY)
            self._wake.clear()
            self._poll()

    def _poll(self) -> None:
        try:
            answers: Mapping[str, list[Row]] = self._client.run(
                exchange, self._notes.board, self._stop, on_error="ignore"
            )
        except Exception:  # noqa: BLE001 - the thread that awaits results reports the problem
            return
        for rows in answers.values():
            for run, epoch, loss in rows:
                self._epochs[run], self._losses[run] = epoch, loss

    @property
    def notes(self) -> RemoteNotes:
        """The side that is sent to the workers."""
        return self._notes

    @property
    def epochs(self) -> NDArray[np.float64]:
        """The number of epochs that each run has finished, shape (runs,)."""
        return self._epochs.copy()

    @property
    def losses(self) -> NDArray[np.float64]:
        """The last validation loss of each run, 0 before the first, shape (runs,)."""
        return self._losses.copy()

    def stop(self) -> None:
        """Ask all workers to stop after the current epoch."""
        self._stop = True
        self._wake.set()

    def close(self) -> None:
        """Stop the workers, and then stop polling."""
        self._closed = True
        self.stop()
