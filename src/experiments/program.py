"""How the user calls this program, so that a hint can be typed as it is printed."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import Final

VERSION: Final = "0.2.0"
"""The version of this distribution; `pyproject.toml` has it, too."""

_RUN: Final = "run.py"
_SCRIPTS: Final = (
    "compare.py",
    "describe.py",
    "pictures.py",
    "predict.py",
    "publish.py",
    "reproduce.py",
    "sample.py",
    "ui.py",
)


def is_script(program: str) -> bool:
    """Tell whether a program is one of the checkout's own: `run.py`, or one in `scripts`."""
    return Path(program).name in (_RUN, *_SCRIPTS)


def program(command: str | None = None) -> str:
    """Return the name of a command of this program, as help and messages show it.

    Parameters
    ----------
    command : str, optional
        A command, such as ``publish``; by default what trains.

    Returns
    -------
    str
        ``descent publish``, or ``python scripts/publish.py`` where `run.py` or another script of
        the checkout was called.
    """
    if is_script(sys.argv[0]):
        return f"python {_script(command)}"
    return "descent" if command is None else f"descent {command}"


def to_type(command: str | None = None) -> str:
    """Return what to type to call a command from this folder and environment, for hints to copy.

    Unlike the name of `program`, this has the path of a script that is not below the working
    directory, and of a program that the shell does not find: ``.venv/bin/python run.py``.
    """
    if not is_script(sys.argv[0]):
        return " ".join(filter(None, [_found_by_shell("descent"), command]))
    called = Path(sys.argv[0])
    checkout = called.parent if called.name == _RUN else called.parent.parent
    return f"{_found_by_shell('python')} {_typed(checkout / _script(command))}"


def _script(command: str | None) -> str:
    return _RUN if command is None else f"scripts/{command}.py"


def _found_by_shell(name: str) -> str:
    """Return the name of a program of this environment if the shell finds it, or else its path."""
    own = Path(sys.executable).parent / name
    found = shutil.which(name)
    if not own.exists() or (found is not None and Path(found).parent == own.parent):
        return name
    return _typed(own)


def _typed(path: Path) -> str:
    """Write a path for a shell, relative to the working directory if it is below it."""
    here = Path.cwd()
    return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) else path))
