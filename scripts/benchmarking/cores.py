"""Pinning of measurements to cores."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_SOURCE = Path(__file__).resolve().parents[2] / "src"
CAN_PIN = hasattr(os, "sched_setaffinity")


def available() -> list[int]:
    """Return the cores that this process may use, or all cores if that is unknown."""
    if CAN_PIN:
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


@contextmanager
def pinned(cores: Sequence[int]) -> Iterator[None]:
    """Pin this process, and those started inside the `with` block, to these cores.

    Nothing happens on systems that cannot pin processes.
    """
    before = available()
    if CAN_PIN:
        os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        if CAN_PIN:
            os.sched_setaffinity(0, before)


def one_thread_each() -> dict[str, str]:
    """Return environment variables that limit every library to one thread and set the path."""
    names = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB_MAXIMUM", "BLIS")
    threads = {f"{name}_NUM_THREADS": "1" for name in names}
    jax = {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false", "JAX_PLATFORMS": "cpu"}
    path = os.pathsep.join(filter(None, [str(_SOURCE), os.environ.get("PYTHONPATH")]))
    return {**os.environ, **threads, **jax, "PYTHONPATH": path}
