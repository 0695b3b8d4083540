"""What a command will need, begun before Hydra has read the configuration.

Of all that a short command does, importing takes longest, and it has to wait for nothing: MLflow
in the process that publishes, and in a sweep what workers train with.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import loky

from experiments.child_processes import end_pool, interrupts_held, pool_of_one
from experiments.fork_server import start_server
from experiments.garbage import imports_uncollected

_publishing: list[loky.ProcessPoolExecutor] = []


@contextmanager
def begun_ahead(arguments: Sequence[str]) -> Iterator[None]:
    """Begin what a command line is likely to need; end what nothing has taken.

    Parameters
    ----------
    arguments : sequence of str
        The command line without the program.
    """
    if will_train(arguments):
        if will_publish(arguments):
            _publishing.append(pool_of_one())
            with interrupts_held():
                _publishing[0].submit(import_mlflow)
        if is_sweep(arguments):
            with interrupts_held():
                start_server()
    try:
        yield
    finally:
        while _publishing:
            end_pool(_publishing.pop())


def is_sweep(arguments: Sequence[str]) -> bool:
    """Tell whether a command line asks for several runs."""
    return not {"-m", "--multirun"}.isdisjoint(arguments)


def will_train(arguments: Sequence[str]) -> bool:
    """Tell whether a command line asks for nothing but training."""
    return all(
        argument in ("-m", "--multirun") or not argument.startswith("-") for argument in arguments
    )


def will_publish(arguments: Sequence[str]) -> bool:
    """Tell whether a command line leaves tracking as it is by default: on."""
    return not any(
        argument.startswith(("tracking=", "tracking.enabled=")) for argument in arguments
    )


def publishing_pool() -> loky.ProcessPoolExecutor:
    """Return a pool of one process: that which was begun ahead, the first time."""
    return _publishing.pop() if _publishing else pool_of_one()


def import_mlflow() -> None:
    """Import MLflow, in this process, if it has not been yet."""
    from experiments.tracking.store import prepare_mlflow

    with imports_uncollected():
        prepare_mlflow()
