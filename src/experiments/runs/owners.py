"""Owners of folders: one command at a time writes runs to a folder.

A command owns its folder from before it looks for other runs there until its records, its
comparison and its pictures are written. Its lock is on a file in the folder that says who it is.
The system releases the lock however the command ends, so that a command that was killed stops
nobody.

Folders contain each other: a single run may go to the folder of a sweep's run. A command therefore
also looks for an owner of the folders above its own, and of the folders of its runs. Of two
commands that begin at the same instant at least one sees the other.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from experiments.files.json import parse_json
from experiments.files.locks import HeldByAnotherError, Lock, NoLocksError, is_held
from experiments.files.paths import shown
from experiments.files.reading import read_file
from experiments.runs.job import command

OWNER: Final = ".descent-owner"
"""The name of the locked file, which a folder has while a command owns it."""

_POLL: Final = 0.2  # seconds between checks whether the owner has ended


class Ownership:
    """The folders that this command owns.

    Parameters
    ----------
    warn : callable
        A function that shows a warning to the user, for folders in which files cannot be locked.
    """

    def __init__(self, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._locks: dict[Path, Lock | None] = {}  # None where files cannot be locked
        self._made: list[Path] = []  # folders, each before the one that contains it

    def acquire(self, folder: Path, runs: Iterable[Path], on_wait: Callable[[str], None]) -> None:
        """Own a folder, and the folders of runs that are not below it; wait for other owners.

        The folders are created if they are missing.

        Parameters
        ----------
        folder : Path
            The folder of a sweep or of a single run.
        runs : iterable of Path
            The folders of its runs.
        on_wait : callable
            A function that is called with a description of the owner, several times a second; an
            exception that it raises ends the waiting.
        """
        top = Path(os.path.abspath(folder)).resolve()
        places = {_moved(run, folder, top) for run in runs}
        own = {top, *(place for place in places if top not in place.parents)}
        above = {parent for path in own for parent in path.parents}
        new = sorted(own.difference(self._locks))
        others = (above | places).difference(own, self._locks)
        while (owned := self._take(new, others)) is not None:
            owner = _described(owned)
            time.sleep(_POLL)
            on_wait(owner)

    def release(self) -> None:
        """Release all folders, and remove those that were created and are empty."""
        self._release(list(self._locks))
        for folder in self._made:
            with suppress(OSError):  # it is not empty
                folder.rmdir()
        self._made.clear()

    def _take(self, new: Sequence[Path], others: Iterable[Path]) -> Path | None:
        """Own all of the new folders or none; return the locked file of another owner, if any.

        `others` are folders that nobody else may own while this one owns the new ones.
        """
        owned = next((path for folder in new if (path := self._lock(folder))), None) or next(
            (path for folder in others if is_held(path := folder / OWNER)), None
        )
        if owned is not None:
            self._release(new)
        return owned

    def _release(self, folders: Iterable[Path]) -> None:
        for folder in folders:
            if (lock := self._locks.pop(folder, None)) is not None:
                lock.release()

    def _lock(self, folder: Path) -> Path | None:
        """Lock a folder; return the locked file if somebody else owns the folder."""
        self._locks[folder] = None
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:  # the next write to the folder fails, too, and raises the error
            return None
        self._made += missing
        try:
            self._locks[folder] = Lock(folder / OWNER, _about_this_command())
        except (HeldByAnotherError, FileNotFoundError):  # or an owner has removed the empty folder
            return folder / OWNER
        except NoLocksError as reason:
            self._warn(
                f"{shown(folder)}: files cannot be locked here ({reason}), so two commands that "
                "write to this folder at the same time would damage each other's records. Start "
                "one at a time, or choose a folder on another file system (hydra.run.dir=FOLDER, "
                "or hydra.sweep.dir=FOLDER for a sweep)"
            )
        except OSError:
            pass
        return None


def _about_this_command() -> bytes:
    about = {
        "process": os.getpid(),
        "host": platform.node(),
        "since": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC",
        "command": command(),
    }
    return json.dumps(about).encode()


def _moved(run: Path, folder: Path, top: Path) -> Path:
    """Return the place of a run's folder without links; `top` is `folder` without links."""
    run, folder = run.absolute(), folder.absolute()
    return top / run.relative_to(folder) if folder in run.parents else run.resolve()


def _described(path: Path) -> str:
    """Describe the owner of a folder."""
    where = f"which writes to {shown(path.parent)}"
    try:
        about = parse_json(read_file(path))
        return (
            f"process {about['process']} on {about['host']}, {where} since {about['since']} "
            f"(`{about['command']}`)"
        )
    except (OSError, ValueError, KeyError, TypeError):  # the owner has just started, or just ended
        return f"another command, {where}"
