"""Where modules of the user's own are found: those that a configuration names by ``_target_``."""

from __future__ import annotations

import sys
from pathlib import Path


def search_working_directory() -> None:
    """Have the working directory searched for modules, after everything that is installed.

    A program is given only its own folder by Python, not the one where it is called. Searched
    last, a file there called like a library cannot stand in for it.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
