"""Modules of the user's own: where those that a configuration names are found, and which may run.

A configuration names classes by ``_target_``, and a class that is imported runs its module. What
somebody typed, or keeps in their own ``conf``, is theirs to run. A configuration that came with a
record may come from anywhere: it may name classes of this project, of packages that the command
itself has named, and of those that the user allows.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from experiments.errors import ConfigError

_OURS: Final = frozenset({"nn", "experiments"})
_ALLOWED: Final = "DESCENT_TRUSTED_PACKAGES"  # an environment variable: names with commas between

_named: set[str] = set()


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


def trust(packages: Iterable[str]) -> None:
    """Let configurations of any origin name classes of these packages, in this process."""
    _named.update(packages)


def trusted_packages() -> frozenset[str]:
    """Return the packages of which any configuration may name classes."""
    allowed = os.environ.get(_ALLOWED, "").split(",")
    return _OURS | _named | {name.strip() for name in allowed if name.strip()}


def check_trust(config: Any) -> None:
    """Check, before anything is imported, that a configuration from elsewhere may run.

    Raises
    ------
    ConfigError
        Naming the first class of a package that is not trusted.
    """
    trusted = trusted_packages()
    for name in named_classes(config):
        package = name.partition(".")[0]
        if package not in trusted:
            raise ConfigError(
                f"the configuration names {name!r}, which is neither of this project nor of a "
                f"package that you allow, so it is not imported. If you know the code of "
                f"{package!r} and trust it, set {_ALLOWED}={package}"
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
        found = getattr(sys.modules.get(module_name), name, None)
        for kind in inspect.getmro(found) if inspect.isclass(found) else ():
            module = kind.__module__
            if module.partition(".")[0] not in _OURS | sys.stdlib_module_names:
                file = getattr(sys.modules.get(module), "__file__", None)
                sources[module] = Path(file).read_bytes() if file else b""
    return dict(sorted(sources.items()))
