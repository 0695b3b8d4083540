"""MLflow imported ahead of need, in the process that is going to publish.

Of all that a short command does, this takes longest, and it has to wait for nothing. So a command
that looks as if it will publish begins with it, while Hydra reads the configuration.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import loky

from experiments.child_processes import end_pool, interrupts_held, pool_of_one
from experiments.garbage import imports_uncollected

_started: list[loky.ProcessPoolExecutor] = []


@contextmanager
def publishing_ahead(arguments: Sequence[str]) -> Iterator[None]:
    """Start the process if the command line is likely to publish; end it if nothing has taken it.

    Parameters
    ----------
    arguments : sequence of str
        The command line without the program.
    """
    if will_publish(arguments):
        _started.append(pool_of_one())
        with interrupts_held():
            _started[0].submit(import_mlflow)
    try:
        yield
    finally:
        while _started:
            end_pool(_started.pop())


def will_publish(arguments: Sequence[str]) -> bool:
    """Tell whether a command line asks for nothing but training, and says nothing of tracking."""
    return not any(
        argument.startswith(("tracking=", "tracking.enabled="))
        or (argument.startswith("-") and argument not in ("-m", "--multirun"))
        for argument in arguments
    )


def publishing_pool() -> loky.ProcessPoolExecutor:
    """Return a pool of one process: that which was started ahead, the first time."""
    return _started.pop() if _started else pool_of_one()


def import_mlflow() -> None:
    """Import MLflow, in this process, if it has not been yet."""
    from experiments.tracking.store import prepare_mlflow

    with imports_uncollected():
        prepare_mlflow()
