"""How the user calls this program, so that a hint can be typed as it is printed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

VERSION: Final = "0.2.0"
"""The version of this distribution; `pyproject.toml` has it, too."""

_RUN: Final = "run.py"
_SCRIPTS: Final = ("compare.py", "pictures.py", "predict.py", "publish.py", "ui.py")


def is_script(program: str) -> bool:
    """Tell whether a program is one of the checkout's own: `run.py`, or one in `scripts`."""
    return Path(program).name in (_RUN, *_SCRIPTS)


def program(command: str | None = None) -> str:
    """Return how a command of this program is typed here.

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
        return f"python {_RUN}" if command is None else f"python scripts/{command}.py"
    return "descent" if command is None else f"descent {command}"
