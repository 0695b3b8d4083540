"""How much memory this process may still take."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from experiments.errors import DataError

_PROC: Final = Path("/proc")
_GROUPS: Final = Path("/sys/fs/cgroup")


def available_memory(proc: Path = _PROC, groups: Path = _GROUPS) -> int | None:
    """Return how many bytes of memory are left to this process.

    The number is the least of the free memory of the machine, that of the process's control groups
    (of containers and batch systems) and what its limit of address space allows (``ulimit -v``).

    Parameters
    ----------
    proc, groups : Path
        The places of Linux's pseudo file systems.

    Returns
    -------
    int or None
        The number of bytes; None where the system does not say.
    """
    left = [*_left_on_machine(proc), *_left_in_groups(proc, groups), *_left_to_process(proc)]
    return max(min(left), 0) if left else None


def require_memory(what: str, needed: float, available: int | None) -> None:
    """Raise an error if more memory is needed than available.

    Parameters
    ----------
    what : str
        The thing that needs the memory, for the message.
    needed : float
        The number of bytes needed.
    available : int or None
        The number of bytes available; None, if unknown, refuses nothing.

    Raises
    ------
    DataError
        If there is not enough.
    """
    if available is not None and needed > available:
        raise DataError(
            f"{what} needs about {size(needed)} of memory, but only {size(available)} are left. "
            "Use fewer rows or columns, or a machine with more memory."
        )


def size(count: float) -> str:
    """Write a number of bytes for people, such as "1.5 GB"."""
    units = ["bytes", "kB", "MB", "GB", "TB"]
    while count >= 1000 and len(units) > 1:
        count /= 1000
        del units[0]
    return f"{count:.3g} {units[0]}"


def _left_on_machine(proc: Path) -> Iterator[int]:
    for line in _lines(proc / "meminfo"):
        name, _, rest = line.partition(":")
        if name == "MemAvailable":
            yield int(rest.split()[0]) * 1024


def _left_in_groups(proc: Path, groups: Path) -> Iterator[int]:
    """Yield what each control group leaves, of the process and all that contain it."""
    for line in _lines(proc / "self" / "cgroup"):
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            top, names = groups, ("memory.max", "memory.current", "")
        elif "memory" in controllers.split(","):
            top = groups / "memory"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_")
        else:
            continue
        folder = top / path.lstrip("/")
        # In a container the path may be that of the host, of which only the top is seen.
        for place in (folder, *folder.parents):
            limit, used = (_number(place / name) for name in names[:2])
            if limit is not None and used is not None:
                yield limit - used + _reclaimable(place / "memory.stat", names[2])
            if place == top:
                break


def _reclaimable(statistics: Path, prefix: str) -> int:
    """Return the memory that caches files, which is given back when it is needed."""
    cached = {f"{prefix}inactive_file", f"{prefix}active_file"}
    pairs = (line.split() for line in _lines(statistics))
    return sum(int(count) for name, count in pairs if name in cached)


def _left_to_process(proc: Path) -> Iterator[int]:
    if sys.platform == "win32":
        return
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    for line in _lines(proc / "self" / "statm"):
        if limit != resource.RLIM_INFINITY:
            yield limit - int(line.split()[0]) * resource.getpagesize()


def _number(path: Path) -> int | None:
    """Return the number in a file; None if it is absent or says "max"."""
    for line in _lines(path):
        if line.isdigit():
            return int(line)
    return None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
