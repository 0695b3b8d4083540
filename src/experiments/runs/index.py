"""The index of finished runs by identity, so that no run is trained twice.

    FOLDER/<hash of the configuration>/<identity>    paths of the run's records, the newest first

The records are authoritative; the index only says where they are. An entry without a valid record
is ignored, and removing the whole folder only means that runs are trained again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from experiments.errors import RecordError
from experiments.files.atomic import write_atomically
from experiments.runs.identity import Identity
from experiments.runs.record import Record

_PATHS: Final = 8  # most paths in an entry


class FinishedRuns:
    """An index of finished runs, which several processes may use at the same time.

    Parameters
    ----------
    folder : Path
        The index's folder; created if it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, identity: Identity) -> Record | None:
        """Return the record of the finished run with this identity; None if there is none yet."""
        return next(self._records(self._entry(identity)), None)

    def reason_to_retrain(self, identity: Identity) -> str | None:
        """Explain why a run must be trained although one of the same configuration is finished.

        Returns
        -------
        str or None
            The changes, such as ``"numpy 2.4.5 -> 2.4.6"``; None if no run of the configuration is
            finished.
        """
        entry = self._entry(identity)
        try:
            # Hidden files are entries that are still being written.
            others = [e for e in entry.parent.iterdir() if e != entry and e.name[0] != "."]
            others.sort(key=lambda other: other.stat().st_mtime, reverse=True)
        except OSError:
            return None
        for other in others:
            for record in self._records(other):
                changes = identity.changes_since(record.identity_parts)
                if changes:
                    return ", ".join(changes)
        return None

    def add(self, identity: Identity, folder: Path) -> None:
        """Add the folder that contains, or is about to contain, the record of a finished run.

        Raises
        ------
        OSError
            If the index cannot be written.
        """
        entry = self._entry(identity)
        entry.parent.mkdir(parents=True, exist_ok=True)
        folder = folder.absolute()
        paths = [folder, *(path for path in self._paths(entry) if path != folder)]
        text = "".join(f"{self._stored(path)}\n" for path in paths[:_PATHS])
        write_atomically(entry, os.fsencode(text))

    def forget(self, identity: Identity) -> None:
        """Remove a run's entry, so that the run is trained again."""
        self._entry(identity).unlink(missing_ok=True)

    def _entry(self, identity: Identity) -> Path:
        return self.folder / identity.config / identity.id

    def _records(self, entry: Path) -> Iterator[Record]:
        """Read the records of an entry, skipping those missing, damaged or of other runs."""
        for folder in self._paths(entry):
            try:
                record = Record.read(folder)
            except RecordError:
                continue
            if record.identity == entry.name and record.status.is_final and record.is_whole:
                yield record

    def _paths(self, entry: Path) -> list[Path]:
        try:
            lines = entry.read_bytes().splitlines()
        except OSError:
            return []
        return [self._base / os.fsdecode(line) for line in lines if line and b"\0" not in line]

    @property
    def _base(self) -> Path:
        """The folder above the cache: paths below it are relative, so that it can be moved."""
        return self.folder.absolute().parents[1]

    def _stored(self, path: Path) -> Path:
        return path.relative_to(self._base) if path.is_relative_to(self._base) else path
