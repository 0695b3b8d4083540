"""What a worker does: train a stack, where the launcher sees the records or to send them there."""

from __future__ import annotations

import contextlib
import os
import pickle
import platform
import shutil
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Final

from experiments.config.trust import search_working_directory
from experiments.datasets import Dataset, Source, cached_dataset
from experiments.errors import DataError, RecordError, UserError
from experiments.runs.execute import execute
from experiments.runs.execution import Execution
from experiments.runs.identity import Identity
from experiments.runs.job import Job
from experiments.runs.layout import RECORD
from experiments.runs.write import write_file
from experiments.workers.backend import Notes

MOST_BYTES: Final = 2**28
"""What a worker sends back of one stack at most."""

Files = Mapping[str, bytes]
"""A run's files by name."""

Assigned = Mapping[int, tuple[Job, Identity]]
"""What a worker is to train: by the launcher's position, each job and its identity there."""

# A worker of several threads takes stacks one by one: BLAS has one number of threads in a
# process, and a working directory is the process's too.
_training = threading.Lock()


@dataclass(frozen=True)
class Home:
    """Where a sweep was started, as far as its workers must know.

    Parameters
    ----------
    folder : Path
        The sweep's.
    token : str
        Name of a file in it, by which a worker knows that it sees the same folder.
    working_directory : Path
        Of the launcher.
    """

    folder: Path
    token: str
    working_directory: Path

    def is_shared(self) -> bool:
        """Tell whether this process sees the folder and may write there."""
        return (self.folder / self.token).exists() and os.access(self.folder, os.W_OK)

    def elsewhere(self, position: int) -> Path:
        """Return a run's folder on a machine that does not see the sweep's.

        There is no chance in it, so that a run that comes back to the same worker goes on.
        """
        return (Path(".cache") / "sweeps" / self.token.strip(".") / str(position)).absolute()


def train_stack(pickled: bytes, notes: Notes, home: Home) -> dict[int, Files]:
    """Train runs that can share a stack.

    Parameters
    ----------
    pickled : bytes
        Job and identity of each run, by position; from the launcher itself, never from a file.
        Unpickled here, so that whatever passes them on needs none of the classes that a user has
        written.
    notes : Notes
        Where to note how far they are.
    home : Home
        The launcher's.

    Returns
    -------
    dict of int to Files
        By position, the records that the launcher cannot see; empty if it sees them all.

    Raises
    ------
    UserError
        If this worker would train something else, or a record cannot be written.
    ImportError
        If a class of the jobs is not to be found.
    """
    with _training:
        if notes.stopping:
            return {}
        if home.is_shared():
            with _working_in(home):
                _train(_executions(pickle.loads(pickled), home), notes)
            return {}
        assigned: Assigned = {
            position: (replace(job, folder=home.elsewhere(position)), identity)
            for position, (job, identity) in pickle.loads(pickled).items()
        }
        try:
            executions = _executions(assigned, home)
        except DataError as error:
            raise DataError(
                f"the worker on {platform.node()} lacks the data: {error}. It shares no folder "
                "with the launcher, so that it needs a copy of its own, at the same path"
            ) from error
        _train(executions, notes)
        packed = _pack(executions)
        for execution in executions.values():
            shutil.rmtree(execution.job.folder, ignore_errors=True)
        return packed


def _executions(assigned: Assigned, home: Home) -> dict[int, Execution]:
    """Prepare the runs of a stack, and check that they are what the launcher would train."""
    (source,) = {job.run.dataset for job, _ in assigned.values()}
    dataset = _dataset(source, home)
    executions = {}
    for position, (job, expected) in assigned.items():
        execution = executions[position] = Execution(job, dataset)
        if execution.identity.id != expected.id:
            changes = ", ".join(execution.identity.changes_since(expected.parts()))
            raise UserError(other_than_here(f"on {platform.node()}", changes))
    return executions


def _train(executions: Mapping[int, Execution], notes: Notes) -> None:
    # Some have ended where a worker died in the middle of a stack.
    left = {
        position: execution
        for position, execution in executions.items()
        if not (execution.job.folder / RECORD).exists()
    }
    positions = list(left)

    def on_epoch(epoch: int, losses: Sequence[tuple[int, float]]) -> None:
        if notes.stopping:
            raise KeyboardInterrupt
        for row, loss in losses:
            notes.write(positions[row], epoch, loss)

    with contextlib.suppress(KeyboardInterrupt):  # the records say so
        deque(execute(list(left.values()), on_epoch), maxlen=0)
    for position, execution in executions.items():
        notes.write(position, execution.job.run.training.epochs, 0)


@lru_cache(maxsize=2)
def _dataset(source: Source, home: Home) -> Dataset:
    """Load a dataset, once a batch: between sweeps the files of a worker may change."""
    del home
    return cached_dataset(source)


@contextmanager
def _working_in(home: Home) -> Iterator[None]:
    """Work where the launcher does, if that is shared too: paths mean the same there."""
    if home.working_directory not in home.folder.parents:
        yield
        return
    with contextlib.chdir(home.working_directory):
        search_working_directory()
        yield


def _pack(executions: Mapping[int, Execution]) -> dict[int, Files]:
    """Read the records of a stack; of what would be too much for a message, say so instead."""
    packed: dict[int, Files] = {}
    room = MOST_BYTES
    for position, execution in executions.items():
        folder = execution.job.folder
        if sum(file.stat().st_size for file in _files(folder)) > room:
            execution.give_up(
                f"its record is too large to be sent back (a stack's may have {MOST_BYTES >> 20} "
                "MiB); train narrower stacks (hydra.launcher.width=1), or put the sweep into a "
                "folder that all workers share (hydra.sweep.dir=FOLDER)"
            )
        files = {file.name: file.read_bytes() for file in _files(folder)}
        room -= sum(map(len, files.values()))
        packed[position] = files
    return packed


def _files(folder: Path) -> list[Path]:
    return [f for f in folder.iterdir() if f.is_file() and not f.name.startswith(".")]


def unpack(files: Files, folder: Path) -> None:
    """Write a run's files into its folder, the record last: it means complete.

    Raises
    ------
    RecordError
        If they cannot be written, or are no record.
    """
    strange = [name for name in files if Path(name).name != name or name.startswith(".")]
    if RECORD not in files or strange:
        raise RecordError(f"a worker sent back what is no run's record: {', '.join(files)}")
    folder.mkdir(parents=True, exist_ok=True)
    for name in sorted(files, key=lambda name: name == RECORD):
        write_file(folder / name, files[name])


def other_than_here(worker: str, changes: str) -> str:
    """Say that a worker would train something else than its launcher asks for."""
    return (
        f"the worker {worker} would train something else than is asked for ({changes}), so that "
        "its results could not be compared. All machines need the same packages and data; start "
        "the workers again when they have them"
    )
