"""Finding the records of runs in a folder."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from experiments.errors import RecordError
from experiments.runs.layout import PROGRESS, RECORD
from experiments.runs.record import Record, no_folder

# Trackers keep copies of records among their artifacts; a copy is not a separate run.
_NOT_SEARCHED: Final = frozenset({"mlartifacts", "mlruns", "node_modules", "__pycache__"})


def find_records(folder: str | os.PathLike[str]) -> list[Record]:
    """Read every complete record in a folder and its subfolders, sorted by path.

    Numbers in paths sort as numbers, so job 2 comes before job 10. Hidden folders and a tracker's
    folders of artifacts are skipped.

    Raises
    ------
    RecordError
        If the folder does not exist or a record in it cannot be read.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise no_folder(folder, "Give a folder with runs in it.")
    return [Record.read(found) for found in sorted(_folders_with(RECORD, folder), key=_natural)]


def find_progress(folder: str | os.PathLike[str]) -> list[Record]:
    """Read the progress of runs that have started and not ended; see :func:`find_records`."""
    found = sorted(_folders_with(PROGRESS, Path(folder)), key=_natural)
    return [Record.read_progress(path) for path in found if not (path / RECORD).exists()]


def find_runs(folder: str | os.PathLike[str]) -> list[Record]:
    """Read every run in a folder and its subfolders, ended or not; see :func:`find_records`.

    Damaged records are skipped, and a folder that does not exist has no runs.
    """
    found = {*_folders_with(RECORD, Path(folder)), *_folders_with(PROGRESS, Path(folder))}
    return [run for path in sorted(found, key=_natural) if (run := run_in(path)) is not None]


def run_in(folder: Path) -> Record | None:
    """Read the record in a run's folder, or its progress; None without a valid one."""
    for read in (Record.read, Record.read_progress):
        try:
            return read(folder)
        except RecordError:
            continue
    return None


def _folders_with(file: str, top: Path) -> Iterator[Path]:
    for folder, below, names in os.walk(top):
        below[:] = [name for name in below if name not in _NOT_SEARCHED and name[0] != "."]
        if file in names:
            yield Path(folder)


def _natural(path: Path) -> list[list[tuple[int, int, str]]]:
    return [
        [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", p)]
        for p in path.parts
    ]
