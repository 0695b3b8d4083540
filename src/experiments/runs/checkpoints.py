"""Checkpoints: what a run that was killed needs to go on and end with the same bits.

A run's checkpoints are in a folder named by its identity, so that any later command finds them,
whatever else it trains beside the run. Each is one file:

    descent checkpoint <SHA-256 of everything after this line>
    {"format": ..., "identity": ..., "epoch": ..., "about": ..., "values": ...}
    an .npz archive of the arrays

Nothing in it is ever unpickled. A file takes its name when it is complete; it is not forced to
the disk's surface, which would cost more than it saves: what a power failure tears does not have
its checksum, and then the checkpoint before it is used.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from experiments.errors import UserError
from experiments.files import npz
from experiments.files.atomic import write_atomically
from experiments.training.state import State

FORMAT: Final = 1
KEPT: Final = 2

_MAGIC: Final = b"descent checkpoint "
_DIGITS: Final = 64


@dataclass(frozen=True)
class Checkpoint:
    """A run's state, with what its record must know of how it came about.

    Parameters
    ----------
    identity : str
        Of the run.
    about : dict
        As JSON holds it.
    state : State
    """

    identity: str
    about: dict[str, Any]
    state: State


class CheckpointError(UserError):
    """A checkpoint that is damaged or belongs to something else."""


class Checkpoints:
    """The checkpoints of one run.

    Parameters
    ----------
    folder : Path
        Under which every run has a folder.
    identity : str
        The run's.
    """

    def __init__(self, folder: Path, identity: str) -> None:
        self.identity = identity
        self.folder = folder / identity

    def write(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint and let go of all but the newest two.

        Raises
        ------
        OSError
            If the disk is full or may not be written; the earlier ones are still there.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"epoch-{checkpoint.state.epoch:09d}.checkpoint"
        write_atomically(path, pack(checkpoint))
        for old in self._files()[KEPT:]:
            old.unlink(missing_ok=True)

    def latest(self, warn: Callable[[str], None]) -> Checkpoint | None:
        """Read the newest checkpoint that is whole; None where there is none.

        Parameters
        ----------
        warn : callable
            Told of each one that cannot be used, in words.
        """
        for path in self._files():
            try:
                return unpack(path.read_bytes(), self.identity)
            except FileNotFoundError:  # another process trains the same run and is ahead
                continue
            except (OSError, CheckpointError) as error:
                reason = error.strerror if isinstance(error, OSError) else error
                warn(f"{path}: this checkpoint is not used: {reason}")
        return None

    @property
    def exist(self) -> bool:
        """Whether there are any."""
        return bool(self._files())

    def remove(self) -> None:
        """Remove all of them: the run has ended."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _files(self) -> list[Path]:
        """List them, the newest first."""
        return sorted(self.folder.glob("epoch-*.checkpoint"), reverse=True)


def pack(checkpoint: Checkpoint) -> bytes:
    """Write a checkpoint as bytes."""
    header = {
        "format": FORMAT,
        "identity": checkpoint.identity,
        "epoch": checkpoint.state.epoch,
        "about": checkpoint.about,
        "values": checkpoint.state.values,
    }
    body = json.dumps(header).encode() + b"\n" + npz.pack(checkpoint.state.arrays)
    return _MAGIC + hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def unpack(content: bytes, identity: str) -> Checkpoint:
    """Read what :func:`pack` wrote.

    Raises
    ------
    CheckpointError
        If it is damaged, of another format, or another run's.
    """
    start = len(_MAGIC) + _DIGITS + 1
    line, body = content[:start], memoryview(content)[start:]
    expected = _MAGIC + hashlib.sha256(body).hexdigest().encode() + b"\n"
    if line != expected:
        raise CheckpointError("it is damaged (its checksum is wrong)")
    end = content.find(b"\n", start)
    try:
        header = json.loads(content[start:end])
        known = header["format"]
        if known != FORMAT:
            raise CheckpointError(
                f"its format is {known!r} and this program reads {FORMAT}; the version of the "
                "program that wrote it can go on from it"
            )
        if header["identity"] != identity:
            raise CheckpointError(
                "it is another run's, or that of a run with other code, data or libraries"
            )
        arrays = npz.unpack(content[end + 1 :])
        state = State(int(header["epoch"]), dict(header["values"]), arrays)
        return Checkpoint(identity, dict(header["about"]), state)
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"it cannot be read ({error})") from error
