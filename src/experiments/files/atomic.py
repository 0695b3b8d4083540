"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from experiments.errors import UserError


def write_atomically(path: Path, content: bytes, *, durable: bool = False) -> None:
    """Write a file so that it holds either all of its old content or all of the new.

    The content goes to a temporary file beside it, which then takes its place.

    Parameters
    ----------
    path : Path
    content : bytes
    durable : bool, default False
        Whether to wait until the content is on the disk before it takes its place, so that a
        power failure cannot tear it either.

    Raises
    ------
    OSError
        If the disk is full or the folder may not be written; nothing is left behind.
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

    Raises
    ------
    UserError
        Where it cannot be written, and why.
    """
    try:
        write_atomically(path, content)
    except OSError as error:
        raise UserError(
            f"{path}: cannot be written: {error.strerror or error}. Free some space or choose "
            "another folder."
        ) from error
