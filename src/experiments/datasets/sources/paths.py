"""Relative paths in a configuration."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_folder: Path | None = None  # None means the working directory


@contextmanager
def relative_paths_start_at(folder: Path) -> Iterator[None]:
    """Resolve relative paths against `folder` for the body of a `with` statement.

    It is needed with `hydra.job.chdir=true`, where the working directory is the run's output
    folder and not the folder in which the command was given.
    """
    global _folder
    before, _folder = _folder, folder
    try:
        yield
    finally:
        _folder = before


def user_path(path: str) -> Path:
    """Resolve a path relative to the folder in which the command was given.

    By default this is the working directory; see :func:`relative_paths_start_at`. "~" is
    expanded to the home directory.
    """
    return (_folder or Path.cwd()) / Path(path).expanduser()
