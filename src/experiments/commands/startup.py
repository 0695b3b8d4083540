"""Starting the processes that a command will need before anything else.

Imports take most of the time of a short command. While this process imports Hydra and reads the
configuration, the fork server imports what workers need, and a fork of it imports MLflow.
`DESCENT_PLAIN=ahead` in the environment switches this off; processes then start when needed.

This module imports nothing large, because its own import delays everything else.
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
"""The modules that the fork server imports for the publishing process, besides the workers'."""

_publishing: list[Future[ChildProcess]] = []


@contextmanager
def started_ahead(arguments: Sequence[str]) -> Iterator[None]:
    """Start the processes that a command line is likely to need; end those that are not used.

    Parameters
    ----------
    arguments : sequence of str
        The command line without the program.
    """
    start_blas_with_one_thread()
    publishes = will_publish(arguments)
    try:
        if switches.is_on("ahead") and will_train(arguments) and (publishes or is_sweep(arguments)):
            with interrupts_deferred():  # an interrupt here could leave a process running
                _start(publishes=publishes)
        yield
    finally:
        _end()


def start_blas_with_one_thread() -> None:
    """Have OpenBLAS start no threads when NumPy is imported, unless the user has set a number.

    By default it starts one thread per core in every process of a sweep, and each spins for a while
    before it sleeps. Training later sets the number in its configuration, one by default.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def is_sweep(arguments: Sequence[str]) -> bool:
    """Return whether a command line asks for a sweep."""
    return not {"-m", "--multirun"}.isdisjoint(arguments)


def will_train(arguments: Sequence[str]) -> bool:
    """Return whether a command line trains, rather than showing something such as --help."""
    return all(
        argument in ("-m", "--multirun") or not argument.startswith("-") for argument in arguments
    )


def will_publish(arguments: Sequence[str]) -> bool:
    """Return whether a command line leaves tracking at its default, which is on."""
    return not any(
        argument.startswith(("tracking=", "tracking.enabled=")) for argument in arguments
    )


def publishing_process() -> ChildProcess:
    """Return a process that imports MLflow; the one that was started ahead, if it is unused."""
    from concurrent.futures import BrokenExecutor

    while _publishing:
        with suppress(BrokenExecutor):  # the process was killed
            return _publishing.pop().result()
    return _new_publishing_process()


def _new_publishing_process() -> ChildProcess:
    from concurrent.futures import BrokenExecutor

    from experiments.workers.child_processes import ChildProcess
    from experiments.workers.fork_server import preload

    preload(*PRELOADED)
    process = ChildProcess()
    with suppress(BrokenExecutor):  # the first use raises it again
        process.submit(import_mlflow)
    return process


def _start(*, publishes: bool) -> None:
    # Imported here: --help and --cfg do not start processes and must be fast.
    from experiments.workers.fork_server import preload, start_server

    preload(*PRELOADED)
    start_server()
    if publishes:
        from concurrent.futures import ThreadPoolExecutor

        # Imported here, not in the thread: Python may deadlock if two threads import and one of
        # them is interrupted.
        import experiments.workers.child_processes  # noqa: F401

        # In a thread, because a fork has to wait until the server has finished its imports.
        thread = ThreadPoolExecutor(max_workers=1)
        _publishing.append(thread.submit(_new_publishing_process))
        thread.shutdown(wait=False)


def _end() -> None:
    """End the publishing process if it was not used."""
    if _publishing:
        from concurrent.futures import BrokenExecutor

        with suppress(BrokenExecutor):
            _publishing.pop().result().end()


def import_mlflow() -> None:
    """Import the part of MLflow that publishing needs, and make garbage collection rare."""
    from experiments.tracking.importing import prepare_mlflow
    from experiments.workers.garbage import collect_seldom, imports_uncollected

    with imports_uncollected():
        prepare_mlflow(slim=True)
    collect_seldom()
