"""What a command will need, begun before anything else.

Importing takes longest of all that a short command does, and it waits for nothing. So while this
process imports Hydra and reads the configuration, another imports what a worker trains with, and a
fork of that one imports MLflow. `DESCENT_PLAIN=ahead` in the environment switches this off; the
same then begins when it is needed.

This module imports nothing large, since nothing begins before it is imported.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from experiments import switches
from experiments.commands.interrupts import interrupts_deferred

if TYPE_CHECKING:
    from concurrent.futures import Future

    from experiments.workers.child_processes import ChildProcess

PRELOADED: Final = ("experiments.tracking.process",)
"""What the fork server imports beside what workers train with, for the process that publishes."""

_publishing: list[Future[ChildProcess]] = []


@contextmanager
def started_ahead(arguments: Sequence[str]) -> Iterator[None]:
    """Begin what a command line is likely to need; end what nothing has taken.

    Parameters
    ----------
    arguments : sequence of str
        The command line without the program.
    """
    start_blas_with_one_thread()
    publishes = will_publish(arguments)
    try:
        if switches.is_on("ahead") and will_train(arguments) and (publishes or is_sweep(arguments)):
            with interrupts_deferred():  # or a process might be left that nobody ends
                _start(publishes=publishes)
        yield
    finally:
        _end()


def start_blas_with_one_thread() -> None:
    """Have OpenBLAS start no threads when NumPy is imported, unless the user has said how many.

    By default it starts one for each core in every process of a sweep, and each spins for a while
    before it sleeps. Training sets the number that its configuration says, one by default.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


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


def publishing_process() -> ChildProcess:
    """Return a process that has imported MLflow, or does; the first time, the one started ahead."""
    from concurrent.futures import BrokenExecutor

    while _publishing:
        with suppress(BrokenExecutor):  # somebody has killed it
            return _publishing.pop().result()
    return _new_publishing_process()


def _new_publishing_process() -> ChildProcess:
    from concurrent.futures import BrokenExecutor

    from experiments.workers.child_processes import ChildProcess
    from experiments.workers.fork_server import preload

    preload(*PRELOADED)
    process = ChildProcess()
    with suppress(BrokenExecutor):  # whoever uses it finds out
        process.submit(import_mlflow)
    return process


def _start(*, publishes: bool) -> None:
    # Not for --help and the like, which show something and are to do it at once.
    from experiments.workers.fork_server import preload, start_server

    preload(*PRELOADED)
    start_server()
    if publishes:
        from concurrent.futures import ThreadPoolExecutor

        # Imported here, not in the thread: if two threads import, and one is interrupted, Python
        # may lock up.
        import experiments.workers.child_processes  # noqa: F401

        # In a thread, since a fork comes only when the server has imported all that it should.
        thread = ThreadPoolExecutor(max_workers=1)
        _publishing.append(thread.submit(_new_publishing_process))
        thread.shutdown(wait=False)


def _end() -> None:
    """End the process that publishes if nothing has taken it."""
    if _publishing:
        from concurrent.futures import BrokenExecutor

        with suppress(BrokenExecutor):
            _publishing.pop().result().end()


def import_mlflow() -> None:
    """Import what publishing needs of MLflow in this process, which then collects seldom."""
    from experiments.tracking.importing import prepare_mlflow
    from experiments.workers.garbage import collect_seldom, imports_uncollected

    with imports_uncollected():
        prepare_mlflow(slim=True)
    collect_seldom()
