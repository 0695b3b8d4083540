"""Warnings for the user, printed to standard error."""

from __future__ import annotations

import sys
from functools import cache


def warn(message: str) -> None:
    """Print a warning to standard error."""
    print(f"warning: {message}", file=sys.stderr, flush=True)


@cache
def warn_once(message: str) -> None:
    """Print a warning, once per process."""
    warn(message)
