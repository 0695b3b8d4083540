"""Where relative paths of a configuration lead."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_folder: Path | None = None  # the working directory, as long as it is None


@contextmanager
def relative_paths_start_at(folder: Path) -> Iterator[None]:
    """Have relative paths start at a folder for the body of a `with` statement.

    A command whose working directory is a run's output folder (`hydra.job.chdir=true`) names the
    folder where it was given.
    """
    global _folder
    before, _folder = _folder, folder
    try:
        yield
    finally:
        _folder = before


def user_path(path: str) -> Path:
    """Make a path absolute as the user means it: from where the command was given.

    That is the working directory, unless :func:`relative_paths_start_at` names another folder.
    "~" is the home directory.
    """
    return (_folder or Path.cwd()) / Path(path).expanduser()
