"""Code that only saves time: a network computes the same bits with it or without it.

========  ==========================================================================
buffers   arrays that are allocated once, next to each other, on large memory pages
trace     elementwise NumPy code as a list of instructions
compile   these instructions compiled into one loop
replay    the calls of a training step, repeated without asking the layers for them
========  ==========================================================================

Without it, training steps of six sizes of networks, from 2-4-2 to 784-1000-1000-10, took longer by
0-4% (large pages), 15-89% (compiled loops) and 2-19% (replayed steps).

The environment variable ``DESCENT_PLAIN`` switches it off, to measure what it saves or to find out
whether it causes a problem: ``DESCENT_PLAIN=1`` switches off everything,
``DESCENT_PLAIN=compile,replay`` only some parts.
"""

from __future__ import annotations

import os
from typing import Final

PARTS: Final = frozenset({"pages", "compile", "replay"})
"""The parts that can be switched off: large memory pages, compiled loops, replayed steps."""

_VARIABLE: Final = "DESCENT_PLAIN"


def switched_off(setting: str) -> frozenset[str]:
    """Return the parts that a value of ``DESCENT_PLAIN`` switches off.

    Other words are ignored: they name optimizations of other packages.
    """
    words = {word.strip() for word in setting.split(",")}
    return PARTS if "1" in words else PARTS & words


off = switched_off(os.environ.get(_VARIABLE, ""))
"""The parts that are switched off in this process."""


def is_on(part: str) -> bool:
    """Whether one of :data:`PARTS` is in use."""
    return part not in off
