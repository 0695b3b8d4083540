"""Atomic writes: a file is either complete or absent."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from experiments.errors import UserError


def write_atomically(path: Path, content: bytes, *, durable: bool = False) -> None:
    """Write a file atomically: readers see either the old content or the new.

    The content is written to a temporary file in the same folder, which then replaces `path`.

    Parameters
    ----------
    path : Path
        The file to write or replace.
    content : bytes
        The new content.
    durable : bool, default False
        Whether to flush the content to disk before the replacement, so that the write is atomic
        even across a power failure.

    Raises
    ------
    OSError
        If the disk is full or the folder is not writable. The temporary file is removed.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def write_output(path: Path, content: bytes) -> None:
    """Write a file that the user has asked for.

    Parameters
    ----------
    path : Path
        The file to write or replace.
    content : bytes
        The new content.

    Raises
    ------
    UserError
        If the file cannot be written.
    """
    try:
        write_atomically(path, content)
    except OSError as error:
        raise UserError(
            f"{path}: cannot be written: {error.strerror or error}. Free some space or choose "
            "another folder."
        ) from error
