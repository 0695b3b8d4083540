"""What a command will need, begun before anything else.

Of all that a short command does, importing takes longest, and it has to wait for nothing. So while
this process imports Hydra and reads the configuration, one beside it imports what a worker trains
with, and a fork of that one MLflow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from experiments.commands.blas import start_with_one_thread
from experiments.commands.interrupts import interrupts_deferred
from experiments.workers.garbage import imports_uncollected

if TYPE_CHECKING:
    from concurrent.futures import Future

    from loky import ProcessPoolExecutor

_publishing: list[Future[ProcessPoolExecutor]] = []


@contextmanager
def begun_ahead(arguments: Sequence[str]) -> Iterator[None]:
    """Begin what a command line is likely to need; end what nothing has taken.

    Parameters
    ----------
    arguments : sequence of str
        The command line without the program.
    """
    start_with_one_thread()
    publishes = will_publish(arguments)
    try:
        if will_train(arguments) and (publishes or is_sweep(arguments)):
            with interrupts_deferred():  # or something might be left that nobody ends
                _begin(publishes=publishes)
        yield
    finally:
        _end()


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


def publishing_pool() -> ProcessPoolExecutor:
    """Return a pool of one process: that which was begun ahead, the first time."""
    from concurrent.futures import BrokenExecutor

    from experiments.workers.child_processes import pool_of_one

    while _publishing:
        with suppress(BrokenExecutor):  # somebody has killed it
            return _publishing.pop().result()
    return pool_of_one()


def _begin(*, publishes: bool) -> None:
    # Not for --help and the like, which show something and are to do it at once.
    from experiments.workers.fork_server import start_server

    start_server()
    if publishes:
        from concurrent.futures import ThreadPoolExecutor

        from experiments.workers.child_processes import pool_of_one, submit

        def begin_publishing() -> ProcessPoolExecutor:
            pool = pool_of_one()
            submit(pool, import_mlflow)
            return pool

        # In a thread, since a fork comes only when the server has imported all that it should. It
        # imports nothing itself: if two threads do, and one is interrupted, Python may lock up.
        thread = ThreadPoolExecutor(max_workers=1)
        _publishing.append(thread.submit(begin_publishing))
        thread.shutdown(wait=False)


def _end() -> None:
    """End the process that publishes if nothing has taken it."""
    if _publishing:
        from concurrent.futures import BrokenExecutor

        from experiments.workers.child_processes import end_pool

        with suppress(BrokenExecutor):
            end_pool(_publishing.pop().result())


def import_mlflow() -> None:
    """Import what publishing needs of MLflow, in this process, if it has not been yet."""
    from experiments.tracking.importing import prepare_mlflow

    with imports_uncollected():
        prepare_mlflow(slim=True)
