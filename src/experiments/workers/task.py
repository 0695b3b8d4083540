"""The task of a worker: train a stack, and send the records back if no folder is shared."""

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
from experiments.runs.write import write_files
from experiments.workers.backend import Notes

MOST_BYTES: Final = 2**28
"""The largest size of the records that a worker sends back for one stack."""

Files = Mapping[str, bytes]
"""The contents of a run's files, by name."""

Assigned = Mapping[int, tuple[Job, Identity]]
"""The runs that a worker trains: job and identity as the launcher has them, by position."""

# A worker with several threads trains one stack at a time: the number of BLAS threads and the
# working directory belong to the process.
_training = threading.Lock()


@dataclass(frozen=True)
class Home:
    """The paths of the launcher that its workers need.

    Parameters
    ----------
    folder : Path
        The sweep's folder.
    token : str
        The name of a file in the folder, by which a worker recognizes that it sees the same one.
    working_directory : Path
        The launcher's working directory.
    """

    folder: Path
    token: str
    working_directory: Path

    def is_shared(self) -> bool:
        """Return whether this process sees the launcher's folder and can write to it."""
        return (self.folder / self.token).exists() and os.access(self.folder, os.W_OK)

    def elsewhere(self, position: int) -> Path:
        """Return the folder of a run on a machine that does not see the sweep's folder.

        The path is deterministic, so that a run that returns to the same worker resumes.
        """
        return (Path(".cache") / "sweeps" / self.token.strip(".") / str(position)).absolute()


def train_stack(pickled: bytes, notes: Notes, home: Home) -> dict[int, Files]:
    """Train runs that can share a stack.

    Parameters
    ----------
    pickled : bytes
        The pickled `Assigned`, from the launcher itself, never from a file. It is unpickled here,
        so that a scheduler in between need not import the user's classes.
    notes : Notes
        The board for the runs' progress.
    home : Home
        The launcher's paths.

    Returns
    -------
    dict of int to Files
        The records by position; empty if the launcher sees the folder that they were written to.

    Raises
    ------
    UserError
        If a run has another identity on this worker, or a record cannot be written.
    ImportError
        If a class of the jobs cannot be imported.
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
                "with the launcher, so it needs a copy of the data at the same path"
            ) from error
        _train(executions, notes)
        packed = _pack(executions)
        for execution in executions.values():
            shutil.rmtree(execution.job.folder, ignore_errors=True)
        return packed


def _executions(assigned: Assigned, home: Home) -> dict[int, Execution]:
    """Prepare the runs of a stack, and check that they have the launcher's identities."""
    sources = dict.fromkeys(job.run.dataset for job, _ in assigned.values())
    datasets = {source: _dataset(source, home) for source in sources}
    executions = {}
    for position, (job, expected) in assigned.items():
        execution = executions[position] = Execution(job, datasets[job.run.dataset])
        if execution.identity.id != expected.id:
            changes = ", ".join(execution.identity.changes_since(expected.parts()))
            raise UserError(identity_mismatch(f"on {platform.node()}", changes))
    return executions


def _train(executions: Mapping[int, Execution], notes: Notes) -> None:
    # Some runs have ended already if a worker died in the middle of the stack.
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

    with contextlib.suppress(KeyboardInterrupt):  # the runs' records say that they were interrupted
        deque(execute(list(left.values()), on_epoch), maxlen=0)
    for position, execution in executions.items():
        notes.write(position, execution.epochs, 0)


@lru_cache(maxsize=2)
def _dataset(source: Source, home: Home) -> Dataset:
    """Load a dataset, once for each batch of a sweep, between which files may change."""
    del home  # part of the cache's key, and different for each batch
    return cached_dataset(source)


@contextmanager
def _working_in(home: Home) -> Iterator[None]:
    """Change to the launcher's working directory if it is shared too, for relative paths."""
    if home.working_directory not in home.folder.parents:
        yield
        return
    with contextlib.chdir(home.working_directory):
        search_working_directory()
        yield


def _pack(executions: Mapping[int, Execution]) -> dict[int, Files]:
    """Read the records of a stack; a record that is too large to send becomes a failure."""
    packed: dict[int, Files] = {}
    room = MOST_BYTES
    for position, execution in executions.items():
        folder = execution.job.folder
        if sum(file.stat().st_size for file in _files(folder)) > room:
            execution.give_up(
                "its record is too large to be sent back (the records of a stack may have "
                f"{MOST_BYTES >> 20} MiB together); train narrower stacks "
                "(hydra.launcher.width=1), or put the sweep into a folder that all workers share "
                "(hydra.sweep.dir=FOLDER)"
            )
        files = {file.name: file.read_bytes() for file in _files(folder)}
        room -= sum(map(len, files.values()))
        packed[position] = files
    return packed


def _files(folder: Path) -> list[Path]:
    return [f for f in folder.iterdir() if f.is_file() and not f.name.startswith(".")]


def unpack(files: Files, folder: Path) -> None:
    """Write a run's files to its folder, and `record.json` last, since it marks completeness.

    Raises
    ------
    RecordError
        If the files cannot be written, or are not those of a record.
    """
    strange = [name for name in files if Path(name).name != name or name.startswith(".")]
    if RECORD not in files or strange:
        raise RecordError(f"a worker sent files that are not a run's record: {', '.join(files)}")
    folder.mkdir(parents=True, exist_ok=True)
    names = sorted(files, key=lambda name: name == RECORD)
    write_files(folder, {name: files[name] for name in names})


def identity_mismatch(worker: str, changes: str) -> str:
    """Return the message for a worker on which a run would have another identity."""
    return (
        f"the worker {worker} would train other runs than the launcher ({changes}), so its results "
        "could not be compared. Install the same packages and data on all machines, then restart "
        "the workers"
    )
