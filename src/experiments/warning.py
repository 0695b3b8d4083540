"""Messages for the user, printed to standard error."""

from __future__ import annotations

import sys
from functools import cache

from experiments.escape import for_terminal


def say(message: str) -> None:
    """Print a message to standard error, escaped for a terminal."""
    print(for_terminal(message), file=sys.stderr, flush=True)


def warn(message: str) -> None:
    """Print a warning to standard error."""
    say(f"warning: {message}")


@cache
def warn_once(message: str) -> None:
    """Print a warning, once per process."""
    warn(message)
