"""Checkpoints, from which a killed run resumes and ends with the same bits.

A run's checkpoints are in a folder named after its identity, so any later command finds them,
whatever other runs it trains. Each checkpoint is one file:

    descent checkpoint <SHA-256 of everything after this line>
    {"format": ..., "identity": ..., "epoch": ..., "about": ..., "values": ..., "folder": ...}
    an .npz archive of the arrays

Nothing in it is ever unpickled. A file gets its final name once it is complete. It is not synced
to the disk, which would cost more than it saves: a file torn by a power failure fails its
checksum, and the checkpoint before it is used.
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
    """A run's training state, and the facts about its start that its record will need.

    Parameters
    ----------
    identity : str
        The run's identity.
    about : dict
        The record's entries that date from the run's start, as JSON values.
    state : State
        The training state at the end of an epoch.
    folder : str, default ""
        The folder to which the run's progress is written with the checkpoint.
    """

    identity: str
    about: dict[str, Any]
    state: State
    folder: str = ""


class CheckpointError(UserError):
    """A checkpoint is damaged or belongs to another run."""


class Checkpoints:
    """The checkpoints of one run.

    Parameters
    ----------
    folder : Path
        The folder of all checkpoints; each run has a subfolder.
    identity : str
        The run's identity.
    """

    def __init__(self, folder: Path, identity: str) -> None:
        self.identity = identity
        self.folder = folder / identity

    def write(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint and remove all but the newest two.

        Raises
        ------
        OSError
            If the disk is full or not writable; the earlier checkpoints are kept.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"epoch-{checkpoint.state.epoch:09d}.checkpoint"
        write_atomically(path, pack(checkpoint))
        for old in self._files()[KEPT:]:
            old.unlink(missing_ok=True)

    def latest(self, warn: Callable[[str], None]) -> Checkpoint | None:
        """Read the newest undamaged checkpoint.

        Parameters
        ----------
        warn : callable
            Receives a message about each checkpoint that cannot be used.

        Returns
        -------
        Checkpoint or None
            None if the run has no usable checkpoint.
        """
        for path in self._files():
            try:
                return unpack(path.read_bytes(), self.identity)
            except FileNotFoundError:  # removed by another process that trains the same run
                continue
            except (OSError, CheckpointError) as error:
                reason = error.strerror if isinstance(error, OSError) else error
                warn(f"{path}: this checkpoint is not used: {reason}")
        return None

    def about(self) -> dict[str, Any]:
        """Read the facts about the run's start from the newest checkpoint, without its arrays.

        Returns
        -------
        dict
            See :class:`Checkpoint`; empty if there is no checkpoint or it cannot be read.
        """
        for path in self._files()[:1]:
            try:
                with path.open("rb") as file:
                    file.readline()
                    return dict(json.loads(file.readline())["about"])
            except (OSError, ValueError, KeyError, TypeError):
                pass  # `latest` warns about it when it is used
        return {}

    @property
    def exist(self) -> bool:
        """Whether the run has a checkpoint."""
        return bool(self._files())

    def remove(self) -> None:
        """Remove all checkpoints of the run."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _files(self) -> list[Path]:
        """List the checkpoint files, the newest first."""
        return sorted(self.folder.glob("epoch-*.checkpoint"), reverse=True)


def pack(checkpoint: Checkpoint) -> bytes:
    """Serialize a checkpoint."""
    header = {
        "format": FORMAT,
        "identity": checkpoint.identity,
        "epoch": checkpoint.state.epoch,
        "about": checkpoint.about,
        "values": checkpoint.state.values,
        "folder": checkpoint.folder,
    }
    body = json.dumps(header).encode() + b"\n" + npz.pack(checkpoint.state.arrays)
    return _MAGIC + hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def unpack(content: bytes, identity: str) -> Checkpoint:
    """Read a checkpoint that :func:`pack` serialized.

    Parameters
    ----------
    content : bytes
        The file's content.
    identity : str
        The identity that the checkpoint must have.

    Raises
    ------
    CheckpointError
        If the checkpoint is damaged, has another format, or belongs to another run.
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
                f"its format is {known!r} and this program reads {FORMAT}; resume with the version "
                "of the program that wrote it"
            )
        if header["identity"] != identity:
            raise CheckpointError(
                "it belongs to another run, or to this one with other code, data or libraries"
            )
        arrays = npz.unpack(content[end + 1 :])
        state = State(int(header["epoch"]), dict(header["values"]), arrays)
        return Checkpoint(identity, dict(header["about"]), state, str(header.get("folder", "")))
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"it cannot be read ({error})") from error
