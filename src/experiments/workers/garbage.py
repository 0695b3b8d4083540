"""Settings of Python's garbage collector that avoid useless collections.

Importing the libraries creates a million objects that live until the end. By default the collector
traverses them many times, and once more when the program ends.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from experiments import switches

_SELDOM: Final = (300_000, 20, 100)
"""Thresholds: more new objects than a sweep of 20 runs creates, at the cost of 4 MB of memory."""


def collect_seldom() -> None:
    """Raise the collector's thresholds, so that it runs only after many new objects."""
    if switches.is_on("garbage"):
        gc.set_threshold(*_SELDOM)


@contextmanager
def imports_uncollected() -> Iterator[None]:
    """Import large libraries without collecting, and exclude them from all later collections."""
    if not switches.is_on("garbage"):
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def garbage_left() -> Iterator[None]:
    """Collect seldom, and not at exit, where the system frees all memory at once."""
    collect_seldom()
    try:
        yield
    finally:
        gc.freeze()
