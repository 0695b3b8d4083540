"""The board of workers elsewhere: each keeps its notes until the launcher asks for them."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from distributed import Client

_EVERY: Final = 2.0  # seconds between the launcher's questions

Row = tuple[int, int, float]

# What follows is a worker's: its notes since it was last asked, and whose boards were stopped.
_rows: dict[str, dict[int, Row]] = {}
_stopped: set[str] = set()


@dataclass(frozen=True)
class RemoteNotes:
    """A worker's end of a board.

    Parameters
    ----------
    board : str
        Its name.
    """

    board: str

    def write(self, run: int, epoch: int, loss: float) -> None:
        """Note that `run` has finished `epoch` with this validation loss."""
        _rows.setdefault(self.board, {})[run] = run, epoch, loss

    @property
    def stopping(self) -> bool:
        """Whether the launcher wants everybody to stop, or has gone."""
        return self.board in _stopped or _abandoned()


def _abandoned() -> bool:
    """Tell whether nobody waits any longer for the task that this thread runs."""
    from distributed import get_worker

    worker = get_worker()
    task = worker.state.tasks.get(worker.get_current_task())
    return task is None or task.state == "cancelled"


def exchange(board: str, stop: bool) -> list[Row]:
    """Take a worker's notes, and tell it whether to stop; called in the worker."""
    if stop:
        _stopped.add(board)
    return list(_rows.pop(board, {}).values())


class RemoteBoard:
    """The launcher's end of a board.

    Parameters
    ----------
    client : distributed.Client
    name : str
        Unlike that of any other board.
    runs : int
        Number of runs.
    """

    def __init__(self, client: Client, name: str, runs: int) -> None:
        self._client = client
        self._notes = RemoteNotes(name)
        self._epochs = np.zeros(runs)
        self._losses = np.zeros(runs)
        self._stop = self._closed = False
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while not self._closed:
            self._wake.wait(_EVERY)
            self._wake.clear()
            self._ask()

    def _ask(self) -> None:
        try:
            answers: Mapping[str, list[Row]] = self._client.run(
                exchange, self._notes.board, self._stop, on_error="ignore"
            )
        except Exception:  # noqa: BLE001 - whoever waits for results is told what is wrong
            return
        for rows in answers.values():
            for run, epoch, loss in rows:
                self._epochs[run], self._losses[run] = epoch, loss

    @property
    def notes(self) -> RemoteNotes:
        """What workers are given."""
        return self._notes

    @property
    def epochs(self) -> NDArray[np.float64]:
        """Epochs that each run has finished."""
        return self._epochs.copy()

    @property
    def losses(self) -> NDArray[np.float64]:
        """Last validation loss of each run; 0 where there is none yet."""
        return self._losses.copy()

    def stop(self) -> None:
        """Ask every worker to stop after the epoch it is in."""
        self._stop = True
        self._wake.set()

    def close(self) -> None:
        """Ask no more."""
        self._closed = True
        self.stop()
