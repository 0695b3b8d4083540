"""Python's garbage collector, kept from what it cannot gain anything by.

Importing the libraries makes a million objects that all stay. By default the collector goes
through them many times, and once more when the program ends.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from experiments import switches

_SELDOM: Final = (300_000, 20, 100)
"""The first number is of new objects: more than a sweep of 20 runs makes, which needs 4 MB more."""


def collect_seldom() -> None:
    """Collect where enough may have been left behind to be worth a look."""
    if switches.is_on("garbage"):
        gc.set_threshold(*_SELDOM)


@contextmanager
def imports_uncollected() -> Iterator[None]:
    """Import something large without collecting, and never look at it again."""
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
    """Collect seldom, and not at the end: the system takes back everything at once."""
    collect_seldom()
    try:
        yield
    finally:
        gc.freeze()
