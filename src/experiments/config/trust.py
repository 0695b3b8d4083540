"""Trust: which modules may be imported because a configuration names them.

A configuration names classes by ``_target_``, and importing a class runs the code of its module.
Every function that builds from a configuration is therefore passed the set of trusted packages:

- :func:`named_packages` for a configuration that the user typed or keeps in their own ``conf``:
  the packages that it names itself;
- :func:`allowed_packages` for the configuration in a record, which may come from anywhere: the
  packages that the user has allowed.

The set is an argument and never global state. Of this project, only the packages that hold parts
of a run can be named: importing any other module may do more than define classes.
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
_PARTS: Final = (
    "nn",
    "experiments.datasets",
    "experiments.published",
    "experiments.config.models",
)
_SELDOM: Final = "experiments.published."
"""Parts whose source is in the identity of the runs that name them, as a user's own parts are."""
_ALLOWED: Final = "DESCENT_TRUSTED_PACKAGES"  # an environment variable, separated by commas


def search_working_directory() -> None:
    """Append the working directory to the search path for modules.

    Python adds the program's folder to the path and not the working directory. At the end of
    the path, a file with the name of a library cannot shadow it.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)


def named_classes(config: Any) -> Iterator[str]:
    """Yield the classes that a configuration names by ``_target_``."""
    if isinstance(config, Mapping):
        if "_target_" in config:
            yield str(config["_target_"])
        config = list(config.values())
    if isinstance(config, list | tuple):
        for item in config:
            yield from named_classes(item)


def named_packages(config: Any) -> frozenset[str]:
    """Return the packages whose classes a configuration names, except this project's."""
    return frozenset(name.partition(".")[0] for name in named_classes(config)) - _OURS


def allowed_packages() -> frozenset[str]:
    """Return the packages whose classes any configuration may name, as allowed by the user."""
    names = os.environ.get(_ALLOWED, "").split(",")
    return frozenset(name.strip() for name in names) - {""}


def why_untrusted(target: str, trusted: frozenset[str]) -> str | None:
    """Explain why a class must not be imported, and what the user can do about it.

    Parameters
    ----------
    target : str
        Full name of the class, the value of ``_target_``.
    trusted : frozenset of str
        Top-level packages that are trusted besides this project's own.

    Returns
    -------
    str or None
        The explanation, or None if the class may be imported.
    """
    package = target.partition(".")[0]
    if package in _OURS:
        if f"{target}.".startswith(tuple(f"{part}." for part in _PARTS)):
            return None
        return (
            f"{target!r} is not a part of a run, so it is not imported; of this project, only "
            f"classes in {', '.join(_PARTS[:-1])} and {_PARTS[-1]} can be named"
        )
    if package in trusted:
        return None
    return (
        f"{target!r} belongs neither to this project nor to a package that you allow, so it is "
        f"not imported. If you know and trust the code of {package!r}, set {_ALLOWED}={package}"
    )


def own_sources(targets: Iterable[str]) -> dict[str, bytes]:
    """Read the source files of classes of the user and of `experiments.published`.

    The files of their base classes count, too; the code that all runs share has a separate hash.

    Parameters
    ----------
    targets : iterable of str
        Full names of classes whose modules are already imported.

    Returns
    -------
    dict of str to bytes
        The content of each source file by module name, sorted, without the standard library.
    """
    sources: dict[str, bytes] = {}
    for target in sorted(set(targets)):
        module_name, _, name = target.rpartition(".")
        if not _is_own(module_name):
            continue
        found = getattr(importlib.import_module(module_name), name, None)
        for kind in inspect.getmro(found) if inspect.isclass(found) else ():
            if _is_own(kind.__module__):
                sources[kind.__module__] = _source_of(kind)
    return dict(sorted(sources.items()))


def _is_own(module: str) -> bool:
    """Whether a module belongs to neither the code that all runs share nor the standard library."""
    if module.startswith(_SELDOM):
        return True
    return module.partition(".")[0] not in _OURS | sys.stdlib_module_names | {""}


def _source_of(kind: type) -> bytes:
    try:
        return Path(inspect.getfile(kind)).read_bytes()
    except (TypeError, OSError):  # defined interactively, or built in
        return b""
