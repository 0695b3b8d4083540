"""Where relative paths of a configuration lead."""

from __future__ import annotations

from pathlib import Path


def user_path(path: str) -> Path:
    """Make a path absolute as the user means it: from where the command was given.

    Hydra may have changed the working directory to the run's output folder. "~" is the home
    directory.
    """
    from hydra.utils import to_absolute_path

    return Path(to_absolute_path(str(Path(path).expanduser())))
