"""Modules of the user's own: where those that a configuration names by ``_target_`` are found."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_OURS: Final = frozenset({"nn", "experiments"})


def search_working_directory() -> None:
    """Have the working directory searched for modules, after everything that is installed.

    A program is given only its own folder by Python, not the one where it is called. Searched
    last, a file there called like a library cannot stand in for it.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)


def own_sources(targets: Iterable[str]) -> dict[str, bytes]:
    """Read the source of the classes that are not this project's, and of those they derive from.

    Parameters
    ----------
    targets : iterable of str
        Full names of classes, imported already.

    Returns
    -------
    dict of str to bytes
        By the module's name, sorted; without Python's own modules.
    """
    sources: dict[str, bytes] = {}
    for target in sorted(set(targets)):
        module_name, _, name = target.rpartition(".")
        found = getattr(sys.modules.get(module_name), name, None)
        for kind in inspect.getmro(found) if inspect.isclass(found) else ():
            module = kind.__module__
            if module.partition(".")[0] not in _OURS | sys.stdlib_module_names:
                file = getattr(sys.modules.get(module), "__file__", None)
                sources[module] = Path(file).read_bytes() if file else b""
    return dict(sorted(sources.items()))
