"""Which modules a configuration may have imported, and where those of the user's own are found.

A configuration names classes by ``_target_``, and importing a class runs its module. So whoever
builds from a configuration says which packages are trusted:

- :func:`named_packages`, those that the configuration itself names, where the user typed it or
  keeps it in their own ``conf``;
- :func:`allowed_packages`, those that the user allows, where it came with a record, which may come
  from anywhere.

Trust is a set of package names that is passed along; nothing remembers it. Of this project only the
packages that hold parts of a run can be named, whoever names them: importing any other module of
ours may do more than define classes.
"""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

_OURS: Final = frozenset({"nn", "experiments"})
_PARTS: Final = ("nn", "experiments.datasets", "experiments.config.models")
_ALLOWED: Final = "DESCENT_TRUSTED_PACKAGES"  # an environment variable: names with commas between


def search_working_directory() -> None:
    """Have the working directory searched for modules, after everything that is installed.

    A program is given only its own folder by Python, not the one where it is called. Searched
    last, a file there called like a library cannot stand in for it.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)


def named_classes(config: Any) -> Iterator[str]:
    """Find the classes that a configuration names by ``_target_``."""
    if isinstance(config, Mapping):
        if "_target_" in config:
            yield str(config["_target_"])
        config = list(config.values())
    if isinstance(config, list | tuple):
        for item in config:
            yield from named_classes(item)


def named_packages(config: Any) -> frozenset[str]:
    """Return the packages, besides this project's, whose classes a configuration names."""
    return frozenset(name.partition(".")[0] for name in named_classes(config)) - _OURS


def allowed_packages() -> frozenset[str]:
    """Return the packages whose classes the user lets any configuration name."""
    names = os.environ.get(_ALLOWED, "").split(",")
    return frozenset(name.strip() for name in names) - {""}


def why_untrusted(target: str, trusted: frozenset[str]) -> str | None:
    """Say why a class must not be imported, and what the user can do; None if it may be.

    Parameters
    ----------
    target : str
        Full name of the class, as ``_target_`` gives it.
    trusted : frozenset of str
        Top-level packages that are trusted besides this project's own.
    """
    package = target.partition(".")[0]
    if package in _OURS:
        if f"{target}.".startswith(tuple(f"{part}." for part in _PARTS)):
            return None
        return (
            f"{target!r} is not a part of a run, so it is not imported; of this project, classes "
            f"of {', '.join(_PARTS[:-1])} and {_PARTS[-1]} can be named"
        )
    if package in trusted:
        return None
    return (
        f"{target!r} is neither of this project nor of a package that you allow, so it is not "
        f"imported. If you know the code of {package!r} and trust it, set {_ALLOWED}={package}"
    )


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
        if module_name.partition(".")[0] in _OURS or not module_name:
            continue
        found = getattr(importlib.import_module(module_name), name, None)
        for kind in inspect.getmro(found) if inspect.isclass(found) else ():
            if kind.__module__.partition(".")[0] not in _OURS | sys.stdlib_module_names:
                sources[kind.__module__] = _source_of(kind)
    return dict(sorted(sources.items()))


def _source_of(kind: type) -> bytes:
    try:
        return Path(inspect.getfile(kind)).read_bytes()
    except (TypeError, OSError):  # a class that was typed in, or built in
        return b""
