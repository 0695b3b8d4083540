"""On which cores a measurement runs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_SOURCE = Path(__file__).resolve().parents[2] / "src"
CAN_PIN = hasattr(os, "sched_setaffinity")


def available() -> list[int]:
    """Return the cores that this process may use; where that is unknown, all."""
    if CAN_PIN:
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


@contextmanager
def pinned(cores: Sequence[int]) -> Iterator[None]:
    """Keep this process, and those that it starts meanwhile, on these cores.

    Where the system cannot do that, nothing happens.
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
    """Return an environment in which every library takes one thread, and the project is found."""
    names = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB_MAXIMUM", "BLIS")
    threads = {f"{name}_NUM_THREADS": "1" for name in names}
    jax = {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false", "JAX_PLATFORMS": "cpu"}
    path = os.pathsep.join(filter(None, [str(_SOURCE), os.environ.get("PYTHONPATH")]))
    return {**os.environ, **threads, **jax, "PYTHONPATH": path}
