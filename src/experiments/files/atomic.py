"""Atomic writes: a file is either complete or absent."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

from experiments.errors import UserError

WRITERS: Final = 4
"""Threads that write durably side by side, because each waits for the disk most of the time."""


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
    write_in_order({path: content}, durable=durable)


def write_in_order(files: Mapping[Path, bytes], *, durable: bool = False) -> None:
    """Write files atomically, so that the last one exists only if all others are complete.

    All are written before the first is flushed to disk, because the file system then flushes much
    of them at once: six small files take a third of the time.

    Parameters
    ----------
    files : mapping of Path to bytes
        The new contents, in the order in which they replace the old ones.
    durable : bool, default False
        Whether to flush the contents to disk before the first replacement.

    Raises
    ------
    OSError
        If a file, which `filename` names, cannot be written. The temporary files are removed.
    """
    temporaries = {
        path: path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp") for path in files
    }
    path = Path()
    try:
        with ExitStack() as opened:
            written = {path: opened.enter_context(open(temporaries[path], "xb")) for path in files}
            for path, file in written.items():
                file.write(files[path])
                file.flush()
            for path in files if durable else ():
                os.fsync(written[path].fileno())
        for path, temporary in temporaries.items():
            temporary.replace(path)
    except BaseException as error:
        for temporary in temporaries.values():
            with suppress(OSError):
                temporary.unlink()
        if isinstance(error, OSError):
            error.filename = str(path)
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
        raise UserError(f"{not_written(path, error)} or choose another folder.") from error


def not_written(path: Path, error: OSError) -> str:
    """Return a message about a file that cannot be written, which ends in a first cure."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    cure = "Free some space" if full else "Change that"
    return f"{path}: cannot be written: {error.strerror or error}. {cure}"
