"""Which runs are finished, by their identity: what nobody needs to train again.

    FOLDER/<hash of the configuration>/<identity>    paths of the run's records, the newest first

Records are the truth; this only says where to look. An entry that leads nowhere, or to another
run, is passed over, and removing the whole folder costs no more than training again.
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

_PATHS: Final = 8  # the most copies of a record that are remembered


class FinishedRuns:
    """An index of finished runs, which any number of processes may use at once.

    Parameters
    ----------
    folder : Path
        Made where it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, identity: Identity) -> Record | None:
        """Return the record of the finished run with this identity, if there is one."""
        return next(self._records(self._entry(identity)), None)

    def why_anew(self, identity: Identity) -> str | None:
        """Say why a run must be trained though one of the same configuration is finished.

        Returns
        -------
        str or None
            Such as ``"numpy 2.4.5 -> 2.4.6"``; None where no such run is finished.
        """
        entry = self._entry(identity)
        try:
            # Hidden ones are about to take their names.
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
        """Enter the folder where the record of a finished run is, or is about to be.

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
        """Let a run be trained anew."""
        self._entry(identity).unlink(missing_ok=True)

    def _entry(self, identity: Identity) -> Path:
        return self.folder / identity.config / identity.id

    def _records(self, entry: Path) -> Iterator[Record]:
        """Read the records that an entry leads to, those that are still there."""
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
        """The folder whose index this is, so that it may be moved as a whole."""
        return self.folder.absolute().parents[1]

    def _stored(self, path: Path) -> Path:
        return path.relative_to(self._base) if path.is_relative_to(self._base) else path
